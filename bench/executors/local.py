"""Cells as processes on this machine, a few at a time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from ..store import write_status
from ..worker import BUSY, PARENT
from .job import Job, record_silent_end

POLL_SECONDS = 0.1
BUSY_SECONDS = 2.0
"""How long to leave a cell alone that another run works on."""
GRACE_SECONDS = 30.0
"""How long an interrupted cell may take to write its checkpoint."""

Watch = Callable[[list[Job], list[Job]], None]


@dataclass
class _Running:
    job: Job
    process: subprocess.Popen
    started: float


def run_local(jobs: list[Job], slots: int, watch: Watch) -> None:
    """Run ``jobs``, ``slots`` at a time; each ends with a ``status.json``, whatever its process does.

    ``watch(finished, running)`` is called a few times a second. Ctrl-C lets the running cells write a checkpoint; a
    second one kills them. What had not finished stays missing and resumes.
    """
    waiting = [(0.0, job) for job in jobs]
    running: list[_Running] = []
    finished: list[Job] = []
    try:
        while waiting or running:
            now = time.monotonic()
            while len(running) < slots and (due := next((w for w in waiting if w[0] <= now), None)):
                waiting.remove(due)
                running.append(_start(due[1], slots))
            for each in list(running):
                code = _poll(each)
                if code is None:
                    continue
                running.remove(each)
                if code == BUSY:
                    waiting.append((now + BUSY_SECONDS, each.job))
                else:
                    record_silent_end(each.job.folder, code)
                    finished.append(each.job)
            watch(finished, [each.job for each in running])
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        _stop(running)
        raise
    finally:
        for each in running:
            _kill(each.process)


def _start(job: Job, slots: int) -> _Running:
    threads = str(max(1, (os.cpu_count() or 1) // slots))
    # Spinning OpenMP threads made small layers up to 66 times slower under contention.
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "OMP_WAIT_POLICY": "passive"}
    environment[PARENT] = str(os.getpid())
    memory = ["--memory-gb", str(job.memory_gb)] if job.memory_gb else []
    with (job.folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "graftbench.bench.worker", str(job.folder), *job.arguments, *memory],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    return _Running(job, process, time.monotonic())


def _poll(running: _Running) -> int | None:
    """The exit code if the process is over; it is made to be when it exceeds its time or memory."""
    code = running.process.poll()
    if code is not None:
        return code
    job = running.job
    if time.monotonic() - running.started > job.timeout_seconds:
        _kill(running.process)
        write_status(job.folder, "timeout", f"stopped after {job.timeout_seconds:.0f} s")
    elif job.memory_gb and (used := _resident_gb(running.process.pid)) > job.memory_gb:
        _kill(running.process)
        write_status(job.folder, "out-of-memory", f"stopped at {used:.1f} GB; the limit is {job.memory_gb:.1f} GB")
    return running.process.poll()


def _resident_gb(pid: int) -> float:
    try:
        return psutil.Process(pid).memory_info().rss / 1e9
    except psutil.NoSuchProcess:
        return 0.0


def _stop(running: list[_Running]) -> None:
    """Ask all to write a checkpoint and wait for it, unless interrupted again."""
    for each in running:
        each.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(each.process.poll() is None for each in running) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _kill(process: subprocess.Popen) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
