"""The discriminator on ImageNet features: what is read is the real network's, and only the heads learn."""

import copy

import pytest
import torch
from graftbench.strategies.feature_d import STAGES, FeatureD, FeatureDiscriminator
from graftbench.strategies.tiny import tiny_batch, tiny_setup


@pytest.fixture(scope="module")
def strategy():
    strategy = FeatureD()
    strategy.prepare(tiny_setup())
    return strategy


def test_it_reads_the_outputs_of_timms_network(strategy, timm_efficientnet):
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    network = timm_efficientnet
    x = network.bn1(network.conv_stem(images))
    expected = []
    for block in (block for stage in network.blocks for block in stage):
        x = block(x)
        expected.append(x)
    read = strategy.discriminator.trunk.outputs(images, STAGES)
    assert [tuple(x.shape[1:]) for x in read] == [(24, 16, 16), (40, 8, 8), (112, 4, 4), (320, 2, 2)]
    for ours, index in zip(read, STAGES, strict=True):
        torch.testing.assert_close(ours, expected[index], rtol=1e-3, atol=1e-3)


def test_every_scale_judges_every_image_and_its_gradient_reaches_the_image(strategy):
    images = tiny_batch(strategy.setup, 0).requires_grad_(True)
    logits = strategy.discriminator(images)
    assert logits.shape == (len(images), len(STAGES))
    for scale in range(len(STAGES)):
        (gradient,) = torch.autograd.grad(logits[:, scale].sum(), images, retain_graph=True)
        assert (gradient.abs().amax(dim=(1, 2, 3)) > 0).all()


def test_only_the_heads_move():
    setup = tiny_setup()
    strategy = FeatureD()
    strategy.prepare(setup)
    network = strategy.discriminator
    before, trunk = copy.deepcopy(network), [network.trunk.stem.weight.clone(), network.trunk.head.weight.clone()]
    for step in range(2):
        strategy.step(tiny_batch(setup, step))
    moved = {
        name.partition(".")[0] for name, p in network.named_parameters() if not torch.equal(p, _named(before, name))
    }
    assert moved == {"heads"}
    assert torch.equal(trunk[0], network.trunk.stem.weight) and torch.equal(trunk[1], network.trunk.head.weight)


def _named(network, name):
    return dict(network.named_parameters())[name]


def test_the_heads_learn_to_tell_the_shots_from_the_source():
    setup = tiny_setup()
    strategy = FeatureD()
    strategy.prepare(setup)
    strategy.generator_optimiser.param_groups[0]["lr"] = 0.0
    losses = [strategy.step(tiny_batch(setup, step))["discriminator"] for step in range(12)]
    assert losses[-1] < losses[0] - 0.1


def test_it_reads_images_at_any_size_that_is_accepted():
    """At 31 px and less the ImageNet network's kernels no longer fit."""
    for size in (32, 33, 48):
        assert FeatureDiscriminator(size, torch.device("cpu"))(torch.zeros(1, 3, 32, 32)).shape == (1, len(STAGES))
