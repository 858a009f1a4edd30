"""Kernel distance: unbiased MMD^2 with the kernel (x.y / d + 1)^3 (Binkowski et al., ICLR 2018).

Unbiased at any number of images, therefore the primary metric with few of them; it may be slightly negative.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..errors import UserError
from .checks import check_features, check_set, check_value


@dataclass(frozen=True)
class Kernel:
    """What KID needs of one set alone: the features (float64, n x d) and, per image, its kernel to all the others."""

    features: Tensor
    to_others: Tensor

    def __len__(self) -> int:
        return len(self.features)


def fit_kernel(features: Tensor, side: str = "real") -> Kernel:
    """Of features n x d with n >= 2 (a reference's is made once)."""
    check_set("KID", side, features, at_least=2)
    features = features.detach().double()
    within = kernel(features, features)
    return Kernel(features, within.sum(1) - within.diagonal())


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """(x.y / d + 1)^3 of all pairs."""
    base = (x @ y.T).div_(x.shape[1]).add_(1)
    return base.square().mul_(base)


def kernel_distance(real: Tensor, fake: Tensor) -> tuple[float, float]:
    """KID over all pairs (the exact expectation of the mean over random subsets) and its standard error.

    Features are n x d with n >= 2. The error is the two-sample jackknife's; it is NaN below three images a side.
    """
    check_features("KID", real, fake, at_least=2)
    return distance_between(fit_kernel(real), fit_kernel(fake, "fake"))


def distance_between(real: Kernel, fake: Kernel) -> tuple[float, float]:
    """KID and its standard error. Raises ``UserError`` where float64 overflows."""
    cross = kernel(real.features, fake.features)
    m, n, total = len(real), len(fake), cross.sum()
    real_real, fake_fake = real.to_others.sum(), fake.to_others.sum()
    value = real_real / (m * (m - 1)) + fake_fake / (n * (n - 1)) - 2 * total / (m * n)
    check_value("KID", float(value))
    if min(m, n) < 3:
        return float(value), float("nan")
    without_real = (
        (real_real - 2 * real.to_others) / ((m - 1) * (m - 2))
        + fake_fake / (n * (n - 1))
        - 2 * (total - cross.sum(1)) / ((m - 1) * n)
    )
    without_fake = (
        real_real / (m * (m - 1))
        + (fake_fake - 2 * fake.to_others) / ((n - 1) * (n - 2))
        - 2 * (total - cross.sum(0)) / (m * (n - 1))
    )
    error = float((_jackknife_variance(without_real) + _jackknife_variance(without_fake)).sqrt())
    check_value("the standard error of KID", error)
    return float(value), error


def _jackknife_variance(leave_one_out: Tensor) -> Tensor:
    n = len(leave_one_out)
    return (n - 1) / n * (leave_one_out - leave_one_out.mean()).square().sum()


def kernel_distance_of_subsets(
    real: Tensor, fake: Tensor, subsets: int = 100, size: int = 100, seed: int = 2020
) -> tuple[float, float]:
    """The literature's form: mean and spread of KID over random subsets, drawn as torch-fidelity draws them.

    The spread is that of the subset values, not a standard error. ``size`` may not exceed either set.
    """
    if subsets < 1 or size < 2:
        raise UserError(f"KID on subsets needs a subset or more of at least 2 images, not {subsets} of {size}")
    check_features("KID on subsets", real, fake, at_least=size)
    # One full kernel and a selection matrix per side replace `subsets` small kernels.
    real, fake = real.detach().double(), fake.detach().double()
    rng = np.random.RandomState(seed)
    chosen_fake, chosen_real = [torch.zeros(subsets, len(x), dtype=torch.float64) for x in (fake, real)]
    for row in range(subsets):
        chosen_fake[row, rng.choice(len(fake), size, replace=False)] = 1
        chosen_real[row, rng.choice(len(real), size, replace=False)] = 1
    chosen_fake, chosen_real = chosen_fake.to(fake.device), chosen_real.to(real.device)
    within = _within(chosen_fake, kernel(fake, fake)) + _within(chosen_real, kernel(real, real))
    cross = ((chosen_fake @ kernel(fake, real)) * chosen_real).sum(1)
    values = within / (size * (size - 1)) - 2 * cross / size**2
    mean, spread = float(values.mean()), float(values.std(correction=0))
    check_value("KID on subsets", mean)
    check_value("the spread of KID on subsets", spread)
    return mean, spread


def _within(chosen: Tensor, full: Tensor) -> Tensor:
    """Sum of the kernel over the ordered pairs of distinct images of each subset."""
    return ((chosen @ full) * chosen).sum(1) - chosen @ full.diagonal()
