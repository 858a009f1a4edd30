"""Is a store what its cells say? Every check reads the cells' own files and returns what does not agree."""

from dataclasses import dataclass, field
from pathlib import Path

from .cell import Cell
from .errors import UserError
from .files import sha256_of
from .outcome import read_json, read_lines
from .rows import checked_numbers
from .source import WEIGHTS, folders_of
from .store import HASHES, Store, asked_at, read_cell, read_status

ALWAYS_THERE = ("final.json", "curve.jsonl", "samples.png", "generator.safetensors")


@dataclass
class Check:
    """One thing that was checked: how much of it, what was found wrong, and what could not be told."""

    name: str
    checked: int
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def verify_cells(store: Store) -> list[Check]:
    """Specs, files, hashes and source models of all cells. A cell that is damaged here is not looked into further."""
    keys = sorted({path.parent.name for name in ("spec", "status") for path in store.cells.glob(f"*/{name}.json")})
    specs, files, hashes, sources = (
        Check(name, 0)
        for name in ("keys against specs", "cells against their status", "files against their hashes", "source models")
    )
    unhashed = 0
    for key in keys:
        folder = store.folder(key)
        try:
            cell = read_cell(folder)
            status = read_status(folder)
            asked_at(folder)
        except UserError as error:
            specs.problems.append(f"{key}: {error}")
            continue
        specs.checked += 1
        if cell.key != key:
            specs.problems.append(f"{key}: its spec has the key {cell.key}")
        if status["status"] != "ok":
            continue
        files.checked += 1
        files.problems += [
            f"{key}: ended ok but {name} is missing" for name in ALWAYS_THERE if not (folder / name).is_file()
        ]
        files.problems += _unreadable(folder)
        if (folder / HASHES).is_file():
            problems = _hash_problems(folder)
            hashes.checked += 1
            hashes.problems += problems
        else:
            unhashed += 1
        if cell.source_sha256:
            _check_source(key, cell, status.get("source_folder", ""), sources)
    if unhashed:
        hashes.notes.append(f"{unhashed} cells have no {HASHES}: their files cannot be checked")
    return [specs, files, hashes, sources]


def _unreadable(folder: Path) -> list[str]:
    """What of a finished cell's numbers cannot be read."""
    problems = []
    for path, read in ((folder / "final.json", lambda path: [read_json(path)]), (folder / "curve.jsonl", read_lines)):
        try:
            for found in read(path) if path.is_file() else []:
                checked_numbers(path, found)
        except UserError as error:
            problems.append(f"{folder.name}: {error}")
    return problems


def _hash_problems(folder: Path) -> list[str]:
    try:
        listed = read_json(folder / HASHES)
    except UserError as error:
        return [f"{folder.name}: {error}"]
    problems = []
    for name, digest in listed.items():
        path = folder / name
        if not path.is_file():
            problems.append(f"{folder.name}: {name} is missing")
        elif sha256_of(path) != digest:
            problems.append(f"{folder.name}: {name} has changed since the cell ended")
    return problems


def _check_source(key: str, cell: Cell, name: str, check: Check) -> None:
    """Does the artefact that the cell started from still hold those weights?"""
    found = [path for folder in folders_of(name) if (path := folder / WEIGHTS).is_file()]
    if not found:
        note = f"source model {name or 'without a name'} is not here, so its hash cannot be checked"
        if note not in check.notes:
            check.notes.append(note)
        return
    check.checked += 1
    if all(sha256_of(path) != cell.source_sha256 for path in found):
        check.problems.append(f"{key}: was made from other weights than {found[0]} holds now")
