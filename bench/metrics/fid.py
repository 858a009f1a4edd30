"""Fréchet distance between Gaussians fitted to two feature sets (Heusel et al., NeurIPS 2017).

|m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2), and the last trace is the sum of the singular values of A1 A2^T
for any A with A^T A = S. With few images A is the centred feature matrix turned so that one row vanishes
((n - 1) x d); with more images than dimensions, or where it is used again and again, its QR factor. No covariance is
formed and no square root of one is taken. The singular values come from the eigenvalues of the small Gram matrix
where these are as exact, as they are unless the sets lie close to a common plane; otherwise from an SVD.
`graftbench evaluation-speed` compares the time with torch-fidelity's form, which is the less accurate one.

All of it runs on the processor through scipy's BLAS, which has what torch lacks: products that leave out the zeros of
a triangle and the mirrored half of a Gram matrix, and an eigenvalue solver that does not slow down eight times where
waiting threads sleep (``OMP_WAIT_POLICY=passive``, as in every cell).
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy import linalg
from torch import Tensor

from .checks import check_features, check_set, check_value

blas: Any = linalg.blas
SMALL = 64
"""Up to so many singular values an SVD takes no time worth saving."""
EXACT = 2e-12
"""Error of the sum of singular values, relative to the sum, that the Gram matrix may bring."""


@dataclass(frozen=True)
class Gaussian:
    """Mean (d) and a root A (min(n - 1, d) x d) in float64; A^T A / ``freedom`` is the sample covariance."""

    mean: np.ndarray
    root: np.ndarray
    freedom: int
    """Images less one."""
    triangular: bool
    """Whether the first columns of the root are an upper triangle; it is then stored column by column."""

    @cached_property
    def variance(self) -> float:
        """Trace of the covariance."""
        entries = self.root.ravel(order="K")
        return float(blas.ddot(entries, entries)) / self.freedom


def fit_gaussian(features: Tensor, side: str = "real", reused: bool = False) -> Gaussian:
    """Of features n x d with n >= 2. ``reused`` spends a QR factorisation that makes each distance to it cheaper."""
    check_set("FID", side, features, at_least=2)
    root = features.detach().to("cpu", torch.float64, copy=True).numpy()
    mean = root.mean(0)
    freedom = len(root) - 1
    many = len(root) > root.shape[1]
    # Centred, and for few images then a Householder turn that takes the constant vector to the first axis, whose row
    # becomes zero.
    rows = root if many else root[1:]
    rows -= mean if many else mean + (root[0] - mean) / (1 + math.sqrt(len(root)))
    if many or reused:
        return Gaussian(mean, np.asfortranarray(torch.linalg.qr(torch.from_numpy(rows), mode="r").R), freedom, True)
    return Gaussian(mean, rows, freedom, False)


def frechet_distance(real: Tensor, fake: Tensor) -> float:
    """FID of features n x d, at least two images a side; 0 for equal sets (to about 1e-12 of the variance).

    Biased upwards by about 1 / n: state both n beside it, and compare only at equal n.
    """
    check_features("FID", real, fake, at_least=2)
    return distance_between(fit_gaussian(real), fit_gaussian(fake, "fake"))


def distance_between(real: Gaussian, fake: Gaussian) -> float:
    """FID of two fitted Gaussians (a reference's is fitted once). Raises ``UserError`` where float64 overflows."""
    check_value("FID", real.variance * real.freedom * fake.variance * fake.freedom)  # bounds the Gram matrix
    overlap = nuclear_norm(_product(real, fake)) / math.sqrt(real.freedom * fake.freedom)
    shift = real.mean - fake.mean
    distance = float(shift @ shift + real.variance + fake.variance - 2 * overlap)
    check_value("FID", distance)
    return distance


def _product(real: Gaussian, fake: Gaussian) -> np.ndarray:
    """``real.root @ fake.root.T``, leaving out the zeros of a triangle."""
    if not real.triangular:
        return blas.dgemm(1.0, real.root.T, fake.root.T, trans_a=True)
    size = len(real.root)
    product = blas.dtrmm(1.0, real.root[:, :size], fake.root[:, :size].T)
    if size == real.root.shape[1]:
        return product
    return blas.dgemm(1.0, real.root[:, size:], fake.root[:, size:].T, beta=1.0, c=product, overwrite_c=True)


def nuclear_norm(matrix: np.ndarray) -> float:
    """Sum of the singular values of a float64 matrix.

    They are the roots of the Gram matrix' eigenvalues, whose errors (about ``eps`` of the largest) weigh on the
    smallest of them: an SVD is taken where that would be felt.
    """
    if min(matrix.shape) <= SMALL:
        return float(np.sum(linalg.svdvals(matrix, check_finite=False)))
    gram = blas.dsyrk(1.0, matrix, trans=matrix.shape[0] > matrix.shape[1], lower=True)
    squares = linalg.eigh(gram, eigvals_only=True, driver="evr", overwrite_a=True, check_finite=False)
    noise = 4 * np.finfo(float).eps * squares[-1]
    values = np.sqrt(squares.clip(0))
    error = (noise / values.clip(max(math.sqrt(noise), np.finfo(float).tiny))).sum() / 2
    if error <= EXACT * values.sum():
        return float(values.sum())
    return float(np.sum(linalg.svdvals(matrix, check_finite=False)))
