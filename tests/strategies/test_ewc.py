"""EWC's importance is the Fisher information, and without it EWC is L2-SP."""

import pytest
import torch
from graftbench.bench.registries import backbones
from graftbench.strategies import ewc
from graftbench.strategies.ewc import EWC, fisher_information
from graftbench.strategies.l2_sp import L2SP
from graftbench.strategies.tiny import tiny_backbone, tiny_batch, tiny_setup, tiny_source


def source_gan(backbone):
    source = tiny_source(tiny_backbone(backbone))
    return source.make_generator(), source.make_discriminator()


@pytest.mark.parametrize("backbone", backbones.names())
def test_fisher_is_the_mean_square_of_the_gradients_of_single_latents(backbone):
    generator, discriminator = source_gan(backbone)
    latents = torch.randn(5, generator.latent_dim)
    fisher = fisher_information(generator, discriminator, latents)
    weights = list(generator.parameters())
    expected = [torch.zeros_like(w) for w in weights]
    for latent in latents:
        likelihood = torch.nn.functional.logsigmoid(discriminator(generator(latent[None]))).sum()
        for total, gradient in zip(expected, torch.autograd.grad(likelihood, weights), strict=True):
            total += gradient.square()
    mean = torch.cat([e.flatten() for e in expected]).mean()
    for ours, theirs in zip(fisher, expected, strict=True):
        torch.testing.assert_close(ours, theirs / mean, rtol=1e-3, atol=1e-4)


def test_fisher_is_not_negative_and_has_mean_one():
    generator, discriminator = source_gan("dcgan")
    fisher = fisher_information(generator, discriminator, torch.randn(20, generator.latent_dim))
    flat = torch.cat([f.flatten() for f in fisher])
    assert (flat >= 0).all()
    assert flat.mean().item() == pytest.approx(1.0, rel=1e-4)
    assert flat.std() > 0.1


def train(strategy, steps=3):
    setup = tiny_setup()
    strategy.prepare(setup)
    for step in range(steps):
        strategy.step(tiny_batch(setup, step))
    return strategy


def test_with_unit_fisher_it_is_l2_sp(monkeypatch):
    real = fisher_information
    monkeypatch.setattr(ewc, "fisher_information", lambda *gan: [torch.ones_like(f) for f in real(*gan)])
    consolidated, held = train(EWC(strength=0.5)), train(L2SP(strength=0.5))
    for name, tensor in held.generator.state_dict().items():
        assert torch.equal(tensor, consolidated.generator.state_dict()[name]), name


def test_with_the_real_fisher_it_is_not_l2_sp():
    consolidated, held = train(EWC(strength=0.5)), train(L2SP(strength=0.5))
    assert any(
        not torch.equal(ours, theirs)
        for ours, theirs in zip(consolidated.generator.parameters(), held.generator.parameters(), strict=True)
    )


def test_fisher_is_the_same_whenever_it_is_computed():
    first = train(EWC(), steps=0)
    torch.randn(3)
    second = train(EWC(), steps=2)
    assert all(torch.equal(a, b) for a, b in zip(first.source_fisher, second.source_fisher, strict=True))


def test_each_weight_is_pulled_back_by_its_importance():
    strategy = train(EWC(strength=0.5))
    weights = list(strategy.generator.parameters())
    pulls = torch.autograd.grad(strategy.generator_penalty(), weights)
    origin = strategy.setup.source.make_generator().parameters()
    for pull, w, w0, fisher in zip(pulls, weights, origin, strategy.source_fisher, strict=True):
        torch.testing.assert_close(pull, 2 * 0.5 * fisher * (w - w0))
