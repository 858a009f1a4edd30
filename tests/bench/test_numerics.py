"""Precision, determinism, compilation and the clock."""

import time

import pytest
import torch
from graftbench.bench.clock import Clock
from graftbench.bench.numerics import autocast, numerical_settings
from graftbench.bench.registries import backbones, strategies
from graftbench.bench.train import Training
from graftbench.strategies.tiny import tiny_backbone, tiny_setup

CPU = torch.device("cpu")


def switches():
    cuda, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    return cuda.allow_tf32, cudnn.allow_tf32, torch.are_deterministic_algorithms_enabled()


def test_float32_is_float32_throughout_and_settings_are_put_back():
    before = switches()
    with numerical_settings("float32", deterministic=True):
        assert switches() == (False, False, True)
        assert not torch.backends.cudnn.benchmark
    assert switches() == before
    with numerical_settings("tf32"):
        assert switches() == (True, True, False)
    assert switches() == before


@pytest.mark.parametrize("name", backbones.names())
def test_training_in_bfloat16_keeps_weights_in_float32_and_stays_finite(name):
    setup = tiny_setup(tiny_backbone(name))
    setup.autocast = lambda: autocast("bfloat16", CPU)
    training = Training(strategies.get("finetune")(), setup)
    training.advance(3)
    assert all(abs(value) < 1e3 for value in training.losses.values())
    generator = training.strategy.generator
    assert {p.dtype for p in generator.parameters()} == {torch.float32}
    with setup.autocast():
        images = torch.zeros(4, 3, 32, 32)
        assert training.strategy.discriminator.features(images)[-1].dtype == torch.bfloat16
        assert training.strategy.discriminator(images).dtype == torch.float32


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dcgan", "stylegan2"])
def test_compiled_networks_train_to_the_same_numbers(name):
    """Steps with a gradient penalty run as written; ``aot_eager`` compiles without changing an operation."""
    weights = []
    for backend in (None, "aot_eager"):
        setup = tiny_setup(tiny_backbone(name))
        setup.compile = backend
        training = Training(strategies.get("finetune")(), setup)
        training.advance(3)
        weights.append(training.strategy.average.module.state_dict())
    for key, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][key], tensor, rtol=1e-4, atol=1e-5, msg=key)


def test_the_clock_adds_up_what_is_in_its_blocks_and_nothing_else():
    clock = Clock(CPU)
    for _ in range(2):
        with clock:
            time.sleep(0.05)
        time.sleep(0.2)
    assert 0.1 <= clock.seconds < 0.3


def test_spectral_vectors_stay_in_full_precision_under_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        discriminator = tiny_backbone("sngan").make_discriminator().train()
        discriminator(torch.zeros(2, 3, 32, 32))
    assert {buffer.dtype for buffer in discriminator.buffers()} == {torch.float32}
    discriminator(torch.zeros(2, 3, 32, 32))


@pytest.mark.slow
def test_a_compiled_discriminator_sees_reals_and_fakes_before_its_backward_pass():
    """As in every update; the power iterations of the second call must not change what the first one's gradient reads.
    Each gradient is that of the discriminator as it is written."""
    gradients = []
    for backend in (None, "inductor"):
        torch.manual_seed(0)
        discriminator = tiny_backbone("sngan").make_discriminator().train()
        if backend:
            discriminator.compile(backend=backend)
        reals, fakes = torch.rand(2, 4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
        (discriminator(reals).mean() - discriminator(fakes).mean()).backward()
        gradients.append([p.grad for p in discriminator.parameters()])
    for written, compiled in zip(*gradients, strict=True):
        torch.testing.assert_close(compiled, written, rtol=1e-3, atol=1e-5)
