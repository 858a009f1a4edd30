"""What holds for every registered backbone at every resolution up to 64 px."""

import copy

import pytest
import torch
from graftbench.bench.backbones import make_backbone
from graftbench.bench.registries import backbones

NARROW = 8
CASES = [(n, r) for n in backbones.names() for r in backbones.get(n).resolutions if r <= 64]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def backbone(request):
    name, resolution = request.param
    torch.manual_seed(0)
    return make_backbone(name, resolution, NARROW)


def images(backbone, count=4):
    return torch.rand(count, 3, backbone.resolution, backbone.resolution) * 2 - 1


def test_generator_maps_latents_to_images(backbone):
    generator = backbone.make_generator()
    assert generator(torch.randn(4, generator.latent_dim)).shape == (4, 3, backbone.resolution, backbone.resolution)


def test_generator_features_have_the_resolutions_of_its_blocks_and_end_in_the_image(backbone):
    generator = backbone.make_generator().eval()
    z = torch.randn(4, generator.latent_dim)
    features = generator.features(z)
    assert [f.shape[-1] for f in features] == [block.resolution for block in generator.blocks]
    assert features[0].shape[-1] == 4
    assert torch.equal(features[-1], generator(z))


def test_equal_latents_give_equal_images_in_eval_mode_whatever_the_global_random_state(backbone):
    generator = backbone.make_generator().eval()
    z = torch.randn(4, generator.latent_dim)
    first = generator(z)
    torch.randn(7)
    assert torch.equal(first, generator(z))


def test_training_images_are_repeatable_and_reach_every_generator_parameter(backbone):
    generator = backbone.make_generator()
    z, others = torch.randn(2, 4, generator.latent_dim)

    def draw():
        torch.manual_seed(1)
        return generator.training_images(z, others, torch.Generator().manual_seed(2))

    fake = draw()
    assert torch.equal(fake, draw())
    fake.square().sum().backward()
    assert [name for name, p in generator.named_parameters() if p.grad is None] == []


def test_discriminator_is_its_head_on_its_last_features(backbone):
    discriminator = backbone.make_discriminator().eval()
    x = images(backbone)
    features = discriminator.features(x)
    assert [f.shape[-1] for f in features] == [block.resolution for block in discriminator.blocks]
    assert features[-1].shape[-1] == 4
    assert torch.equal(discriminator(x), discriminator.head(features[-1]).flatten())
    assert discriminator(x).shape == (4,)


def test_blocks_and_head_hold_each_discriminator_parameter_once(backbone):
    discriminator = backbone.make_discriminator()
    held = [p for block in discriminator.blocks for p in block.parameters()] + list(discriminator.head.parameters())
    assert sorted(map(id, held)) == sorted(map(id, discriminator.parameters()))


def test_blocks_hold_each_generator_parameter_once(backbone):
    generator = backbone.make_generator()
    held = [p for block in generator.blocks for p in block.parameters()]
    assert sorted(map(id, held)) == sorted(map(id, generator.parameters()))


def test_a_replaced_head_is_used(backbone):
    discriminator = backbone.make_discriminator().eval()
    x = images(backbone)
    before = discriminator(x)
    head = copy.deepcopy(discriminator.head)
    with torch.no_grad():
        for p in head.parameters():
            p.add_(torch.randn_like(p))
    discriminator.head = head
    assert not torch.equal(discriminator(x), before)
    fresh = backbone.make_discriminator().eval()
    fresh.load_state_dict(discriminator.state_dict())
    assert torch.equal(fresh(x), discriminator(x))


def test_encoder_gives_mean_and_log_variance_of_the_latent(backbone):
    generator = backbone.make_generator()
    mean, log_variance = backbone.make_encoder()(images(backbone))
    assert mean.shape == log_variance.shape == (4, generator.latent_dim)


@pytest.mark.parametrize("make", ["make_generator", "make_discriminator", "make_encoder"])
def test_equal_seeds_give_equal_networks(backbone, make):
    def network():
        torch.manual_seed(3)
        return getattr(backbone, make)().state_dict()

    first, second = network(), network()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert first.keys() == second.keys()


def test_the_gradient_penalty_can_be_differentiated(backbone):
    discriminator = backbone.make_discriminator()
    x = images(backbone).requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    gradient.square().sum().backward()
    assert sum(p.grad.abs().sum() for p in discriminator.parameters() if p.grad is not None) > 0


def test_losses_fall_when_the_logits_improve(backbone):
    good, bad = torch.tensor([3.0, 2.0]), torch.tensor([-3.0, -2.0])
    assert backbone.generator_loss(good) < backbone.generator_loss(bad)
    assert backbone.discriminator_loss(good, bad) < backbone.discriminator_loss(bad, good)
