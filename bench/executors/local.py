"""Cells as processes on this machine, a few at a time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..store import read_status, write_status

POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Job:
    """A cell to run: its folder, the worker's arguments, and the time after which it is stopped."""

    folder: Path
    arguments: tuple[str, ...]
    timeout_seconds: float


@dataclass
class _Running:
    job: Job
    process: subprocess.Popen
    started: float


def run_local(jobs: list[Job], slots: int, watch: Callable[[list[Job], list[Job]], None]) -> None:
    """Run ``jobs``, ``slots`` at a time; each ends with a ``status.json``, whatever its process does.

    ``watch(finished, running)`` is called a few times a second. Interrupting stops the running processes; what they
    had not finished stays missing and resumes from its checkpoint.
    """
    waiting, running, finished = list(reversed(jobs)), [], []
    try:
        while waiting or running:
            while waiting and len(running) < slots:
                running.append(_start(waiting.pop(), slots))
            for each in list(running):
                if _has_ended(each):
                    running.remove(each)
                    finished.append(each.job)
            watch(finished, [each.job for each in running])
            time.sleep(POLL_SECONDS)
    finally:
        for each in running:
            _kill(each.process)
    watch(finished, [])


def _start(job: Job, slots: int) -> _Running:
    threads = str(max(1, (os.cpu_count() or 1) // slots))
    # Spinning OpenMP threads made small layers up to 66 times slower under contention.
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "OMP_WAIT_POLICY": "passive"}
    (job.folder / "status.json").unlink(missing_ok=True)
    with (job.folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "graftbench.bench.worker", str(job.folder), *job.arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    return _Running(job, process, time.monotonic())


def _has_ended(running: _Running) -> bool:
    """Whether the process is over; records a timeout or a death without a word."""
    code = running.process.poll()
    folder = running.job.folder
    if code is None:
        if time.monotonic() - running.started <= running.job.timeout_seconds:
            return False
        _kill(running.process)
        write_status(folder, "timeout", f"stopped after {running.job.timeout_seconds:.0f} s")
    elif read_status(folder)["status"] == "missing":
        if code < 0:
            write_status(folder, "killed", f"the process was killed by {signal.Signals(-code).name}")
        else:
            write_status(folder, "failed", f"the process exited with code {code} and no result; see log.txt")
    return True


def _kill(process: subprocess.Popen) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
