"""Fréchet distance between Gaussians fitted to two feature sets (Heusel et al., NeurIPS 2017).

|m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2), and the last trace is the sum of the singular values of A1 A2^T
for any A with A^T A = S. With few images A is the centred feature matrix turned so that one row vanishes
((n - 1) x d); with more images than dimensions its QR factor (d x d). No covariance is formed and no square root of
one is taken. The singular values come from the eigenvalues of the small Gram matrix where these are as exact, as they
are unless the sets lie close to a common plane; otherwise from an SVD. `graftbench evaluation-speed` compares the
time with torch-fidelity's form, which is the less accurate one.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from .checks import check_features, check_set

SMALL = 64
"""Up to so many singular values an SVD takes no time worth saving."""
BLOCK = 256
"""Rows of a triangular factor that are multiplied together."""
EXACT = 2e-12
"""Error of the sum of singular values, relative to the sum, that the Gram matrix may bring."""


@dataclass(frozen=True)
class Gaussian:
    """Mean (d) and a root A (min(n - 1, d) x d) in float64; A^T A / ``freedom`` is the sample covariance."""

    mean: Tensor
    root: Tensor
    freedom: int
    """Images less one."""

    @cached_property
    def variance(self) -> Tensor:
        """Trace of the covariance."""
        entries = self.root.flatten()
        return entries @ entries / self.freedom


def fit_gaussian(features: Tensor, side: str = "real") -> Gaussian:
    """Of features n x d with n >= 2."""
    check_set("FID", side, features, at_least=2)
    root = features.to(torch.float64, copy=True)
    mean = root.mean(0)
    freedom = len(root) - 1
    if len(root) > root.shape[1]:
        return Gaussian(mean, torch.linalg.qr(root.sub_(mean), mode="r").R, freedom)
    # Centred, and then a Householder turn that takes the constant vector to the first axis, whose row becomes zero.
    first = root[0] - mean
    return Gaussian(mean, root[1:].sub_(mean + first / (1 + math.sqrt(len(root)))), freedom)


def frechet_distance(real: Tensor, fake: Tensor) -> float:
    """FID of features n x d, at least two images a side; 0 for equal sets (to about 1e-12 of the variance).

    Biased upwards by about 1 / n: state both n beside it, and compare only at equal n.
    """
    check_features("FID", real, fake, at_least=2)
    return distance_between(fit_gaussian(real), fit_gaussian(fake, "fake"))


def distance_between(real: Gaussian, fake: Gaussian) -> float:
    """FID of two fitted Gaussians (a reference's is fitted once)."""
    overlap = nuclear_norm(_product(real.root, fake.root)) / math.sqrt(real.freedom * fake.freedom)
    return float((real.mean - fake.mean).square().sum() + real.variance + fake.variance - 2 * overlap)


def _product(real: Tensor, fake: Tensor) -> Tensor:
    """``real @ fake.T``, leaving out the zeros of a triangular ``real`` (a root is square only as a QR factor)."""
    if real.shape[0] < real.shape[1]:
        return real @ fake.T
    starts = range(0, len(real), BLOCK)
    return torch.cat([real[start : start + BLOCK, start:] @ fake[:, start:].T for start in starts])


def nuclear_norm(matrix: Tensor) -> Tensor:
    """Sum of the singular values.

    They are the roots of the Gram matrix' eigenvalues, whose errors (about ``eps`` of the largest) weigh on the
    smallest of them: an SVD is taken where that would be felt.
    """
    if min(matrix.shape) <= SMALL:
        return torch.linalg.svdvals(matrix).sum()
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    squares = torch.linalg.eigvalsh(_lower_gram(wide))
    noise = 4 * torch.finfo(matrix.dtype).eps * squares[-1]
    values = squares.clamp_min(0).sqrt()
    error = (noise / values.clamp_min(noise.sqrt())).sum() / 2
    if error <= EXACT * values.sum():
        return values.sum()
    return torch.linalg.svdvals(matrix).sum()


def _lower_gram(matrix: Tensor) -> Tensor:
    """``matrix @ matrix.T`` without the upper right quarter, which is left zero: ``eigvalsh`` reads the lower half."""
    half = len(matrix) // 2
    gram = matrix.new_zeros(len(matrix), len(matrix))
    gram[:half, :half] = matrix[:half] @ matrix[:half].T
    gram[half:, :half] = matrix[half:] @ matrix[:half].T
    gram[half:, half:] = matrix[half:] @ matrix[half:].T
    return gram
