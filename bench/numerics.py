"""How numbers are computed on the device: precision of multiplications, determinism.

``float32`` is float32 throughout; ``tf32`` lets the tensor cores of a GPU round the factors of float32
multiplications to ten bits; ``bfloat16`` runs the forward passes under autocast, and the rest as ``tf32``.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import torch


def autocast(precision: str, device: torch.device) -> Any:
    """Context manager for forward passes."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


@contextlib.contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """float32 throughout, whatever autocast or TF32 setting surrounds it: what measures must not depend on it."""
    matmul: Any = torch.backends.cuda.matmul
    before, matmul.allow_tf32 = matmul.allow_tf32, False
    try:
        with torch.autocast(device.type, enabled=False), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    finally:
        matmul.allow_tf32 = before


@contextlib.contextmanager
def numerical_settings(precision: str, deterministic: bool = False) -> Iterator[None]:
    """Set torch's switches for a run and put them back afterwards.

    ``deterministic`` makes equal runs on a GPU give equal bits, at some cost in speed, and makes an operation that
    has no such implementation an error. On a CPU, runs with equal numbers of threads are equal anyway.

    cuDNN chooses its kernels by rule, not by trying them all out (``cudnn.benchmark``): the trials of a StyleGAN2 at
    256 px took more than 25 s of a cell's start on an H200 (by rule the first step takes 1.6 s), and what they choose
    may differ between equal runs.
    """
    tf32 = precision != "float32"
    cuda: Any = torch.backends.cuda.matmul
    cudnn: Any = torch.backends.cudnn
    before = (cuda.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, torch.are_deterministic_algorithms_enabled())
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    try:
        cuda.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = tf32, tf32, False
        torch.use_deterministic_algorithms(deterministic)
        yield
    finally:
        cuda.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before[:3]
        torch.use_deterministic_algorithms(before[3])
