"""What every metric refuses, in one line instead of a warning and a number."""

import math

import numpy as np
import torch
from torch import Tensor

from ..errors import UserError

PRECISIONS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check_features(metric: str, real: Tensor, fake: Tensor, at_least: int) -> None:
    """Both sides are finite n x d of one d, with ``at_least`` images each. Raises ``UserError``."""
    for side, features in (("real", real), ("fake", fake)):
        check_set(metric, side, features, at_least)
    if real.shape[1] != fake.shape[1]:
        raise UserError(
            f"{metric}: real features have {real.shape[1]} dimensions, fake ones {fake.shape[1]}; use one extractor"
        )


def check_set(metric: str, side: str, features: Tensor, at_least: int) -> None:
    """One side: finite real numbers, n x d with d > 0, ``at_least`` images. Raises ``UserError``."""
    if not isinstance(features, Tensor) or features.dtype not in PRECISIONS or features.layout != torch.strided:
        found = f"{features.dtype} ({features.layout})" if isinstance(features, Tensor) else type(features).__name__
        raise UserError(f"{metric}: {side} features must be a tensor of floating-point numbers, got {found}")
    if features.dim() != 2 or features.shape[1] == 0:
        raise UserError(f"{metric}: {side} features must be n x d, got shape {list(features.shape)}")
    if len(features) < at_least:
        raise UserError(f"{metric} needs at least {at_least} {side} images, got {len(features)}")
    # One sum looks at every value many times faster than a test of each; finite values may overflow in it.
    if not math.isfinite(_sum(features)) and not torch.isfinite(features).all():
        bad = int((~torch.isfinite(features).all(dim=1)).sum())
        raise UserError(f"{metric}: the features of {bad} of {len(features)} {side} images are NaN or infinite")


def to_numpy(features: Tensor) -> np.ndarray:
    """Without a copy where they are on the processor; bfloat16, which numpy has not, in float32."""
    features = features.detach().cpu()
    return (features.float() if features.dtype == torch.bfloat16 else features).numpy()


def _sum(features: Tensor) -> float:
    """On the processor numpy's, on one core: after torch's, its threads spin for 10 ms and slow down what follows."""
    if features.is_cuda:
        return float(features.sum())
    with np.errstate(all="ignore"):
        return float(to_numpy(features).sum())


def check_value(metric: str, value: float) -> None:
    """A result, or what it is made of, that is a number: finite features may still overflow. Raises ``UserError``."""
    if not math.isfinite(value):
        raise UserError(f"{metric}: the features are too large, their powers overflow; scale them down")
