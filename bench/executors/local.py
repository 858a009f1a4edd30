"""Cells as processes on this machine, a few at a time, on its cores or on its GPUs."""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence

from ..store import read_status
from ..worker import BUSY
from .fork_server import ForkServer
from .job import Job, Watch, record_silent_end
from .process import POLL_SECONDS, CellProcess, kill, memory_share, poll, start, stop

BUSY_SECONDS = 2.0
"""How long to leave a cell alone that another run works on."""

FORKS = sys.platform == "linux"
"""Whether a cell on the CPU may begin as a fork, with its libraries imported."""

HasRoom = Callable[[str, list[Job]], bool]
"""``has_room(gpu, jobs)``: may one more cell join ``jobs`` on that GPU?"""


def run_local(
    jobs: list[Job],
    watch: Watch,
    slots: int,
    threads: int | None = None,
    gpus: Sequence[str] = (),
    has_room: HasRoom = lambda gpu, jobs: True,
) -> None:
    """Run ``jobs``, ``slots`` at a time, each with so many ``threads`` (the cores shared among them if None).

    With ``gpus`` (names as in ``CUDA_VISIBLE_DEVICES``), each cell sees the one that has the fewest cells; more slots
    than GPUs put several on each, as far as ``has_room`` agrees.
    """
    threads = threads or max(1, (os.cpu_count() or 1) // slots)
    memory_gb = memory_share(slots)
    waiting = [(0.0, job) for job in jobs]
    running: list[CellProcess] = []
    servers: list[ForkServer] | None = [] if FORKS and not gpus else None
    finished: list[Job] = []
    try:
        while waiting or running:
            now = time.monotonic()
            while len(running) < slots and (due := next((w for w in waiting if w[0] <= now), None)):
                gpu = _freest(gpus, running, has_room)
                if gpus and gpu is None:
                    break
                waiting.remove(due)
                if due[0] and read_status(due[1].folder)["status"] != "missing":
                    finished.append(due[1])  # the other run has ended it
                else:
                    running.append(start(due[1], threads, memory_gb, gpu, servers))
            for each in list(running):
                code = poll(each)
                if code is None:
                    continue
                running.remove(each)
                kill(each)
                if code == BUSY:
                    waiting.append((now + BUSY_SECONDS, each.job))
                else:
                    record_silent_end(each.job.folder, code)
                    finished.append(each.job)
            watch(finished, [each.job for each in running])
            time.sleep(POLL_SECONDS)
    except BaseException:
        # Ctrl-C, or a store that cannot be written: what runs beside gets to keep what it has.
        stop(running)
        raise
    finally:
        for each in running:
            kill(each)
        for server in servers or []:
            server.close()


def _freest(gpus: Sequence[str], running: list[CellProcess], has_room: HasRoom) -> str | None:
    """The GPU with the fewest cells that can take one more; None if there is none."""
    load = Counter(each.gpu for each in running)
    for gpu in sorted(gpus, key=lambda g: load[g]):
        company = [each.job for each in running if each.gpu == gpu]
        if not company or has_room(gpu, company):
            return gpu
    return None
