"""Whether the fakes are copies of the training shots. Flags, not ranks."""

import torch
from torch import Tensor

from .checks import check_features


def nearest_shot_ratio(fake: Tensor, shots: Tensor) -> float:
    """Median ratio of the distances to the nearest and second-nearest shot: near 1 for new images, 0 for copies.

    NaN with a single shot. A fake that equals two equal shots counts as a copy (0).
    """
    check_features("d1/d2", shots, fake, at_least=1)
    if len(shots) < 2:
        return float("nan")
    nearest = _distances(fake, shots).topk(2, largest=False).values
    return float((nearest[:, 0] / nearest[:, 1].clamp(min=torch.finfo(torch.float64).tiny)).median())


def authenticity(fake: Tensor, shots: Tensor) -> float:
    """Share of fakes that are farther from their nearest shot than that shot is from its own nearest neighbour.

    Alaa et al., ICML 2022. It also falls where diversity shrinks without copying. NaN with a single shot.
    """
    check_features("authenticity", shots, fake, at_least=1)
    if len(shots) < 2:
        return float("nan")
    distance, shot = _distances(fake, shots).min(1)
    between = _distances(shots, shots).fill_diagonal_(float("inf")).min(1).values
    return float((distance > between[shot]).double().mean())


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """In float64, since copies are the point: float32 distances of equal vectors are off by about 1e-3 of a norm."""
    return torch.cdist(x.double(), y.double())
