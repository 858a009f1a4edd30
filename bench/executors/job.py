"""What every executor is given, what it tells while it runs, and how a process without a last word is recorded."""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..store import read_status, write_status
from ..worker import CHANGED, DISK, INTERRUPTED


@dataclass(frozen=True)
class Job:
    """A cell to run: its folder (with ``spec.json``), what its worker is told, and its limits."""

    folder: Path
    references: Path
    """Where grids of real images are kept."""
    source: Path | None = None
    """Folder of the source artefact."""
    plugins: tuple[Path, ...] = ()
    device: str = "cpu"
    retry: bool = False
    """Run it again if it ended otherwise than ``ok``."""
    timeout_seconds: float = 4 * 3600
    memory_gb: float | None = None
    """Main memory that the cell may take, in 10^9 bytes; its share of the machine if None."""
    checkpoint_seconds: float = 60.0
    """Seconds of training between two checkpoints."""
    package: Path | None = None
    """Where a staged copy of this package lies; the installed one if None."""
    processes: int = 1
    """How many train it together, with one GPU each where there are GPUs."""
    deterministic: bool = False

    def arguments(self) -> list[str]:
        """Arguments of ``python -m graftbench.bench.worker``."""
        found = [str(self.folder), "--references", str(self.references), "--device", self.device]
        found += ["--checkpoint-seconds", str(self.checkpoint_seconds)]
        found += ["--source", str(self.source)] if self.source else []
        for plugin in self.plugins:
            found += ["--plugin", str(plugin)]
        found += ["--processes", str(self.processes)] if self.processes > 1 else []
        found += ["--deterministic"] if self.deterministic else []
        return [*found, "--retry"] if self.retry else found


TRAVELLING = ("device", "timeout_seconds", "memory_gb", "checkpoint_seconds", "processes", "deterministic")
"""Fields of a job that are the same wherever it runs; the others are places, and ``retry``."""

Watch = Callable[[list[Job], list[Job]], None]
"""``watch(finished, running)``, called a few times a second. Not every executor knows what is running."""

Executor = Callable[[list[Job], Watch], None]
"""Runs jobs; each ends with a ``status.json``, whatever its process does.

Ctrl-C stops cleanly, and what had not finished stays missing and resumes; a second one stops at once.
"""


def record_silent_end(folder: Path, code: int) -> None:
    """Write a status for a worker that left none: killed by a signal, or gone with ``code``.

    A cell that was planned with other code or images stays missing. Raises ``UserError`` if the worker could not write:
    the cell is not to blame and stays missing.
    """
    if code == CHANGED or read_status(folder)["status"] != "missing":
        return
    if code == DISK:
        raise UserError(
            f"{folder}, or the cache: cannot be written (disk full or read-only, or no permission; see log.txt); "
            "finished cells are kept, make room and run again"
        )
    if code == INTERRUPTED:
        write_status(folder, "killed", "asked to stop from outside; its checkpoint is kept and --retry goes on from it")
    elif code < 0:
        by = signal.Signals(-code).name
        hint = " (the system does so when memory runs out)" if by == "SIGKILL" else ""
        write_status(folder, "killed", f"the process was killed by {by}{hint}; --retry goes on from its checkpoint")
    else:
        write_status(folder, "failed", f"the process exited with code {code} and no result; see log.txt")
