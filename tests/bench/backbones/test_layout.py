"""Memory layout changes no number, also across a checkpoint."""

import pytest
import torch
from graftbench.bench.backbones.layout import channels_last, follow_layout
from graftbench.bench.checkpoint import load_checkpoint, save_checkpoint
from graftbench.bench.registries import backbones, strategies
from graftbench.strategies.tiny import tiny_backbone, tiny_batch, tiny_setup


def trained(strategy, setup, steps):
    for step in steps:
        strategy.step(tiny_batch(setup, step))
    return strategy


def prepared(backbone):
    torch.manual_seed(0)
    setup = tiny_setup(tiny_backbone(backbone))
    strategy = strategies.get("finetune")()
    strategy.prepare(setup)
    return strategy, setup


@pytest.mark.parametrize("backbone", backbones.names())
def test_convolution_weights_have_their_channels_innermost(backbone):
    discriminator = tiny_backbone(backbone).make_discriminator()
    weights = [p for p in discriminator.parameters() if p.ndim == 4]
    assert weights
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in weights)


@pytest.mark.parametrize("backbone", backbones.names())
def test_a_training_that_went_through_a_file_goes_on_with_equal_numbers(backbone, tmp_path):
    """Files keep no layout, and fused Adam on a CPU mixes up elements if moments and weights differ in it."""
    strategy, setup = prepared(backbone)
    trained(strategy, setup, range(2))
    save_checkpoint(tmp_path, {"strategy": strategy.state_dict()})
    noise = torch.get_rng_state()
    trained(strategy, setup, range(2, 5))

    resumed, setup = prepared(backbone)
    resumed.load_state_dict(load_checkpoint(tmp_path)["strategy"])
    torch.set_rng_state(noise)
    trained(resumed, setup, range(2, 5))
    for role, network in strategy.networks().items():
        other = resumed.networks()[role].state_dict()
        assert all(torch.equal(tensor, other[name]) for name, tensor in network.state_dict().items())


def test_following_the_layout_keeps_values():
    weight = torch.nn.Parameter(torch.randn(4, 3, 2, 2).contiguous(memory_format=torch.channels_last))
    optimiser = torch.optim.Adam([weight], fused=True)
    weight.square().sum().backward()
    optimiser.step()
    moment = optimiser.state[weight]["exp_avg"].contiguous()
    optimiser.state[weight]["exp_avg"] = moment
    follow_layout(optimiser)
    assert optimiser.state[weight]["exp_avg"].stride() == weight.stride()
    assert torch.equal(optimiser.state[weight]["exp_avg"], moment)


def test_modulated_weights_keep_shape_and_values():
    weight = torch.randn(1, 4, 3, 3, 3)
    holder = torch.nn.Module()
    holder.weight = torch.nn.Parameter(weight.clone())
    channels_last(holder)
    assert torch.equal(holder.weight, weight)
    assert holder.weight[0].is_contiguous(memory_format=torch.channels_last)
