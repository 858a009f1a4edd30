"""DiffAugment is differentiable, drawn per image from its generator alone, and within the paper's strengths."""

import torch
from graftbench.bench.augment.diffaugment import DiffAugment, Translation, cut_out, jitter_colour, translate

SIDE = 32


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(count=8):
    return torch.rand(count, 3, SIDE, SIDE, generator=rng(1)) * 2 - 1


def test_equal_states_of_the_generator_give_equal_images_and_others_do_not():
    images = pictures()
    torch.manual_seed(0)
    first = DiffAugment()(images, rng(3))
    torch.manual_seed(99)
    assert torch.equal(first, DiffAugment()(images, rng(3)))
    assert not torch.equal(first, DiffAugment()(images, rng(4)))


def test_each_image_has_its_own_draw():
    same = pictures(1).expand(8, -1, -1, -1)
    for transform in (jitter_colour, translate, cut_out):
        assert len(transform(same, rng()).flatten(1).unique(dim=0)) >= 7, transform.__name__


def test_the_gradient_is_that_of_finite_differences():
    images = pictures(2).double().requires_grad_(True)
    direction = torch.randn(images.shape, generator=rng(5), dtype=torch.float64)
    weights = torch.randn(images.shape, generator=rng(6), dtype=torch.float64)

    def value(x):
        return (DiffAugment()(x, rng(7)) * weights).sum()

    (gradient,) = torch.autograd.grad(value(images), images)
    numeric = (value(images + 1e-4 * direction) - value(images - 1e-4 * direction)) / 2e-4
    assert gradient.abs().max() > 0.1
    assert torch.allclose((gradient * direction).sum(), numeric, rtol=1e-6)


def test_colour_is_brightness_then_saturation_then_contrast():
    images = pictures()
    uniform = torch.rand(3, len(images), 1, 1, 1, generator=rng(2))
    expected = images + uniform[0] - 0.5
    grey = expected.mean(1, keepdim=True)
    expected = (expected - grey) * (2 * uniform[1]) + grey
    level = expected.mean((1, 2, 3), keepdim=True)
    expected = (expected - level) * (0.5 + uniform[2]) + level
    assert torch.allclose(jitter_colour(images, rng(2)), expected, atol=1e-6)


def test_translation_moves_by_up_to_an_eighth_in_every_direction_and_fills_with_zero():
    images = torch.ones(400, 3, SIDE, SIDE)
    images[:, :, SIDE // 2, SIDE // 2] = 2
    marks = (translate(images, rng())[:, 0] == 2).nonzero()
    moves = marks[:, 1:] - SIDE // 2
    assert len(marks) == 400
    assert moves.amin(0).tolist() == [-SIDE // 8] * 2 and moves.amax(0).tolist() == [SIDE // 8] * 2
    left = translate(images, rng()).eq(0).all(1).sum((1, 2))
    expected = SIDE**2 - (SIDE - moves[:, 0].abs()) * (SIDE - moves[:, 1].abs())
    assert torch.equal(left, expected)


def test_translation_alone_is_the_one_of_diffaugment():
    images = pictures()
    assert torch.equal(Translation()(images, rng(4)), translate(images, rng(4)))


def test_cutout_removes_a_square_of_half_the_side():
    gone = cut_out(torch.ones(400, 3, SIDE, SIDE), rng()).eq(0).all(1)
    heights, widths = gone.any(2).sum(1), gone.any(1).sum(1)
    assert torch.equal(gone.sum((1, 2)), heights * widths)
    assert heights.max() == widths.max() == SIDE // 2
    # Centres reach the border, so that squares may be cropped to half of that.
    assert heights.min() == widths.min() == SIDE // 4
