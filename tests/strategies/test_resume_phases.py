"""Interrupted after any step, before and after a change of phase, a run goes on bit-exactly."""

import copy

import pytest
import torch
from graftbench.bench.augment import make_augmentation
from graftbench.bench.registries import strategies
from graftbench.strategies.tiny import tiny_batch, tiny_setup

STEPS = 6
NAMES = ["scale-shift", "svd", "lora", "minegan", "cdc", "kernel-modulation"]


def prepared(name, augmentation):
    strategy = strategies.get(name)()
    # A short budget, so that ADA's probability is well above zero.
    augmentation = make_augmentation(augmentation, from_source=True, kimg=STEPS * 4 / 1000)
    strategy.prepare(tiny_setup(augmentation=augmentation, steps=STEPS))
    return strategy


def same(left, right):
    if isinstance(left, torch.Tensor):
        return torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    return left == right


@pytest.mark.parametrize("augmentation", ["ada", "diffaugment"])
@pytest.mark.parametrize("name", NAMES)
def test_resuming_after_any_step_gives_the_same_state(name, augmentation):
    torch.manual_seed(0)
    whole = prepared(name, augmentation)
    states = [copy.deepcopy(whole.state_dict())]
    for step in range(STEPS):
        whole.step(tiny_batch(whole.setup, step))
        states.append(copy.deepcopy(whole.state_dict()))
    for done in range(1, STEPS):
        torch.manual_seed(done)
        resumed = prepared(name, augmentation)
        resumed.load_state_dict(states[done])
        resumed.step(tiny_batch(resumed.setup, done))
        assert same(resumed.state_dict(), states[done + 1]), done
    for step in range(done + 1, STEPS):
        resumed.step(tiny_batch(resumed.setup, step))
    images = [s.sample(4, torch.Generator().manual_seed(1)) for s in (whole, resumed)]
    assert torch.equal(*images)
