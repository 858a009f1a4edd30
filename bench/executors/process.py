"""One cell as a process on this machine: started, watched, and made to end when it exceeds its limits."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from ..errors import UserError
from ..parent import PARENT
from ..pinning import pinned
from ..store import read_status, write_status
from ..worker import BUSY, CHANGED
from .fork_server import Forked, ForkServer
from .job import Job, record_silent_end

POLL_SECONDS = 0.1
GRACE_SECONDS = 30.0
"""How long an interrupted cell may take to write its checkpoint."""
LAUNCHER = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_USE_AGENT_STORE")
"""Environment variables with which a cluster job or torchrun would make a worker one of its own processes; a worker
that trains on several sets them itself (``followers``)."""
WORKER = "graftbench.bench.worker"
LIBRARIES = ("torch", "torch._dynamo", "scipy.linalg", "safetensors.torch", "PIL.Image")
"""What a worker imports; ``torch._dynamo`` is what torch itself imports for its first optimiser."""


@dataclass
class CellProcess:
    """A running worker. ``gpu`` is the one device that it sees, if it was given one."""

    job: Job
    process: subprocess.Popen | Forked
    started: float
    memory_gb: float
    gpu: str | None = None


def start(
    job: Job, threads: int, memory_gb: float, gpu: str | None = None, servers: list[ForkServer] | None = None
) -> CellProcess:
    """Start the worker of ``job`` with its output in ``log.txt``.

    With a list of ``servers`` it is a fork of the first free one, which is added to them if there is none. They are to
    be closed in the end.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in LAUNCHER}
    environment = {**inherited, **pinned(threads), PARENT: str(os.getpid())}
    if job.package is not None:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(job.package), os.environ.get("PYTHONPATH")]))
    if gpu is not None and job.processes == 1:
        environment["CUDA_VISIBLE_DEVICES"] = gpu
    limit = job.memory_gb or memory_gb
    arguments = [*job.arguments(), "--memory-gb", str(limit)]
    with (job.folder / "log.txt").open("ab") as log:
        if servers is None:
            process = subprocess.Popen(
                [sys.executable, "-P", "-u", "-m", WORKER, *arguments],  # a copy.py lying here is not Python's
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        else:
            process = _free(servers, environment).start(WORKER, arguments, environment, Path(log.name))
    return CellProcess(job, process, time.monotonic(), limit, gpu)


def _free(servers: list[ForkServer], environment: dict[str, str]) -> ForkServer:
    for server in servers:
        if server.is_free():
            return server
    servers.append(ForkServer(LIBRARIES, environment))
    return servers[-1]


def poll(cell: CellProcess) -> int | None:
    """The exit code if the process is over; it is made to be when it exceeds its time or memory."""
    code = cell.process.poll()
    if code is not None:
        return code
    job = cell.job
    if time.monotonic() - cell.started > job.timeout_seconds:
        _end(cell, "timeout", f"stopped after {job.timeout_seconds:.0f} s")
    elif (used := _resident_gb(cell.process.pid)) > cell.memory_gb:
        _end(cell, "out-of-memory", f"stopped at {used:.1f} GB; the limit is {cell.memory_gb:.1f} GB")
    return cell.process.poll()


def _end(cell: CellProcess, status: str, reason: str) -> None:
    """Kill a cell over its limit. What it said of itself stays: it may have been on its way out."""
    kill(cell)
    if read_status(cell.job.folder)["status"] == "missing":
        write_status(cell.job.folder, status, reason)


def stop(cells: list[CellProcess]) -> None:
    """Ask all to write a checkpoint and wait until they have."""
    for each in cells:
        each.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(each.process.poll() is None for each in cells) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def kill(cell: CellProcess) -> None:
    """End the process and what it started, at once; what an ended one left behind, too."""
    with contextlib.suppress(ProcessLookupError):  # nothing is left of them
        os.killpg(cell.process.pid, signal.SIGKILL)
    cell.process.wait()


def wait(cell: CellProcess) -> int:
    """Watch one cell to its end; returns its exit code, with its status written unless another process has the cell.

    Raises ``UserError`` if the cell was planned with other code or images than are here: the scheduler tells it to the
    run.
    """
    try:
        while (code := poll(cell)) is None:
            time.sleep(POLL_SECONDS)
    finally:
        kill(cell)
    if code == CHANGED:
        raise UserError(
            f"{cell.job.folder.name}: the code or the images have changed since this cell was planned; run "
            "`graftbench run` again"
        )
    if code != BUSY:
        record_silent_end(cell.job.folder, code)
    return code


def memory_share(slots: int) -> float:
    """What each of ``slots`` cells may take so that together they leave a tenth of the machine, in 10^9 bytes."""
    return 0.9 * psutil.virtual_memory().total / 1e9 / slots


def _resident_gb(pid: int) -> float:
    try:
        return psutil.Process(pid).memory_info().rss / 1e9
    except psutil.NoSuchProcess:
        return 0.0
