"""A matrix that asks for compiled networks gets them, from every strategy that trains any."""

from dataclasses import replace

import pytest
from graftbench.bench.registries import strategies
from graftbench.strategies.tiny import tiny_batch, tiny_setup
from torch._dynamo.testing import CompileCounter


@pytest.mark.parametrize("name", ["finetune", "vae", "vae-finetune"])
def test_networks_are_compiled_if_the_matrix_asks_for_it_and_only_then(name):
    for asked in (False, True):
        counter = CompileCounter()
        setup = replace(tiny_setup(), compile=counter if asked else None)
        strategy = strategies.get(name)()
        strategy.prepare(setup)
        strategy.step(tiny_batch(setup, 0))
        assert (counter.frame_count >= 2) == asked
        assert all(parameter.grad is not None for group in strategy.trained().values() for parameter in group)
