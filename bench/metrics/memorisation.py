"""Whether the fakes are copies of the training shots. Flags, not ranks."""

import torch
from torch import Tensor

from .checks import check_features, check_value
from .nearest import nearest


def nearest_shot_ratio(fake: Tensor, shots: Tensor) -> float:
    """Median ratio of the distances to the nearest and second-nearest shot: near 1 for new images, 0 for copies.

    NaN with a single shot. A fake that equals two equal shots counts as a copy (0).
    """
    check_features("d1/d2", shots, fake, at_least=1)
    if len(shots) < 2:
        return float("nan")
    nearest, _ = _nearest(fake, shots, 2)
    return float((nearest[:, 0] / nearest[:, 1].clamp(min=torch.finfo(torch.float64).tiny)).quantile(0.5))


def authenticity(fake: Tensor, shots: Tensor) -> float:
    """Share of fakes that are farther from their nearest shot than that shot is from its own nearest neighbour.

    Alaa et al., ICML 2022. It also falls where diversity shrinks without copying. NaN with a single shot.
    """
    check_features("authenticity", shots, fake, at_least=1)
    if len(shots) < 2:
        return float("nan")
    distances, nearest = _nearest(fake, shots, 1)
    between, _ = _nearest(shots, shots, 2)  # the nearest shot to a shot is itself
    return float((distances[:, 0] > between[nearest[:, 0], 1]).double().mean())


def _nearest(x: Tensor, y: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """As ``nearest``. Copies are the point, so that equal vectors must be at distance 0."""
    distances, chosen = nearest(x, y, count)
    check_value("distances to the shots", float(distances.max()))
    return distances, chosen
