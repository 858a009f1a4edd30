"""Learning rates fall over the budget where that is asked for, and stay as they are otherwise."""

import dataclasses

import pytest
from graftbench.bench.registries import strategies
from graftbench.strategies.tiny import tiny_backbone, tiny_batch, tiny_setup

STEPS = 8


def trained(decay, steps=STEPS):
    """The optimisers' rates during each of the steps of a ``finetune`` with other rates for the two networks."""
    backbone = tiny_backbone()
    rates = dataclasses.replace(backbone.defaults, generator_lr=1e-3, discriminator_lr=4e-3, lr_decay=decay)
    setup = tiny_setup(backbone, optimisation=rates, steps=STEPS)
    strategy = strategies.get("finetune")()
    strategy.prepare(setup)
    used = []
    for step in range(steps):
        strategy.step(tiny_batch(setup, step))
        used.append(
            (strategy.generator_optimiser.param_groups[0]["lr"], strategy.discriminator_optimiser.param_groups[0]["lr"])
        )
    return strategy, used


def test_rates_fall_in_a_straight_line_to_the_share_that_is_asked_for():
    _, used = trained(0.1)
    for step, (generator, discriminator) in enumerate(used):
        assert generator == pytest.approx(1e-3 * (1 - 0.9 * step / STEPS))
        assert discriminator == pytest.approx(4e-3 * (1 - 0.9 * step / STEPS))


def test_rates_stay_where_nothing_is_asked_for():
    _, used = trained(1.0)
    assert set(used) == {(1e-3, 4e-3)}


def test_a_resumed_training_goes_on_with_the_rates_of_its_step():
    whole, used = trained(0.1)
    half, _ = trained(0.1, STEPS // 2)
    fresh, _ = trained(0.1, 0)
    fresh.load_state_dict(half.state_dict())
    for step in range(STEPS // 2, STEPS):
        fresh.step(tiny_batch(fresh.setup, step))
    assert fresh.generator_optimiser.param_groups[0]["lr"] == used[-1][0]
    assert all((a == b).all() for a, b in zip(fresh.generator.parameters(), whole.generator.parameters(), strict=True))
