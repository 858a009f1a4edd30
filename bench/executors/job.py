"""What every executor is given, and how a process that ended without a word is recorded."""

import signal
from dataclasses import dataclass
from pathlib import Path

from ..store import read_status, write_status


@dataclass(frozen=True)
class Job:
    """A cell to run: its folder, the worker's arguments, and its limits."""

    folder: Path
    arguments: tuple[str, ...]
    timeout_seconds: float
    memory_gb: float | None = None


def record_silent_end(folder: Path, code: int) -> None:
    """Write a status for a worker that left none: killed by a signal, or gone with ``code``."""
    if read_status(folder)["status"] != "missing":
        return
    if code < 0:
        write_status(folder, "killed", f"the process was killed by {signal.Signals(-code).name}")
    else:
        write_status(folder, "failed", f"the process exited with code {code} and no result; see log.txt")
