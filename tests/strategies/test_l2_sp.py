"""L2-SP measures and limits the distance from the source."""

from dataclasses import dataclass

import pytest
import torch
from graftbench.strategies.finetune import FineTune
from graftbench.strategies.l2_sp import L2SP, squared_distance
from graftbench.strategies.tiny import tiny_batch, tiny_setup


def prepared(strategy, steps=0):
    setup = tiny_setup()
    strategy.prepare(setup)
    for step in range(steps):
        strategy.step(tiny_batch(setup, step))
    return strategy


def distance(strategy, role="generator"):
    """Squared distance from the source, computed without the strategy's own code."""
    origin = getattr(strategy.setup.source, f"make_{role}")()
    pairs = zip(getattr(strategy, role).parameters(), origin.parameters(), strict=True)
    return sum(float((w - w0).detach().square().sum()) for w, w0 in pairs)


def test_the_penalty_is_zero_at_the_start_and_positive_after_a_step():
    strategy = prepared(L2SP(on="both"))
    assert strategy.generator_penalty() == 0
    assert strategy.discriminator_penalty(torch.empty(0)) == 0
    strategy.step(tiny_batch(strategy.setup, 0))
    assert strategy.generator_penalty() > 0
    assert strategy.discriminator_penalty(torch.empty(0)) > 0


def test_the_penalty_is_strength_times_the_squared_distance():
    strategy = prepared(L2SP(strength=0.3), steps=3)
    assert strategy.generator_penalty().item() == pytest.approx(0.3 * distance(strategy), rel=1e-4)


def test_its_gradient_is_two_strength_times_the_difference():
    strategy = prepared(L2SP(strength=0.3), steps=1)
    weights = list(strategy.generator.parameters())
    gradients = torch.autograd.grad(strategy.generator_penalty(), weights)
    origin = strategy.setup.source.make_generator().parameters()
    for gradient, w, w0 in zip(gradients, weights, origin, strict=True):
        torch.testing.assert_close(gradient, 0.6 * (w - w0))


def test_the_generator_stays_at_the_source_as_strength_grows():
    reached = [distance(prepared(L2SP(strength=s), steps=20)) for s in (1e-4, 1.0, 100.0)]
    free = distance(prepared(FineTune(), steps=20))
    assert reached[0] == pytest.approx(free, rel=0.2)
    assert reached[2] < reached[1] < reached[0]
    assert reached[2] < free / 10


@pytest.mark.parametrize(("on", "held"), [("g", ["generator"]), ("d", ["discriminator"])])
def test_on_says_which_network_is_held(on, held):
    free, tight = (prepared(L2SP(strength=s, on=on), steps=10) for s in (0.0, 100.0))
    for role in ("generator", "discriminator"):
        assert (distance(tight, role) < distance(free, role) / 4) == (role in held)


def test_mean_reduction_adds_up_the_mean_of_each_tensor():
    weights = [torch.nn.Parameter(torch.full((2, 3), 2.0)), torch.nn.Parameter(torch.full((5,), 3.0))]
    origin = [torch.zeros(2, 3), torch.zeros(5)]
    assert squared_distance(weights, origin) == 2 * 3 * 4 + 5 * 9
    assert squared_distance(weights, origin, reduction="mean") == 4 + 9


def test_beta_decays_the_weights_that_the_source_lacks():
    @dataclass
    class WithAnExtraLayer(L2SP):
        def adapt(self):
            super().adapt()
            self.generator.extra = torch.nn.Linear(2, 2)

    strategy = prepared(WithAnExtraLayer(beta=0.5))
    extra = sum(float(p.detach().square().sum()) for p in strategy.generator.extra.parameters())
    assert extra > 0
    assert strategy.generator_penalty().item() == pytest.approx(0.5 * extra)
