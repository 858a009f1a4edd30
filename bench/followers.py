"""The other processes of a cell that trains on several: they train in step, and neither measure nor write."""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import torch

from . import parallel

log = logging.getLogger("graftbench")

GRACE_SECONDS = 60.0
"""How long the followers may take to end after the first process has, and it after one of them has failed."""
WATCH_SECONDS = 1.0


@contextlib.contextmanager
def followers(count: int, command: list[str], device: torch.device) -> Iterator[None]:
    """Make this process the first of ``count`` that run ``command`` together, as torchrun would.

    The others find their rank in the environment (``RANK``, ``LOCAL_RANK``, ``WORLD_SIZE``). They are gone when the
    block ends, however it ends.
    """
    if count == 1:
        yield
        return
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": str(count)}
    os.environ.update(meeting, RANK="0", LOCAL_RANK="0")
    others: list[subprocess.Popen] = []
    done = threading.Event()
    try:
        for rank in range(1, count):
            environment = {**os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank)}
            others.append(subprocess.Popen([sys.executable, "-P", "-u", *command], env=environment))
        threading.Thread(target=_end_with, args=(others, done), daemon=True).start()
        parallel.join(device)
        yield
        for other in others:
            other.wait(GRACE_SECONDS)
    finally:
        done.set()
        parallel.leave()
        for other in others:
            if other.poll() is None:
                other.kill()
                other.wait()


def _end_with(others: list[subprocess.Popen], done: threading.Event) -> None:
    """End this process some time after one of ``others`` failed: an exchange between GPUs would wait for ever."""
    while not done.wait(WATCH_SECONDS):
        failed = [(rank, other.returncode) for rank, other in enumerate(others, start=1) if other.poll()]
        if failed and not done.wait(GRACE_SECONDS):
            rank, code = failed[0]
            log.error("process %d of %d ended with code %d, and this one cannot go on", rank, len(others) + 1, code)
            os.kill(os.getpid(), signal.SIGKILL)  # whoever started it records that


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
