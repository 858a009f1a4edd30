"""Fréchet distance between Gaussians fitted to two feature sets (Heusel et al., NeurIPS 2017).

|m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2), and the last trace is the sum of the singular values of A1 A2^T
for any A with A^T A = S. With few images A is the centred feature matrix turned so that one row vanishes
((n - 1) x d); with more images than dimensions, or where it is used again and again, its QR factor. No covariance is
formed and no square root of one is taken.

That sum is found in up to three ways, each a slower and more exact one than the last: from a product in float32 whose
error is measured, from one in float64, both through the eigenvalues of the small Gram matrix, and by an SVD. The
first whose error is known to be below ``TOLERANCE`` of the distance is taken, so that near sets get the exact one.
`graftbench evaluation-speed` compares the time with torch-fidelity's form, which is the less accurate one.

All of it but a reference's one factorisation runs on the processor through scipy's BLAS, which has products that leave
out the zeros of a triangle. Nothing between its calls goes through torch's or numpy's own: each library's threads go on
spinning for a while after a call, and on all cores they slow the next library's call down twofold.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy import linalg
from torch import Tensor

from .checks import check_features, check_set, check_value, to_numpy
from .spectrum import sum_of_singular_values

blas: Any = linalg.blas
SMALL = 128
"""Up to so many singular values an SVD takes no time worth saving."""
TOLERANCE = 1e-6
"""Bound of the error, relative to the distance, that a quicker way may bring: the agreement with torch-fidelity that is
asked for. The error itself is a hundred times less or better. Equal sets, at distance 0, get none."""
PROBES = 8


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
    def single(self) -> np.ndarray:
        """The root in float32, infinite where that overflows."""
        with np.errstate(over="ignore"):
            return self.root.astype(np.float32)

    @cached_property
    def variance(self) -> float:
        """Trace of the covariance."""
        entries = self.root.ravel(order="K")
        return float(blas.ddot(entries, entries)) / self.freedom


def fit_gaussian(features: Tensor, side: str = "real", reused: bool = False) -> Gaussian:
    """Of features n x d with n >= 2. ``reused`` spends a QR factorisation that makes each distance to it cheaper."""
    check_set("FID", side, features, at_least=2)
    root = to_numpy(features).astype(np.float64)
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
    shift = real.mean - fake.mean
    apart = float(blas.ddot(shift, shift) + real.variance + fake.variance)
    scale = 2 / math.sqrt(real.freedom * fake.freedom)
    for overlap, error in _overlaps(real, fake, TOLERANCE * apart / scale):
        distance = apart - scale * overlap
        if scale * error <= TOLERANCE * distance:
            break
    check_value("FID", distance)
    return distance


def _overlaps(real: Gaussian, fake: Gaussian, worthwhile: float) -> Iterator[tuple[float, float]]:
    """Sum of the singular values of ``real.root @ fake.root.T`` and a bound of its error, in ever more exact ways.

    Ways whose product alone brings an error above ``worthwhile`` are left out.
    """
    small = min(len(real.root), len(fake.root)) <= SMALL
    if not small:
        with np.errstate(over="ignore", invalid="ignore"):
            rough = _product(real.single, fake.single, real.triangular).astype(np.float64)
            error = _error(rough, real, fake)
        if error <= worthwhile:
            overlap, from_gram = sum_of_singular_values(rough)
            yield overlap, error + from_gram
    product = _product(real.root, fake.root, real.triangular)
    if not small:
        yield sum_of_singular_values(product)
    yield float(np.sum(linalg.svdvals(product, check_finite=False))), 0.0


def _product(real: np.ndarray, fake: np.ndarray, triangular: bool) -> np.ndarray:
    """``real @ fake.T`` in their precision, leaving out the zeros of a triangle."""
    gemm, trmm = linalg.get_blas_funcs(("gemm", "trmm"), (real, fake))
    if not triangular:
        return gemm(1.0, real.T, fake.T, trans_a=True)
    size = len(real)
    product = trmm(1.0, real[:, :size], fake[:, :size].T)
    if size == real.shape[1]:
        return product
    return gemm(1.0, real[:, size:], fake[:, size:].T, beta=1.0, c=product, overwrite_c=True)


def _error(rough: np.ndarray, real: Gaussian, fake: Gaussian) -> float:
    """How far the singular values' sum of a rounded product may be off: |E|_* <= sqrt(rank) |E|_F.

    The Frobenius norm of the rounding E is estimated without bias from its products with random signs.
    """
    probes = np.random.default_rng(0).choice([-1.0, 1.0], (len(fake.root), PROBES))
    exact = _product(real.root, blas.dgemm(1.0, fake.root.T, probes).T, real.triangular)
    rounding = exact - blas.dgemm(1.0, rough, probes)
    return math.sqrt(min(rough.shape) / PROBES) * float(blas.dnrm2(rounding.ravel(order="K")))
