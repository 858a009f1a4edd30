"""Spectral normalisation and the hinge loss."""

import pytest
import torch
from graftbench.bench.backbones import make_backbone
from graftbench.bench.backbones.spectral_norm import SpectralConv2d, SpectralLinear
from torch.nn.utils.parametrizations import spectral_norm


@pytest.mark.parametrize("layer", [SpectralConv2d(6, 5, 3, padding=1), SpectralLinear(12, 7)])
def test_the_used_weight_has_spectral_norm_one(layer):
    for _ in range(200):
        layer.normalised_weight()
    largest = torch.linalg.svdvals(layer.normalised_weight().detach().flatten(1))[0]
    assert largest.item() == pytest.approx(1.0, abs=1e-4)


def test_values_and_gradients_equal_those_of_torch():
    torch.manual_seed(0)
    ours = SpectralConv2d(4, 5, 3, padding=1)
    theirs = torch.nn.Conv2d(4, 5, 3, padding=1)
    theirs.load_state_dict({"weight": ours.weight.detach(), "bias": ours.bias.detach()})
    theirs = spectral_norm(theirs)
    norm = theirs.parametrizations.weight[0]
    norm._u.copy_(ours.u)
    norm._v.copy_(ours.v)
    x = torch.randn(2, 4, 8, 8)
    for layer in (ours, theirs):
        (layer(x).square().sum() + layer(-x).exp().mean()).backward()
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.weight.grad, theirs.parametrizations.weight.original.grad, rtol=1e-4, atol=1e-5)


def test_power_iteration_moves_in_training_and_rests_in_evaluation():
    layer = SpectralLinear(12, 7)
    with torch.no_grad():
        layer.weight.add_(torch.randn_like(layer.weight))
    layer.eval()
    resting = layer.u.clone()
    layer(torch.randn(2, 12))
    assert torch.equal(layer.u, resting)
    layer.train()
    layer(torch.randn(2, 12))
    assert not torch.equal(layer.u, resting)


def test_hinge_loss_equals_its_formula():
    backbone = make_backbone("sngan", 32, 8)
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-2.0, 0.5])
    assert backbone.discriminator_loss(real, fake).item() == pytest.approx((0 + 0.5) / 2 + (0 + 1.5) / 2)
    assert backbone.generator_loss(fake).item() == pytest.approx(0.75)


def test_channels_at_128_px_are_the_papers():
    discriminator = make_backbone("sngan", 128).make_discriminator()
    assert [block.conv2.out_channels for block in discriminator.down] == [64, 128, 256, 512, 1024, 1024]
