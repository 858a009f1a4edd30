"""A stored cell run again and compared, number by number."""

import hashlib
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from .cell import Cell
from .devices import choose_device, describe
from .errors import UserError
from .executors.job import Job
from .executors.local import run_local
from .files import sha256_of, write_atomically
from .outcome import differences, read_json, read_outcome
from .planning import own_images
from .source import WEIGHTS, folders_of
from .store import Store, read_cell
from .verification import Check

SAME = ("hardware", "device", "torch")


def verify_by_rerunning(store: Store, count: int, plugins: tuple[Path, ...] = ()) -> Check:
    """Run ``count`` finished cells again, the same ones each time, and compare all numbers but timings.

    Only cells that this code made on such a machine with this torch can be expected to come out equal to the last bit:
    the check says how many others there are.
    """
    check = Check("cells run again", 0)
    keys = [key for key in store.cell_keys() if store.is_done(key)]
    reasons = {key: why_not(store.folder(key)) for key in keys}
    possible = sorted((key for key in keys if not reasons[key]), key=lambda key: hashlib.sha256(key.encode()).digest())
    for reason, cells in Counter(filter(None, reasons.values())).most_common():
        check.notes.append(f"{cells} cells cannot be compared here: {reason}")
    for key in possible[:count]:
        check.checked += 1
        check.problems += rerun_problems(store.folder(key), plugins)
    return check


def why_not(folder: Path) -> str:
    """Why a cell cannot be expected to come out equal here; empty if it can."""
    cell = read_cell(folder)
    status = read_json(folder / "status.json")
    if str(status.get("device")).startswith("cuda") and not status.get("deterministic"):
        return "they were made on a GPU without --deterministic, and equal runs differ in their last bits then"
    try:
        if cell.with_digest().digest != cell.digest:
            return "their source code has changed since"
        if cell.data and own_images(cell.source, cell.target) != cell.data:
            return "their images have changed since"
        here = describe(choose_device(status.get("device", "cpu")))
    except UserError as error:
        return str(error)
    for name in SAME:
        if status.get(name) != here[name]:
            return f"they were made with {name} {status.get(name)!r}, here it is {here[name]!r}"
    if cell.source_sha256 and _source(cell, status) is None:
        return f"the source model {status.get('source_folder')!r} is not here, or has other weights now"
    return ""


def rerun_problems(folder: Path, plugins: tuple[Path, ...] = ()) -> list[str]:
    """Run the cell of ``folder`` again in a temporary folder; one sentence per number that differs."""
    status, stored = read_json(folder / "status.json"), read_outcome(folder)
    with tempfile.TemporaryDirectory(prefix="graftbench-verify-") as scratch:
        again = Path(scratch) / "cells" / folder.name
        write_atomically(again / "spec.json", (folder / "spec.json").read_bytes())
        job = Job(
            again,
            Path(scratch) / "references",
            source=_source(read_cell(folder), status),
            plugins=plugins,
            device=str(status.get("device", "cpu")),
            processes=int(status.get("processes", 1)),
            deterministic=bool(status.get("deterministic", False)),
        )
        run_local([job], lambda finished, running: None, 1, int(status.get("threads", 1)))
        found = read_outcome(again)
    if found.status != stored.status:
        return [f"{folder.name}: ended {stored.status}, run again it ended {found.status} ({found.reason})"]
    problems = [f"final.json: {name}" for name in differences(stored.final, found.final)]
    for index, (one, two) in enumerate(zip(stored.curve, found.curve, strict=False)):
        problems += [f"curve.jsonl, point {index}: {name}" for name in differences(one, two)]
    if len(stored.curve) != len(found.curve):
        problems.append(f"curve.jsonl: {len(found.curve)} points instead of {len(stored.curve)}")
    return [f"{folder.name}: run again, another value of {problem}" for problem in problems]


def _source(cell: Cell, status: dict[str, Any]) -> Path | None:
    """The folder of the very weights that the cell started from."""
    folders = [folder for folder in folders_of(status.get("source_folder", "")) if (folder / WEIGHTS).is_file()]
    return next((folder for folder in folders if sha256_of(folder / WEIGHTS) == cell.source_sha256), None)
