"""Waiting for what a process that a test started is to do."""

import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(happened: Callable[[], T], run: subprocess.Popen | None = None, seconds: float = 300) -> T:
    """The first true answer of ``happened``; fails with the output of ``run`` if that ends before, or waits in vain."""
    deadline = time.monotonic() + seconds
    while not (answer := happened()):
        assert run is None or run.poll() is None, f"the run ended before: {run and run.communicate()}"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
    return answer
