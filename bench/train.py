"""The training loop: steps of a strategy on shots, with a clock that counts nothing else."""

import math
from typing import Any

import torch
from torch import Tensor

from ..strategies.base import Setup, Strategy, to_float
from . import parallel
from .clock import Clock
from .errors import Diverged


class Training:
    """A prepared strategy, how far it is, and everything that an exact resume needs.

    The batches are drawn with replacement from the shots on the device; the order depends on the repetition's seed
    only, so all strategies see the same images.
    """

    def __init__(self, strategy: Strategy, setup: Setup):
        self.strategy = strategy
        self.setup = setup
        self.step = 0
        self.losses: dict[str, float] = {}
        """Of the last step, by the names of the columns."""
        self.clock = Clock(setup.device)
        self.order = torch.Generator(setup.device).manual_seed(setup.seed("data-order"))
        torch.manual_seed(setup.seed("global"))
        strategy.prepare(setup)
        torch.manual_seed(setup.seed("global"))

    @property
    def seconds(self) -> float:
        """Of training alone, over all its parts if it was interrupted."""
        return self.clock.seconds

    @property
    def kimg(self) -> float:
        return self.step * self.setup.batch / 1000

    def advance(self, until: int) -> None:
        """Train up to step ``until``. Raises ``Diverged`` when the last losses are not finite.

        The losses are looked at once, at the end: a look synchronises the device.
        """
        losses: dict[str, Tensor] = {}
        with self.clock:
            while self.step < until:
                losses = self.strategy.step(self.batch())
                self.step += 1
        found = {name: float(value) for name, value in losses.items()}
        # Of several processes each sees the losses of its own slice, and all must end together.
        if parallel.any_of(not all(map(math.isfinite, found.values()))):
            values = ", ".join(f"{name} {value:g}" for name, value in found.items())
            raise Diverged(f"a loss is not finite at step {self.step}: {values}")
        if found:
            self.losses = {f"loss_{name}": value for name, value in found.items()}

    def require_finite(self) -> None:
        """Raise ``Diverged`` if a weight is not finite: an update may spoil it whose loss was still a number."""
        for role, network in self.strategy.networks().items():
            if not all(bool(tensor.isfinite().all()) for tensor in network.state_dict().values()):
                raise Diverged(f"a weight of the {role} is not finite at step {self.step}")

    def batch(self) -> Tensor:
        shots = self.setup.shots
        chosen = torch.randint(len(shots), (self.setup.batch,), generator=self.order, device=shots.device)
        return to_float(shots[parallel.own(chosen)])

    def state_dict(self) -> dict[str, Any]:
        state = {
            "strategy": self.strategy.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "losses": self.losses,
            "order": self.order.get_state(),
            "global": torch.get_rng_state(),
        }
        if self.setup.device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self.setup.device)
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.strategy.load_state_dict(state["strategy"])
        self.step, self.clock.seconds, self.losses = state["step"], state["seconds"], state["losses"]
        self.order.set_state(state["order"])
        torch.set_rng_state(state["global"])
        if self.setup.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda"], self.setup.device)


def synchronise(device: torch.device) -> None:
    """Wait for the device, so that a clock read next is true."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
