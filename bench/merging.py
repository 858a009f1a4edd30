"""Stores made on different machines as one, with nothing left behind.

The inputs are only read. A cell that ended alike everywhere is there once. Where outcomes differ, one stays the
cell's (an ``ok`` one if there is any, else that of the store named first) and is what tables and rankings count; each
other one is kept whole under ``conflicts/<key>/<outcome>/``.
"""

import contextlib
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import filelock

from .errors import UserError
from .files import sha256_of
from .outcome import Outcome, differences, read_outcome
from .store import ASKED, Store, asked_at, read_cell, read_status, write_asked
from .throughput.stored import FOLDER

log = logging.getLogger(__name__)

KEPT_ONCE = ("matrix.yaml", "environment.json", "targets.json")
"""Files of a store of which the first one given counts; others go to ``merged/<store>/``."""


@dataclass(frozen=True)
class Conflict:
    """Two outcomes of one cell."""

    key: str
    name: str
    counted: Outcome
    other: Outcome

    def sentence(self) -> str:
        one, two = self.counted, self.other
        said = f"{self.key} {self.name}: {_brief(one)} is counted, {_brief(two)} is kept in conflicts/"
        off = differences(one.final, two.final) if one.status == two.status == "ok" else {}
        if not off:
            return said
        worst = max(off, key=lambda name: off[name])
        return f"{said} ({len(off)} numbers differ, {worst} by {100 * off[worst]:.2g} %)"


@dataclass
class Merged:
    """What merging did."""

    added: int = 0
    same: int = 0
    unfinished: int = 0
    """Cells that were asked for but had not ended, taken over as they were."""
    conflicts: list[Conflict] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    """Keys of cells that a run was working on in the output, left as they were."""


def merge(inputs: list[Store], out: Path) -> Merged:
    """Bring the cells of ``inputs`` into the store ``out``, which may hold some already (they count first).

    Can be repeated, also after a kill. Raises ``UserError`` if another merge into ``out`` is going on, and, before
    anything is written, for a cell of the inputs that cannot be read.
    """
    for each in inputs:
        _require_readable(each)
    store, merged = Store(out, create=True), Merged()
    with _alone(store):
        for each in inputs:
            if each.root.resolve() != store.root.resolve():
                _merge_one(each, store, merged)
        os.sync()
    return merged


def _require_readable(given: Store) -> None:
    for key in given.cell_keys():
        for read in (read_cell, read_outcome, asked_at):
            read(given.folder(key))


@contextlib.contextmanager
def _alone(store: Store) -> Iterator[None]:
    try:
        with filelock.FileLock(store.root / "merge.lock", blocking=False):
            yield
    except filelock.Timeout as error:
        raise UserError(f"{store.root}: another merge into it is going on; wait for its end") from error


def _merge_one(given: Store, store: Store, merged: Merged) -> None:
    for key in given.cell_keys():
        _merge_cell(given.folder(key), key, store, merged)
    for folder in sorted(path.parent for path in given.conflicts.glob("*/*/spec.json")):
        _merge_cell(folder, folder.parent.name, store, merged)
    for name in KEPT_ONCE:
        _keep_once(given, store, Path(name))
    measured = (path for name in (FOLDER, "merged") for path in (given.root / name).rglob("*") if path.is_file())
    for path in sorted([*given.references.glob("*.png"), *measured]):
        _keep_once(given, store, path.relative_to(given.root))
    if (given.root / "tuning" / "cells").is_dir():
        _merge_one(Store(given.root / "tuning"), Store(store.root / "tuning", create=True), merged)


def _merge_cell(given: Path, key: str, store: Store, merged: Merged) -> None:
    here = store.folder(key)
    if not (here / "spec.json").exists():
        ended = (given / "status.json").exists()
        _copy_cell(given, here)
        merged.added += ended
        merged.unfinished += not ended
        return
    latest = max(asked_at(given), asked_at(here))
    if (given / "status.json").exists():
        with _held(here) as free:
            if free:
                _merge_outcome(given, here, store, merged)
            else:
                merged.busy.append(key)
    if asked_at(here) != latest or not (here / ASKED).exists():
        write_asked(here, latest)
        (store.root / "rows.parquet").unlink(missing_ok=True)  # it says when cells were asked for


def _merge_outcome(given: Path, here: Path, store: Store, merged: Merged) -> None:
    """Merge a cell that has ended into one that is there."""
    ours, theirs = read_outcome(here), read_outcome(given)
    if ours.status == "missing":
        _copy_cell(given, here)
        merged.added += 1
    elif ours.digest == theirs.digest:
        merged.same += 1
    elif theirs.status == "ok" != ours.status:
        _keep_conflict(here, store, ours)
        (here / "status.json").unlink()
        _copy_cell(given, here)
        merged.conflicts.append(Conflict(here.name, _name(here), theirs, ours))
    else:
        _keep_conflict(given, store, theirs, here.name)
        merged.conflicts.append(Conflict(here.name, _name(here), ours, theirs))


def _keep_conflict(folder: Path, store: Store, outcome: Outcome, key: str = "") -> None:
    kept = store.conflicts / (key or folder.name) / outcome.digest
    if not (kept / "status.json").exists():
        _copy_cell(folder, kept)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Whether no run works on the cell, which none can take up meanwhile."""
    lock = filelock.FileLock(folder / "lock", blocking=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _copy_cell(given: Path, here: Path) -> None:
    """Copy a cell's files, each by rename, its spec first and its status last: a kill leaves an unfinished cell."""
    files = [path for path in sorted(given.rglob("*")) if path.is_file() and path.name != "lock"]
    order = {ASKED: 0, "spec.json": 1, "status.json": 3}
    for path in sorted(files, key=lambda path: order.get(path.name, 2)):
        if not path.name.startswith("."):
            _copy(path, here / path.relative_to(given))
    if read_status(here)["status"] == "ok":
        for left in here.glob("checkpoint*.safetensors"):  # of our own, which had not ended
            left.unlink()


def _keep_once(given: Store, store: Store, name: Path) -> None:
    source, target = given.root / name, store.root / name
    if not source.is_file():
        return
    if target.exists():
        digest = sha256_of(source)
        if digest == sha256_of(target):
            return
        origin = f"{given.root.resolve().name}-{digest[:8]}"
        if name.parts[0] == FOLDER:  # measurements count wherever they lie in there
            target = store.root / FOLDER / origin / name.relative_to(FOLDER)
        else:
            target = store.root / "merged" / origin / name
    if not target.exists():
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        shutil.copy2(source, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _name(folder: Path) -> str:
    cell = read_cell(folder)
    return f"({cell.label} on {cell.target}@{cell.shots}, seed {cell.seed})"


def _brief(outcome: Outcome) -> str:
    reason = f" ({outcome.reason})" if outcome.reason else ""
    return f"{outcome.status}{reason} on {outcome.hardware}"
