"""Which device a run uses, and what machine it is."""

import contextlib
import os
import platform
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch

from .errors import UserError


def choose_device(name: str) -> torch.device:
    """``auto`` takes CUDA where there is one; asking for CUDA where there is none is an error, never a fallback."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UserError("--device cuda was asked for, but torch sees no CUDA device; use --device cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise UserError(f"unknown device {name!r}; use auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and device.index is not None and device.index >= torch.cuda.device_count():
        raise UserError(f"--device {name} was asked for, but torch sees {torch.cuda.device_count()} CUDA devices")
    return device


def peak_memory_mb(device: torch.device) -> float:
    """Peak memory of this process: allocated on the GPU, or resident on the CPU (a process-lifetime mark)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would give the parent's peak where that is higher: a new process inherits its mark.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def describe(device: torch.device) -> dict[str, Any]:
    """What a row says of the machine that it was measured on."""
    return {
        "hardware": torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name(),
        "device": device.type,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


@contextlib.contextmanager
def memory_limit(gigabytes: float | None) -> Iterator[None]:
    """Make allocations beyond ``gigabytes`` fail in this process, before the machine starts to swap.

    It is lifted at the end, so that a failure can still be written down.
    """
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    if gigabytes is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (int(gigabytes * 1e9), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


@cache
def cpu_name() -> str:
    """Model name and number of cores."""
    info = Path("/proc/cpuinfo")
    model = platform.processor() or platform.machine()
    if info.exists():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    return f"{model} x{os.cpu_count()}"
