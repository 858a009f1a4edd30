"""Nearest neighbours at exact distances: equal vectors are at distance 0.

Fast distances, through products, are off by 1e-8 of the vectors' length even in float64. Here they only choose.
"""

import torch
from torch import Tensor

BLOCK = 128
"""Rows that are compared at a time, so that the differences (rows x neighbours x d) stay in the processor's cache."""


def nearest(x: Tensor, y: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Distances (float64) of each x (n x d) to its ``count`` nearest y, ascending, and which these are (n x count)."""
    y = y.detach().double()
    found = [_nearest(rows, y, count) for rows in x.detach().double().split(BLOCK)]
    distances, chosen = (torch.cat(each) for each in zip(*found, strict=True))
    return distances, chosen


def _nearest(x: Tensor, y: Tensor, count: int) -> tuple[Tensor, Tensor]:
    chosen = torch.cdist(x, y).topk(count, largest=False).indices
    apart = lengths((x[:, None] - y[chosen]).flatten(0, 1)).view(chosen.shape)
    distances, order = apart.sort(dim=1)
    return distances, chosen.gather(1, order)


def lengths(differences: Tensor) -> Tensor:
    """Of rows. Distances that are compared for equality must be summed in one way."""
    return differences.norm(dim=1)
