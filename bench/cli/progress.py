"""Cells while they are run: a bar that shows how far they are, and what Ctrl-C leaves."""

import shlex
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .asked import say

if TYPE_CHECKING:
    from ..cell import Cell
    from ..executors.job import Executor
    from ..matrix import Matrix
    from ..planning import Plan
    from ..store import Store


@dataclass(frozen=True)
class How:
    """How cells are run, whichever they are."""

    execute: "Executor"
    device: str
    plugins: list[Path]
    retry: bool
    processes: int
    deterministic: bool


def run_cells(how: How, store: "Store", matrix: "Matrix", plan: "Plan", pending: list["Cell"]) -> None:
    """Run the cells ``pending`` of the plan. Ends the command where the user stops it."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from ..executors.job import Job

    cells = {store.folder(cell.key).resolve(): cell for cell in pending}
    work = [
        Job(
            folder,
            store.references.resolve(),
            source.resolve() if (source := plan.sources.get(cell.key)) else None,
            tuple(path.resolve() for path in how.plugins),
            how.device,
            how.retry,
            matrix.timeout_minutes * 60,
            matrix.memory_gb,
            processes=how.processes,
            deterministic=how.deterministic,
        )
        for folder, cell in cells.items()
    ]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, speed_estimate_period=600) as progress:
        total = sum(cell.points + 1 for cell in pending)
        task = progress.add_task("evaluations", total=total)
        shown = 0.0

        def watch(finished: list[Job], running: list[Job]) -> None:
            nonlocal shown
            if running and time.monotonic() - shown < 1:
                return
            shown = time.monotonic()
            done = sum(cells[job.folder].points + 1 for job in finished)
            done += sum(_points_done(job.folder) for job in running)
            names = ", ".join(f"{c.label} {c.target}@{c.shots}" for c in (cells[job.folder] for job in running))
            text = f"{len(finished)}/{len(pending)} cells · {names}"
            progress.update(task, completed=done, description=text[:70])

        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            how.execute(work, watch)
        except KeyboardInterrupt:
            progress.stop()
            missing = sum(store.status(cell.key) == "missing" for cell in pending)
            again = shlex.join(["graftbench", *sys.argv[1:]])
            say(f"stopped: {missing} of {len(pending)} cells are left and go on from their checkpoints with: {again}")
            raise typer.Exit(130) from None


def _points_done(folder: Path) -> int:
    curve = folder / "curve.jsonl"
    return curve.read_bytes().count(b"\n") if curve.exists() else 0
