"""No strategy's step costs more than it says, relative to ``finetune`` on dcgan-32 (width 32, batch 32)."""

import time

import pytest
from graftbench.bench.backbones import make_backbone
from graftbench.bench.registries import strategies
from graftbench.strategies.finetune import FineTune
from graftbench.strategies.step_cost import Contender, relative_step_costs
from graftbench.strategies.tiny import tiny_backbone


@pytest.mark.slow(minutes=2)
def test_no_step_costs_more_than_the_strategy_declares():
    kinds = {name: strategies.get(name) for name in strategies.names()}
    trained = {name: Contender(kind) for name, kind in kinds.items() if kind.trains}
    costs = relative_step_costs(trained, make_backbone("dcgan", 32, 32), rounds=3)
    assert len(costs) > 15
    assert {name: cost for name, cost in costs.items() if cost > kinds[name].max_relative_cost[0]} == {}


def test_a_dear_step_is_found_out():
    class Idle(FineTune):
        def step(self, real):
            until = time.process_time() + 0.1
            while time.process_time() < until:
                pass
            return super().step(real)

    costs = relative_step_costs(
        {"idle": Contender(Idle), "same": Contender(FineTune)}, tiny_backbone(), batch=4, rounds=1
    )
    assert costs["idle"] > 3 and 0.5 < costs["same"] < 2
