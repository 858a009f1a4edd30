"""Threads and memory of a process that trains or measures: what its libraries read once, when they are loaded."""

import os
import sys

KEPT = {
    # An evaluation's freed memory goes back to the system otherwise, and the next training step pays for its return.
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(256 * 2**20),
}
"""glibc keeps freed blocks of up to 32 MiB, 256 MiB in all; other C libraries read none of this."""


def pinned(threads: int) -> dict[str, str]:
    """Environment of a process with ``threads`` threads that sleep while they wait.

    Spinning OpenMP threads made small layers up to 66 times slower under contention.
    """
    count = str(threads)
    return {"OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "OMP_WAIT_POLICY": "passive", **KEPT}


def restart_pinned(threads: int) -> None:
    """Start the running command again in the environment of a cell, unless it is in it already."""
    wanted = pinned(threads)
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        sys.stdout.flush()
        os.execve(sys.executable, sys.orig_argv, os.environ | wanted)
