"""Feature distillation holds the discriminator's features, not its weights."""

import torch
from graftbench.strategies.feature_distillation import FeatureDistillation
from graftbench.strategies.tiny import tiny_batch, tiny_setup


def feature_shift(strength):
    """How far training moves the features of the shots from those of the source's discriminator."""
    setup = tiny_setup()
    strategy = FeatureDistillation(strength=strength)
    strategy.prepare(setup)
    real = tiny_batch(setup, 0)
    start = strategy.discriminator_penalty(real).item()
    for step in range(20):
        strategy.step(tiny_batch(setup, step))
    with torch.no_grad():
        pairs = zip(strategy.discriminator.features(real), strategy.source_discriminator.features(real), strict=True)
        return start, sum(float((a - b).square().mean()) for a, b in pairs)


def test_the_penalty_starts_at_zero_and_holds_the_features():
    starts, shifts = zip(*(feature_shift(strength) for strength in (0.0, 1.0, 1000.0)), strict=True)
    assert starts == (0.0, 0.0, 0.0)
    assert 0 < shifts[2] < shifts[1] < shifts[0]
    assert shifts[2] < shifts[0] / 10


def test_the_penalty_is_the_sum_over_blocks_of_mean_squared_differences():
    setup = tiny_setup()
    strategy = FeatureDistillation(strength=3.0)
    strategy.prepare(setup)
    for step in range(3):
        strategy.step(tiny_batch(setup, step))
    real = tiny_batch(setup, 0)
    source = setup.source.make_discriminator()
    pairs = zip(strategy.discriminator.features(real), source.features(real), strict=True)
    expected = 3.0 * sum((a - b).square().mean() for a, b in pairs)
    torch.testing.assert_close(strategy.discriminator_penalty(real), expected)
