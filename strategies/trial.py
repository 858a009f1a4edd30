"""A miniature run of a strategy, which the checks of ``conformance`` look at."""

import functools
from typing import Any

import torch
from torch import Tensor

from ..bench.backbones import Backbone
from .base import Setup, Strategy
from .movement import Movement
from .tiny import CPU, tiny_batch, tiny_setup

STEPS = 3
SAMPLES = 5
SETTLED = 60


class Nonconformance(Exception):
    """What the strategy does not hold, and what to do about it."""


class Trial:
    """A strategy at its default hyper-parameters on a backbone, prepared and trained as seldom as the checks allow."""

    def __init__(self, kind: type[Strategy], backbone: Backbone, device: torch.device = CPU):
        self.kind = kind
        self.backbone = backbone
        self.device = device

    def prepared(self, **params: Any) -> Strategy:
        strategy = self.kind(**params)
        strategy.prepare(self._new_setup())
        return strategy

    def train(self, strategy: Strategy, first: int, count: int) -> list[dict[str, Tensor]]:
        """Steps ``first`` … of a prepared strategy; none for a reference that does not train."""
        return [strategy.step(tiny_batch(self._setup, first + i)) for i in range(count)] if strategy.trains else []

    def sample(self, strategy: Strategy, seed: int = 0) -> Tensor:
        return strategy.sample(SAMPLES, torch.Generator(self.device).manual_seed(seed))

    def _new_setup(self) -> Setup:
        return tiny_setup(self.backbone, steps=4 * STEPS, device=self.device)

    @functools.cached_property
    def _setup(self) -> Setup:
        """Of the batches; each strategy gets another one, and need not keep it."""
        return self._new_setup()

    @functools.cached_property
    def trained(self) -> Strategy:
        """After ``STEPS`` steps (none for a reference that does not train); ``movement`` saw them."""
        torch.manual_seed(1)
        strategy = self.prepared()
        self.start = copied(strategy.state_dict())
        self.movement = Movement(strategy)
        self.losses = self.train(strategy, 0, STEPS)
        return strategy

    @functools.cached_property
    def second(self) -> Strategy:
        """Another object of the same seeds, prepared under another global random state and not yet trained."""
        torch.manual_seed(2)
        return self.prepared()

    @functools.cached_property
    def settled(self) -> Strategy:
        """Trained until its images differ, at most ``SETTLED`` steps: a fresh generator's BatchNorm statistics make
        them all the same at first."""
        strategy = self.trained
        if not strategy.trains or all_differ(self.sample(strategy)):
            return strategy
        strategy = self.prepared()
        for step in range(0, SETTLED, 10):
            self.train(strategy, step, 10)
            if all_differ(self.sample(strategy)):
                break
        return strategy


def all_differ(images: Tensor) -> bool:
    return len(images.flatten(1).unique(dim=0)) == len(images)


def copied(state: Any, where: str = "state_dict") -> Any:
    """A deep copy on the CPU, as a checkpoint gives it back. Raises if it holds what a checkpoint cannot."""
    if isinstance(state, Tensor):
        return state.detach().cpu().clone()
    if isinstance(state, dict):
        return {key: copied(value, f"{where}[{key!r}]") for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(copied(value, f"{where}[{i}]") for i, value in enumerate(state))
    if state is None or isinstance(state, bool | int | float | str):
        return state
    raise Nonconformance(f"{where} is a {type(state).__name__}; a checkpoint holds tensors and plain values")
