"""The engine's training step is the written-out one, number by number."""

import dataclasses

import pytest
import torch
from graftbench.bench.registries import backbones, strategies
from graftbench.bench.throughput.bare_loop import BareLoop
from graftbench.bench.train import Training
from graftbench.strategies.tiny import tiny_backbone, tiny_setup

STEPS = 3


@pytest.mark.parametrize("name", backbones.names())
def test_three_steps_equal_the_hand_written_loop(name):
    """R1 and path length are taken in the first and the third of them."""
    backbone = tiny_backbone(name)
    optimisation = dataclasses.replace(backbone.defaults, r1_every=2, path_length_every=2)
    setup = tiny_setup(backbone, optimisation=optimisation)
    training = Training(strategies.get("scratch")(), setup)
    training.advance(STEPS)

    loop = BareLoop(backbone, optimisation, setup.shots, setup.batch, setup.seed)
    for _ in range(STEPS):
        loop.step()
    engine = training.strategy
    for ours, theirs in (
        (engine.average.module, loop.average),
        (engine.generator, loop.generator),
        (engine.discriminator, loop.discriminator),
    ):
        expected = theirs.state_dict()
        for key, tensor in ours.state_dict().items():
            torch.testing.assert_close(tensor, expected[key], rtol=1e-5, atol=1e-6, msg=key)


@pytest.mark.parametrize("name", backbones.names())
def test_the_untuned_loop_computes_the_same_where_no_regulariser_is_lazy(name):
    backbone = tiny_backbone(name)
    optimisation = dataclasses.replace(backbone.defaults, r1_every=1, path_length_every=1)
    setup = tiny_setup(backbone, optimisation=optimisation)
    tuned, untuned = (
        BareLoop(backbone, optimisation, setup.shots, setup.batch, setup.seed, tuned=t) for t in (True, False)
    )
    for loop in (tuned, untuned):
        torch.manual_seed(0)
        loop.step()
    for key, tensor in tuned.average.state_dict().items():
        torch.testing.assert_close(untuned.average.state_dict()[key], tensor, rtol=1e-3, atol=1e-4, msg=key)
