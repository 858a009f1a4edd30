"""The folder of a benchmark: what was asked for, a folder per cell, and the rows read from them.

<store>/matrix.yaml  environment.json
        cells/<key>/  spec.json  status.json  curve.jsonl  final.json  samples.png  interpolations.png  log.txt
                      generator.safetensors; checkpoints and a lock while it runs; tuning.json of a tuned one
                      asked.json (when it was last asked for: of two cells of one place the later one counts)
                      hashes.json (SHA-256 of the files of a cell that ended ok)
        conflicts/<key>/<outcome>/         other outcomes of a cell, from merged stores; shown, never ranked
        references/   grids of real images
        finished.json  what a run that found all ok looked at, so that the next one need not plan
        targets.json  the convergence targets that `finetune` set, frozen
        tuning/       a store of its own for the trials of a search
        merged/       what stores that were merged in had of files that are here once
        slurm/        scripts and logs of Slurm tasks, and the package that they run
        rows.parquet  curves.parquet       derived, rebuilt by whoever reads
        throughput/   results of `graftbench throughput`, from which reported seconds are taken where they cover all
        report/
"""

import json
import time
from pathlib import Path
from typing import Any

from .cell import Cell
from .errors import UserError
from .files import sha256_of, write_atomically, write_json

STATUSES = ("ok", "failed", "diverged", "timeout", "killed", "out-of-memory")
"""How a cell can end; a cell that was asked for and has not ended is ``missing``."""

TIMINGS = frozenset(
    {"seconds", "train_seconds", "seconds_per_kimg", "wall_seconds", "peak_memory_mb", "tuning_seconds"}
)
"""Measured quantities that depend on the machine; all others are equal when a cell is run again on the same one."""

HASHES = "hashes.json"
ASKED = "asked.json"
UNHASHED = frozenset({"status.json", "log.txt", "lock", "tuning.json", ASKED, HASHES})
"""Files of a cell that may be written after it has ended."""


class Store:
    """A benchmark's folder. Raises ``UserError`` if the path is a file or, unless ``create``, no store."""

    def __init__(self, root: Path, *, create: bool = False):
        self.root = Path(root)
        if self.root.exists() and not self.root.is_dir():
            raise UserError(f"{self.root}: is a file; a store is a folder")
        if create:
            _require_outside(self.root)
            try:
                self.cells.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(f"{self.root}: cannot be made ({error.strerror}); give --store a folder") from error
        elif (self.root / "bundle.json").is_file():
            raise UserError(
                f"{self.root}: is a bundle of results, no store; `graftbench rank`, `compare`, `verify`, `figures` "
                "and `report --to` read it"
            )
        elif not self.cells.is_dir():
            raise UserError(f"{self.root}: no benchmark is stored here; `graftbench run` makes one")

    @property
    def cells(self) -> Path:
        return self.root / "cells"

    @property
    def conflicts(self) -> Path:
        return self.root / "conflicts"

    @property
    def references(self) -> Path:
        return self.root / "references"

    @property
    def report(self) -> Path:
        return self.root / "report"

    def folder(self, key: str) -> Path:
        return self.cells / key

    def add(self, cell: Cell) -> None:
        """Record that a cell is asked for; a cell that is there already is left as it is."""
        spec = self.folder(cell.key) / "spec.json"
        if not spec.exists():
            write_asked(spec.parent, time.time_ns())
            write_atomically(spec, cell.canonical() + "\n")

    def status(self, key: str) -> str:
        return read_status(self.folder(key))["status"]

    def is_done(self, key: str) -> bool:
        return self.status(key) == "ok"

    def cell_keys(self) -> list[str]:
        return sorted(path.name for path in self.cells.iterdir() if (path / "spec.json").is_file())


def _require_outside(root: Path) -> None:
    """Refuse a folder for a new store among the cells of another, such as ``STORE/cells``."""
    if store := store_around(root):
        raise UserError(f"{root}: lies among the cells of another store; did you mean {store}?")


def store_around(folder: Path) -> Path | None:
    """The store among whose cells a folder lies, if it does."""
    resolved = folder.resolve()
    around = (each for each in (resolved, *resolved.parents) if each.name == "cells" and any(each.glob("*/spec.json")))
    return next((cells.parent for cells in around), None)


def read_status(folder: Path) -> dict[str, Any]:
    """How the cell in ``folder`` ended, and why; ``missing`` if it has not. Raises ``UserError`` if that is damaged."""
    state, why = None, "no status and reason"
    try:
        with open(f"{folder}/status.json", "rb", buffering=0) as file:  # noqa: PTH123 (a Path costs more than reading)
            state = json.load(file)
    except FileNotFoundError:
        return {"status": "missing", "reason": ""}
    except (ValueError, RecursionError, IsADirectoryError) as error:
        why = str(error)
    if (
        isinstance(state, dict)
        and state.get("status") in (*STATUSES, "missing")
        and isinstance(state.get("reason"), str)
    ):
        return state
    raise UserError(
        f"{folder}/status.json: is damaged ({why}); delete it, and the cell is run again (`graftbench verify` shows "
        "all that is damaged)"
    )


def asked_at(folder: Path) -> int:
    """When the cell in ``folder`` was last asked for, in ns since 1970; stores of before say it by their spec's age."""
    try:
        at = int(json.loads((folder / ASKED).read_bytes())["at_ns"])
        if not 0 <= at < 2**63:
            raise ValueError("at_ns is no time")
        return at
    except FileNotFoundError:
        return (folder / "spec.json").stat().st_mtime_ns
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise UserError(f"{folder / ASKED}: is damaged ({error!r}); delete it") from error


def write_asked(folder: Path, at: int) -> None:
    """Record in the cell's folder when it was asked for, in ns since 1970."""
    write_atomically(folder / ASKED, f'{{"at_ns": {at}}}\n')


def read_cell(folder: Path) -> Cell:
    """The cell that ``folder`` is of. Raises ``UserError`` if its spec is damaged, or of another version's form."""
    path = folder / "spec.json"
    try:
        return Cell.from_json(path.read_bytes().decode())
    except FileNotFoundError:
        raise UserError(f"{path}: is missing; `graftbench verify` shows all that is damaged") from None
    except (ValueError, TypeError, RecursionError, IsADirectoryError) as error:
        raise UserError(
            f"{path}: is no cell of this version ({error}); `graftbench verify` shows all that is damaged"
        ) from error


def write_status(folder: Path, status: str, reason: str = "", **facts: Any) -> None:
    """Record how a cell ended. ``facts`` are what the row says of the machine and the code."""
    assert status in STATUSES, status
    if status == "ok":
        files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name not in UNHASHED]
        kept = [path for path in files if not path.name.startswith((".", "checkpoint"))]
        write_json(folder / HASHES, {path.name: sha256_of(path) for path in kept})
    write_json(folder / "status.json", {"status": status, "reason": reason, **facts})
