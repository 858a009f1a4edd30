"""Random factors: every factor of every split of every domain has a seed of its own."""

import torch
from torch import Tensor

from ...bench.seeds import seed_for

Factors = dict[str, Tensor]
"""Factors by name: float N, one number per picture."""


class Draws:
    """Draws ``count`` values of named factors; a new factor does not change the values of the others."""

    def __init__(self, count: int, domain: str, split: str):
        self.count = count
        self.names = (domain, split)

    def _unit(self, factor: str, columns: int = 1) -> Tensor:
        rng = torch.Generator().manual_seed(seed_for("toys", *self.names, factor))
        return torch.rand(self.count, columns, generator=rng)

    def uniform(self, factor: str, low: float, high: float) -> Tensor:
        """Equally likely everywhere between ``low`` and ``high``."""
        return low + (high - low) * self._unit(factor)[:, 0]

    def bell(self, factor: str, low: float, high: float) -> Tensor:
        """Bell-shaped between ``low`` and ``high``: the mean of three uniform draws."""
        return low + (high - low) * self._unit(factor, 3).mean(1)

    def chance(self, factor: str, probability: float) -> Tensor:
        """1 with the given probability, else 0."""
        return (self._unit(factor)[:, 0] < probability).float()
