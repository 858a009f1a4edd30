"""Threads of a process that trains or measures: what its libraries read once, when they are loaded."""

import os
import sys


def pinned(threads: int) -> dict[str, str]:
    """Environment of a process with ``threads`` threads that sleep while they wait.

    Spinning OpenMP threads made small layers up to 66 times slower under contention.
    """
    count = str(threads)
    counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), count)
    return counts | {"OMP_WAIT_POLICY": "passive"}


def restart_pinned(threads: int) -> None:
    """Start the running command again in the environment of a cell, unless it is in it already."""
    wanted = pinned(threads)
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        sys.stdout.flush()
        os.execve(sys.executable, sys.orig_argv, os.environ | wanted)
