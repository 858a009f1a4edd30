"""Cells in Slurm arrays through submitit, on a disk that the nodes share.

Each array task runs a chunk of cells one after the other. Before its time limit the running cell writes a checkpoint
and the task is requeued with the cells that are left.
"""

import contextlib
import dataclasses
import io
import re
import time
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..store import read_status, write_status
from ..worker import BUSY
from .job import Job, Watch
from .process import CellProcess, memory_share, start, stop, wait
from .staging import stage

POLL_SECONDS = 2.0
BUSY_SECONDS = 5.0
LOST = ("NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "REVOKED", "INTERRUPTED")
"""States of a Slurm job whose machine was taken from it."""


@dataclasses.dataclass(frozen=True)
class SlurmOptions:
    """How cells become array tasks."""

    parameters: dict[str, Any] = dataclasses.field(default_factory=dict)
    """For submitit's ``update_parameters``: timeout_min, mem_gb, cpus_per_task, slurm_partition, …"""
    cells_per_task: int = 1
    requeues: int = 100
    """How often a task may reach its time limit."""
    retries: int = 3
    """How often cells are submitted again whose machine was lost. A cell that fails by itself never is."""
    cluster: str = "slurm"
    """``local`` runs the tasks as processes on this machine."""
    threads: int | None = None
    """Of a cell; as many as ``cpus_per_task`` if not given."""


class Chunk:
    """What one array task does: its cells, one after the other. submitit sends it to the node and back."""

    def __init__(self, jobs: list[Job], threads: int):
        self.jobs, self.threads = jobs, threads
        self.running: CellProcess | None = None

    def __call__(self) -> None:
        waiting = self._left()
        while waiting:
            job = waiting.pop(0)
            self.running = start(job, self.threads, memory_share(1))
            if wait(self.running) == BUSY:
                waiting.append(job)
                time.sleep(BUSY_SECONDS)
                waiting = [j for j in waiting if _is_missing(j)]

    def checkpoint(self) -> Any:
        """submitit calls this shortly before the time limit; what it returns is requeued."""
        from submitit.helpers import DelayedSubmission

        if self.running is not None:
            stop([self.running])
        return DelayedSubmission(Chunk(self._left(), self.threads))

    def _left(self) -> list[Job]:
        return [job for job in self.jobs if _is_missing(job)]


def run_slurm(jobs: list[Job], watch: Watch, folder: Path, slots: int | None, options: SlurmOptions) -> None:
    """Run ``jobs`` as arrays with at most ``slots`` tasks at a time; ``folder`` is for scripts and Slurm's logs.

    The source of this package is copied there, so that editing it changes nothing in cells that still queue.
    Ctrl-C cancels the tasks; their cells keep their checkpoints and stay missing.
    """
    executor = make_executor(folder, slots, options)
    package = stage(folder / "package")
    work = [dataclasses.replace(job, package=package, retry=False) for job in jobs]
    for job in work:
        if read_status(job.folder)["status"] != "ok":  # another run may have ended it meanwhile
            (job.folder / "status.json").unlink(missing_ok=True)
    by_folder = {job.folder: job for job in jobs}
    tasks = _submit(executor, work, options, lost=0)
    try:
        while tasks:
            for task in list(tasks):
                if task.submitted.done():
                    tasks.remove(task)
                    tasks += _settle(executor, task, options)
            watch([by_folder[job.folder] for job in work if not _is_missing(job)], [])
            time.sleep(POLL_SECONDS)
    except BaseException:
        for task in tasks:
            task.submitted.cancel()
        raise


@dataclasses.dataclass
class _Task:
    submitted: Any
    """submitit's job."""
    jobs: list[Job]
    lost: int
    """How often their machine was lost already."""


def make_executor(folder: Path, slots: int | None, options: SlurmOptions) -> Any:
    """submitit's executor. Raises ``UserError`` for parameters that it does not take."""
    import submitit

    limit = {f"{options.cluster}_max_num_timeout": options.requeues}
    try:
        executor = submitit.AutoExecutor(folder=folder / "tasks", cluster=options.cluster, **limit)
        executor.update_parameters(name="graftbench", **options.parameters)
        if slots and options.cluster == "slurm":
            executor.update_parameters(slurm_array_parallelism=slots)
    except (RuntimeError, NameError, TypeError, ValueError, AssertionError) as error:
        raise UserError(f"submitit refuses: {' '.join(str(error).split())}") from error
    return executor


def _submit(executor: Any, jobs: list[Job], options: SlurmOptions, lost: int) -> list[_Task]:
    """One array whose tasks have ``cells_per_task`` cells each. Raises ``UserError`` with sbatch's words."""
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    size = options.cells_per_task
    chunks = [jobs[i : i + size] for i in range(0, len(jobs), size)]
    threads = options.threads or int(options.parameters.get("cpus_per_task", 1))
    try:
        with contextlib.redirect_stderr(io.StringIO()), executor.batch():  # submitit prints what it raises, too
            submitted = [executor.submit(Chunk(chunk, threads)) for chunk in chunks]
    except (FailedJobError, FailedSubmissionError) as error:
        said = " ".join(str(error).split()) or "nothing"
        raise UserError(f"sbatch takes no job as asked with --executor-option: {said}") from error
    return [_Task(each, chunk, lost) for each, chunk in zip(submitted, chunks, strict=True)]


def _settle(executor: Any, task: _Task, options: SlurmOptions) -> list[_Task]:
    """A task is over: submit again what it did not get to, or, if its machine is not to blame, all but the culprit."""
    missing = [job for job in task.jobs if _is_missing(job)]
    if not missing:
        return []
    state = task.submitted.state.upper()
    lost = state.startswith(LOST)
    if lost and task.lost < options.retries:
        return _submit(executor, missing, options, task.lost + 1)
    if state.startswith("CANCELLED"):
        for job in missing:
            write_status(job.folder, "killed", f"its Slurm task ended {state}; --retry goes on from its checkpoint")
        return []
    culprit, *others = missing
    if lost:
        write_status(culprit.folder, "killed", f"its machine was lost {task.lost + 1} times ({state})")
    elif state.startswith("OUT_OF_ME"):
        write_status(culprit.folder, "out-of-memory", "Slurm stopped the task for its memory; raise mem_gb")
    else:
        said = _last_words(task.submitted)
        timed_out = state.startswith(("TIMEOUT", "DEADLINE")) or "timed-out" in said
        write_status(culprit.folder, "timeout" if timed_out else "failed", f"its Slurm task ended {state}: {said}")
    return _submit(executor, others, options, task.lost) if others else []


def _last_words(submitted: Any) -> str:
    """The last line of what a task wrote; submitit has it between lines of dashes."""
    _, *written = re.split(r"\n-{20,}\n", str(submitted.exception() or ""))
    return written[0].strip().splitlines()[-1] if written and written[0].strip() else "it wrote nothing"


def _is_missing(job: Job) -> bool:
    return read_status(job.folder)["status"] == "missing"
