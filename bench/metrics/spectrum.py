"""Singular values through the eigenvalues of the small Gram matrix, where their errors are known and small enough.

On the processor and through scipy, which has what torch lacks: a product that leaves out the mirrored half of a Gram
matrix, and an eigenvalue solver that does not slow down eight times where waiting threads sleep
(``OMP_WAIT_POLICY=passive``, as in every cell).
"""

import math
from typing import Any

import numpy as np
from scipy import linalg

blas: Any = linalg.blas


def sum_of_singular_values(matrix: np.ndarray) -> tuple[float, float]:
    """Sum of the singular values of a float64 matrix, and how far it may be off.

    They are the roots of the Gram matrix' eigenvalues, whose errors (about ``eps`` of the largest) weigh on the
    smallest of them.
    """
    squares = gram_spectrum(matrix)
    noise = 4 * np.finfo(float).eps * squares[-1]
    values = np.sqrt(squares.clip(0))
    error = (noise / values.clip(max(math.sqrt(noise), np.finfo(float).tiny))).sum() / 2
    return float(values.sum()), float(error)


def gram_spectrum(matrix: np.ndarray) -> np.ndarray:
    """Squared singular values of a float64 matrix, ascending: the eigenvalues of the smaller of its Gram matrices."""
    gram = blas.dsyrk(1.0, matrix, trans=matrix.shape[0] > matrix.shape[1], lower=True)
    return linalg.eigh(gram, eigvals_only=True, driver="evr", overwrite_a=True, check_finite=False)
