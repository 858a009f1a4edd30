"""scale-shift, svd and lora train the parameters that their papers' formulas count, and nothing else."""

import pytest
import torch
from graftbench.bench.registries import backbones
from graftbench.bench.source import load_exactly
from graftbench.strategies import to_uint8
from graftbench.strategies.lora import LoRA
from graftbench.strategies.scale_shift import ScaleShift
from graftbench.strategies.svd import SVD
from graftbench.strategies.tiny import tiny_backbone, tiny_batch, tiny_setup, tiny_source

PARTIAL = [SVD(), LoRA(rank=2), ScaleShift(), ScaleShift(on="both")]


def prepared(strategy, backbone="dcgan", steps=0):
    setup = tiny_setup(tiny_backbone(backbone))
    strategy.prepare(setup)
    for step in range(steps):
        strategy.step(tiny_batch(setup, step))
    return strategy


def count(strategy, role):
    return sum(parameter.numel() for parameter in strategy.trained()[role])


def matrices(network, convolutions_only=False):
    """(rows, columns) of the weight matrices of a plain network, read from the names and shapes of its parameters."""
    shapes = []
    for name, tensor in network.named_parameters():
        if not name.endswith("weight"):
            continue
        shape = list(tensor.shape)
        if isinstance(network.get_submodule(name.rpartition(".")[0]), torch.nn.ConvTranspose2d):
            shape[0], shape[1] = shape[1], shape[0]
        if len(shape) == 5:
            shape = shape[1:]
        if len(shape) == 4 or (len(shape) == 2 and not convolutions_only):
            shapes.append((shape[0], tensor.numel() // shape[0]))
    return shapes


def plain_images(strategy, source):
    """Images of the plain source generator for the latents that ``sample`` draws."""
    generator = source.make_generator().eval()
    with torch.no_grad():
        return to_uint8(generator(torch.randn(6, generator.latent_dim, generator=torch.Generator().manual_seed(0))))


def images_of(strategy):
    return strategy.sample(6, torch.Generator().manual_seed(0))


def test_the_counts_on_dcgan_32_are_those_computed_by_hand():
    # Generator, 4 wide: 128 -> 16 -> 8 -> 4 -> 3 channels with 4 x 4 kernels; BatchNorm on 16, 8 and 4.
    assert count(prepared(ScaleShift()), "generator") == 2 * (16 + 8 + 4)
    assert count(prepared(SVD()), "generator") == 16 + 8 + 4 + 3
    assert count(prepared(LoRA(rank=2)), "generator") == 2 * (
        (16 + 128 * 16) + (8 + 16 * 16) + (4 + 8 * 16) + (3 + 4 * 16)
    )
    # Discriminator: 3 -> 4 -> 8 -> 16 -> 1 channels; one shift (bias) for each.
    assert count(prepared(SVD()), "discriminator") == 4 + 8 + 16 + 1
    assert count(prepared(ScaleShift(on="both")), "discriminator") == 2 * (4 + 8 + 16 + 1)


@pytest.mark.parametrize("backbone", backbones.names())
def test_the_counts_follow_the_formulas_on_every_backbone(backbone):
    generator = tiny_backbone(backbone).make_generator()
    discriminator = tiny_backbone(backbone).make_discriminator()
    svd = prepared(SVD(), backbone)
    assert count(svd, "generator") == sum(min(shape) for shape in matrices(generator))
    assert count(svd, "discriminator") == sum(min(shape) for shape in matrices(discriminator))
    lora = prepared(LoRA(rank=2), backbone)
    assert count(lora, "generator") == sum(
        min(2, *shape) * sum(shape) for shape in matrices(generator, convolutions_only=True)
    )
    assert count(lora, "discriminator") == sum(p.numel() for p in discriminator.parameters())
    assert 0 < count(prepared(ScaleShift(), backbone), "generator") < sum(p.numel() for p in generator.parameters())


@pytest.mark.parametrize("backbone", backbones.names())
@pytest.mark.parametrize("strategy", PARTIAL, ids=str)
def test_before_the_first_step_the_generator_is_exactly_the_source(strategy, backbone):
    source = tiny_source(tiny_backbone(backbone))
    prepared(strategy, backbone)
    expected = plain_images(strategy, source)
    assert torch.equal(images_of(strategy), expected)
    generator = strategy.generator.eval()
    latents = torch.randn(6, generator.latent_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(to_uint8(generator(latents)), expected)


def test_a_changed_singular_value_changes_the_weight_by_its_rank_one_term():
    strategy = prepared(SVD())
    layer = strategy.generator.up[0][0]
    function = layer.parametrizations.weight[0]
    before = layer.weight.detach().clone()
    with torch.no_grad():
        function.values[2] += 0.5
    change = (layer.weight - before).transpose(0, 1).flatten(1)
    assert torch.allclose(change, 0.5 * torch.outer(function.left[:, 2], function.right[2]), atol=1e-6)
    rebuilt = function.left @ torch.diag(function.values) @ function.right
    assert torch.allclose(layer.weight.transpose(0, 1).flatten(1), rebuilt, atol=1e-5)


@pytest.mark.parametrize("strategy", PARTIAL, ids=str)
def test_only_what_is_said_to_be_trained_moves(strategy):
    prepared(strategy)
    setup = strategy.setup
    parameters = [*strategy.generator.parameters(), *strategy.discriminator.parameters()]
    before = [p.detach().clone() for p in parameters]
    for step in range(2):
        strategy.step(tiny_batch(setup, step))
    said = {id(p) for group in strategy.trained().values() for p in group}
    moved = {id(p) for p, old in zip(parameters, before, strict=True) if not torch.equal(p, old)}
    assert moved <= said
    assert len(moved) > 0.8 * len(said)


@pytest.mark.parametrize("backbone", backbones.names())
@pytest.mark.parametrize("strategy", PARTIAL[:3], ids=str)
def test_the_exported_generator_loads_into_the_plain_backbone(strategy, backbone):
    prepared(strategy, backbone, steps=2)
    plain = tiny_backbone(backbone).make_generator()
    load_exactly(plain, strategy.networks()["generator"].state_dict(), "generator")
    latents = torch.randn(6, plain.latent_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(to_uint8(plain.eval()(latents)), images_of(strategy))


def test_the_average_is_that_of_the_effective_weights():
    # The product of averaged factors B A is not the average of the products.
    strategy = prepared(LoRA(rank=2))
    layer, averaged = strategy.generator.up[0][0], strategy.average.module.up[0][0]
    by_hand = layer.weight.detach().clone()
    for step in range(3):
        strategy.step(tiny_batch(strategy.setup, step))
        half_life = min(strategy.average.half_life, 0.05 * strategy.average.images)
        by_hand.lerp_(layer.weight.detach(), 1 - 0.5 ** (strategy.setup.batch / half_life))
    assert torch.allclose(averaged.weight, by_hand, atol=1e-7)
    assert not torch.equal(averaged.weight, layer.weight)


def test_effective_weights_keep_their_precision_under_autocast():
    layer = prepared(LoRA(rank=2)).generator.up[0][0]
    with torch.no_grad():
        layer.parametrizations.weight[0].b += 1.234567
    precise = layer.weight
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer.weight, precise)
