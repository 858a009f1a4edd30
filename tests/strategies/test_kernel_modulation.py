"""AdAM probes with modulations only, then keeps the important kernels under modulation and tunes the others."""

import pytest
import torch
from graftbench.bench import parallel
from graftbench.bench.errors import UserError
from graftbench.strategies.kernel_modulation import FISHER_SAMPLES, KernelModulation
from graftbench.strategies.kernels import convolutions
from graftbench.strategies.tiny import tiny_batch, tiny_setup

STEPS = 8


def prepared(**options):
    strategy = KernelModulation(probing=0.5, **options)
    strategy.prepare(tiny_setup(steps=STEPS))
    return strategy


def train(strategy, steps):
    for step in range(strategy.steps_done, strategy.steps_done + steps):
        strategy.step(tiny_batch(strategy.setup, step))
    return strategy


def weights(strategy):
    return [weight.detach().clone() for probed in strategy.probed for weight in probed.weights]


def rows_moved(probed, before, after):
    """For each convolution, which of its kernels moved."""
    return [
        m.layout.to_matrix(new - old).ne(0).any(1)
        for m, old, new in zip(probed.modulations, before, after, strict=True)
    ]


def test_the_probe_trains_modulations_only():
    strategy = prepared()
    before = weights(strategy)
    train(strategy, STEPS // 2 - 1)
    assert all(torch.equal(old, new) for old, new in zip(before, weights(strategy), strict=True))
    assert all(modulation.u.any() for probed in strategy.probed for modulation in probed.modulations)


def test_the_probe_is_thrown_away_in_its_last_step():
    strategy = train(prepared(), STEPS // 2 - 1)
    latents = torch.randn(6, strategy.generator.latent_dim, generator=torch.Generator().manual_seed(0))
    source = strategy.setup.source.make_generator().eval()
    with torch.no_grad():
        assert not torch.equal(strategy.generator.eval()(latents), source(latents))
    train(strategy, 1)
    with torch.no_grad():
        torch.testing.assert_close(strategy.generator.eval()(latents), source(latents))
        torch.testing.assert_close(strategy.average.module(latents), source(latents))
    assert not strategy.generator_optimiser.state and not strategy.discriminator_optimiser.state


def test_a_probe_ends_before_the_training_does():
    for steps, probing in ((2, 0.05), (STEPS, 0.99)):
        strategy = KernelModulation(probing=probing)
        strategy.prepare(tiny_setup(steps=steps))
        train(strategy, steps)
        assert not all(modulation.kept.all() for probed in strategy.probed for modulation in probed.modulations)
    with pytest.raises(UserError, match="two steps"):
        KernelModulation().prepare(tiny_setup(steps=1))


def test_kept_kernels_stay_frozen_under_a_modulation_and_the_others_are_tuned():
    strategy = prepared(kept=0.5)
    before = weights(strategy)
    train(strategy, STEPS)
    after = weights(strategy)
    for probed in strategy.probed:
        count = len(probed.weights)
        moved = rows_moved(probed, before[:count], after[:count])
        before, after = before[count:], after[count:]
        marks = torch.cat([modulation.kept for modulation in probed.modulations])
        assert torch.equal(torch.cat(moved), ~marks)
        assert abs(marks.float().mean() - 0.5) < 0.1
        modulated = torch.cat([modulation.u != 0 for modulation in probed.modulations])
        assert torch.equal(modulated, marks)


def test_the_modulation_is_of_rank_one_over_channels():
    strategy = train(prepared(), 3)
    layer = strategy.generator.up[0][0]
    original = layer.parametrizations.weight.original
    ratio = (layer.weight / original).detach() - 1  # in, out, k, k
    assert torch.allclose(ratio, ratio[:, :, :1, :1].expand_as(ratio), atol=1e-3)
    singular = torch.linalg.svdvals(ratio[:, :, 0, 0])
    assert singular[0] > 0 and singular[1] < 1e-2 * singular[0]


def test_the_importance_is_the_mean_of_squared_gradients_of_single_images():
    strategy = prepared()
    probed = strategy.probed[0]
    u = probed.modulations[0].u
    signs = iter([1.0, -1.0] * (FISHER_SAMPLES // 2))

    def loss():
        return next(signs) * 3 * u[2] + sum(0 * modulation.u.sum() for modulation in probed.modulations)

    importance = probed.importance(loss)
    # Gradients that cancel in a batch do not cancel here.
    assert importance[2] == 9 and importance.sum() == 9


def test_the_importance_is_averaged_over_processes(monkeypatch):
    """Else each process would keep kernels of its own."""
    probed = prepared().probed[0]
    monkeypatch.setattr(parallel, "average", lambda tensors: [tensor.fill_(FISHER_SAMPLES * 7) for tensor in tensors])
    importance = probed.importance(lambda: sum(modulation.u.sum() for modulation in probed.modulations))
    assert (importance == 7).all()


def test_before_any_step_it_makes_the_sources_images_to_the_last_bit():
    strategy = prepared()
    source = strategy.setup.source.make_generator().eval()
    latents = torch.randn(64, source.latent_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(strategy.average.module(latents), source(latents))
    for kernel, plain in zip(convolutions(source), convolutions(strategy.average.module), strict=True):
        assert kernel.weight.stride() == plain.weight.stride()


def test_what_the_marks_fix_is_not_counted_as_trainable():
    strategy = train(prepared(kept=0.5), STEPS // 2 + 1)
    before = [parameter.detach().clone() for probed in strategy.probed for parameter in probed.parameters()]
    for _ in range(3):
        train(strategy, 1)
    after = [parameter for probed in strategy.probed for parameter in probed.parameters()]
    moved = sum(int(old.ne(new).sum()) for old, new in zip(before, after, strict=True))
    assert moved <= strategy.trainable_count() < sum(parameter.numel() for parameter in after)
    assert moved > 0.9 * strategy.trainable_count()
