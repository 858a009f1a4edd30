"""Which GPUs cells may use, and whether one has room for another cell."""

import os
import subprocess
import time
from collections.abc import Callable

from ..errors import UserError
from .job import Job

ASK_SECONDS = 2.0
MARGIN = 1.2
"""A newcomer must find so many times the memory that a cell takes there already."""

Memory = Callable[[str], tuple[float, float]]
"""``memory(gpu)`` is what is used and what there is, in the same unit."""


def visible_gpus(device: str) -> list[str]:
    """Names of the GPUs to spread cells over; none on a CPU, nor where ``device`` is one GPU (``cuda:1``)."""
    import torch

    if device not in ("auto", "cuda") or not torch.cuda.is_available():
        return []
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",") if named else [str(index) for index in range(torch.cuda.device_count())]


def gpu_memory(gpu: str) -> tuple[float, float]:
    """Used and total MiB, as ``nvidia-smi`` says, which takes no memory itself."""
    query = ["nvidia-smi", f"--id={gpu}", "--query-gpu=memory.used,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True).stdout
        used, total = answer.strip().split(",")
        return float(used), float(total)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise UserError(
            f"several cells per GPU need its free memory, which nvidia-smi does not tell for {gpu!r} ({error}); "
            "give --jobs the number of GPUs"
        ) from error


class Room:
    """Whether one more cell fits beside others: once each of those has trained, if their mean need is free."""

    def __init__(self, memory: Memory = gpu_memory):
        self._memory = memory
        self._asked: dict[str, float] = {}

    def __call__(self, gpu: str, company: list[Job]) -> bool:
        if time.monotonic() - self._asked.get(gpu, -ASK_SECONDS) < ASK_SECONDS:
            return False
        self._asked[gpu] = time.monotonic()
        return all(map(_has_trained, company)) and self._fits(gpu, len(company))

    def _fits(self, gpu: str, count: int) -> bool:
        used, total = self._memory(gpu)
        return total - used >= MARGIN * used / count


def _has_trained(job: Job) -> bool:
    """The second evaluation is stored, so that the memory of training and of measuring has been seen."""
    curve = job.folder / "curve.jsonl"
    return curve.exists() and curve.read_bytes().count(b"\n") > 1
