"""ADA's probability follows the discriminator's overfitting; its transforms are what the paper's bgc pipe draws."""

import math

import pytest
import torch
from graftbench.bench.augment.ada import ADA, colour, draw_colour, draw_map, move

SIDE = 32


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(count=8):
    return torch.rand(count, 3, SIDE, SIDE, generator=rng(1)) * 2 - 1


def after(logits, updates, **options):
    ada = ADA(**options)
    for _ in range(updates):
        ada.observe(logits)
    return ada


def test_overfitting_raises_the_probability_and_its_absence_lowers_it():
    confident, balanced = torch.ones(32), torch.tensor([1.0, -1.0] * 16)
    ada = after(confident, 40)
    risen = ada.probability.item()
    assert risen == pytest.approx(40 * 32 / 500_000)
    for _ in range(20):
        ada.observe(balanced)
    assert ada.probability.item() == pytest.approx(20 * 32 / 500_000)


@pytest.mark.parametrize(("positive", "direction"), [(27, 1), (24, -1)])
def test_the_target_is_a_mean_sign_of_six_tenths(positive, direction):
    # 27 of 32 positive: r = 0.69; 24 of 32: r = 0.5.
    ada = ADA(kimg=10)
    ada.probability = torch.tensor(0.5)
    for _ in range(4):
        ada.observe(torch.tensor([0.1] * positive + [-0.1] * (32 - positive)))
    assert math.copysign(1, ada.probability.item() - 0.5) == direction


def test_the_probability_moves_only_each_fourth_update():
    assert after(torch.ones(8), 3).probability == 0
    assert after(torch.ones(8), 4).probability > 0


@pytest.mark.parametrize(
    ("options", "ramp_kimg"),
    [({}, 500), ({"from_source": True}, 100), ({"kimg": 10}, 2), ({"kimg": 10_000, "from_source": True}, 100)],
)
def test_the_ramp_is_500_kimg_or_100_from_a_source_or_a_fifth_of_the_run(options, ramp_kimg):
    per_update = after(torch.ones(50), 4, **options).probability.item()
    assert per_update * ramp_kimg * 1000 == pytest.approx(200)


def test_the_probability_stays_between_zero_and_one():
    assert after(torch.ones(1000), 400, kimg=1).probability == 1
    assert after(-torch.ones(1000), 40, kimg=1).probability == 0


def test_the_state_resumes_between_two_moves():
    whole, first = after(torch.ones(32), 22, kimg=10), after(torch.ones(32), 14, kimg=10)
    second = ADA(kimg=10)
    second.load_state_dict(first.state_dict())
    for _ in range(8):
        second.observe(torch.ones(32))
    assert second.state_dict() == whole.state_dict()


def test_at_probability_zero_the_images_stay():
    assert torch.allclose(ADA()(pictures(), rng()), pictures(), atol=1e-5)


def test_at_probability_one_every_image_changes_in_its_own_way_and_the_gradient_flows():
    ada = ADA()
    ada.probability = torch.ones(())
    images = pictures(1).expand(16, -1, -1, -1).clone().requires_grad_(True)
    out = ada(images, rng())
    assert len(out.detach().flatten(1).unique(dim=0)) == 16
    out.square().sum().backward()
    assert torch.isfinite(images.grad).all()
    assert (images.grad.abs().sum((1, 2, 3)) > 0).all()
    assert torch.equal(out, ada(images, rng())) and not torch.equal(out, ada(images, rng(1)))


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_a_share_p_of_the_images_gets_each_kind_of_transform(probability):
    p = torch.tensor(probability)
    _, offsets = draw_colour(20_000, p, rng())
    brightened = (offsets != 0).float().mean().item()
    assert brightened == pytest.approx(probability, abs=0.015)
    maps = draw_map(20_000, SIDE, p, rng())
    # Unturned, unmirrored and unscaled: the linear part is the identity.
    untouched = (maps[:, :, :2] - torch.eye(2)).abs().amax((1, 2)).lt(1e-5).float().mean().item()
    mirror, quarter, turns = 1 - probability / 2, 1 - probability * 3 / 4, 1 - probability
    assert untouched == pytest.approx(mirror * quarter * turns * (1 - probability) ** 2, abs=0.015)


def test_maps_of_mirrors_quarter_turns_and_whole_pixels_are_exact():
    images = pictures(3)
    maps = torch.tensor(
        [
            [[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
            [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]],
            [[1.0, 0.0, 2 * 3 / SIDE], [0.0, 1.0, 0.0]],
        ]
    )
    out = move(images, maps)
    assert torch.allclose(out[0], images[0].flip(2), atol=1e-5)
    assert torch.allclose(out[1], images[1].rot90(1, (1, 2)), atol=1e-5)
    assert torch.allclose(out[2, :, :, :-3], images[2, :, :, 3:], atol=1e-5)
    assert torch.allclose(out[2, :, :, -3:], images[2, :, :, -3:].flip(2), atol=1e-5)


def test_hue_turns_chroma_and_keeps_grey():
    matrices, offsets = draw_colour(500, torch.ones(()), rng())
    grey = torch.full((500, 3, 1, 1), 0.5)
    out = colour(grey, matrices, offsets)
    assert torch.allclose(out, out[:, :1].expand_as(out), atol=1e-5)
    red = colour(torch.tensor([0.5, -0.25, -0.25]).view(1, 3, 1, 1).expand(500, -1, -1, -1), matrices, 0 * offsets)
    assert torch.allclose(red.sum(1), torch.zeros_like(red.sum(1)), atol=1e-4)
    assert (red.argmax(1).flatten().bincount(minlength=3) > 100).all()


def test_autocast_changes_no_transform():
    ada = ADA()
    ada.probability = torch.ones(())
    with torch.autocast("cpu", torch.bfloat16):
        under_autocast = ada(pictures(), rng())
    assert torch.equal(under_autocast, ada(pictures(), rng()))
