"""Every registered strategy holds the conformance checks on every registered backbone, found by discovery."""

import pytest
from graftbench.bench.registries import backbones, strategies
from graftbench.strategies.conformance import conformance
from graftbench.strategies.tiny import tiny_backbone


@pytest.mark.parametrize("backbone", backbones.names())
@pytest.mark.parametrize("strategy", strategies.names())
def test_it_conforms(strategy, backbone):
    outcomes = list(conformance(strategies.get(strategy), tiny_backbone(backbone)))
    assert [f"{o.check}: {o.failure}" for o in outcomes if o.failure] == []
