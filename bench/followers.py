"""The other processes of a cell that trains on several: they train in step, and neither measure nor write."""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import torch

from . import parallel

log = logging.getLogger("graftbench")

GRACE_SECONDS = 60.0
"""How long the followers may take to end after the first process has, and it after one of them has failed."""
WATCH_SECONDS = 1.0


class FollowerKilled(Exception):
    """Another process of the cell was killed, which the first one has from a broken exchange only."""


@contextlib.contextmanager
def followers(count: int, command: list[str], device: torch.device) -> Iterator[None]:
    """Make this process the first of ``count`` that run ``command`` together, as torchrun would.

    The others find their rank in the environment (``RANK``, ``LOCAL_RANK``, ``WORLD_SIZE``). They are gone when the
    block ends, however it ends. Raises ``FollowerKilled`` where that is why the block failed.
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
    except RuntimeError as error:
        time.sleep(WATCH_SECONDS)  # the end of a connection may be seen before that of its process
        for rank, code in _ended(others):
            if code < 0:
                by = signal.Signals(-code).name
                raise FollowerKilled(f"process {rank} of {count} was killed by {by}; --retry goes on") from error
        raise
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
        failed = _ended(others)
        if failed and not done.wait(GRACE_SECONDS):
            rank, code = failed[0]
            log.error("process %d of %d ended with code %d, and this one cannot go on", rank, len(others) + 1, code)
            os.kill(os.getpid(), signal.SIGKILL)  # whoever started it records that


def _ended(others: list[subprocess.Popen]) -> list[tuple[int, int]]:
    """Rank and exit code of those that have ended otherwise than well."""
    return [(rank, other.returncode) for rank, other in enumerate(others, start=1) if other.poll()]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
