"""Finished stores and bundles on s3:// and other places that fsspec knows.

Only whole results travel: cells that have ended, tables, report. A place is written to by ``push`` alone, which
refuses to replace a result that the pushed store does not hold itself. Two pushes to one place at the same time are
not told apart: the later one's list of cells stays.
"""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd

from .errors import UserError
from .files import is_url, sha256_of
from .outcome import read_outcome
from .rows import copy_tables, without_superseded, write_table
from .store import Store

MANIFEST = "manifest.json"
"""What a place holds: status and outcome of each cell, other outcomes, SHA-256 of the files beside the cells."""
BUNDLE = "bundle.json"
"""What makes a folder a results bundle: the SHA-256 of its other files. Written last."""
NOT_PUSHED = ("cells", "conflicts", "tuning", "slurm", "finished.json")
EXTRAS = {"s3": "pip install 'graftbench[s3]'", "gs": "pip install gcsfs", "gcs": "pip install gcsfs"}


@dataclass
class Listing:
    """The content of a store, here or there. Outcomes are status and digest, other outcomes ``<key>/<digest>``."""

    cells: dict[str, list[str]] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def place(url: str) -> Iterator[tuple[Any, str]]:
    """The file system and the path of a URL; whatever goes wrong there becomes a ``UserError`` that names it."""
    protocol = url.partition("://")[0]
    try:
        system, path = fsspec.core.url_to_fs(url, **({"auto_mkdir": True} if protocol in ("file", "local") else {}))
        # Listings are cached per process, but others write there too.
        system.invalidate_cache()
        yield system, path.rstrip("/")
    except UserError:
        raise
    except ImportError as error:
        raise UserError(f"{url}: {EXTRAS.get(protocol, error)}") from error
    except Exception as error:  # each file system has exceptions of its own
        raise UserError(f"{url}: {type(error).__name__}: {' '.join(str(error).split())}") from error


@contextlib.contextmanager
def local(given: str) -> Iterator[Path]:
    """A folder by its path, or a copy of the one at a URL for the time being."""
    if not is_url(given):
        yield Path(given)
        return
    with tempfile.TemporaryDirectory(prefix="graftbench-") as scratch:
        folder = Path(scratch) / (given.rstrip("/").rpartition("/")[2] or "store")
        folder.mkdir()
        with place(given) as (system, path):
            if not system.exists(path):
                raise UserError(f"{given}: nothing is stored there")
            system.get(f"{path}/", f"{folder}/", recursive=True)
        yield folder


def read_rows_at(url: str, name: str = "rows.parquet") -> pd.DataFrame:
    """The table that was pushed to ``url``; no cell is looked at."""
    with place(url) as (system, path):
        target = path if path.endswith(".parquet") else f"{path}/{name}"
        if not system.exists(target):
            raise UserError(f"{url}: holds no {name}; `graftbench push STORE {url}` puts a store there")
        with system.open(target, "rb") as file:
            return without_superseded(pd.read_parquet(file))


def write_table_at(table: pd.DataFrame, target: str) -> None:
    """Write rows or curves to a ``.csv`` or ``.parquet`` file, here or at a URL."""
    if not is_url(target):
        write_table(table, target)
        return
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / target.rpartition("/")[2]
        write_table(table, str(file))
        with place(target) as (system, path):
            system.put_file(str(file), path)


def push(folder: Path, url: str) -> int:
    """Bring a store or a results bundle to ``url``; returns how many files went.

    What is there already and equal is left. Raises ``UserError`` if the place holds a result that the store lacks, and
    for a bundle if it holds anything but that.
    """
    if (folder / BUNDLE).is_file():
        return _push_bundle(folder, url)
    store = Store(folder)
    with tempfile.TemporaryDirectory(prefix="graftbench-") as scratch:
        count = _push_store(store, url, Path(scratch))
    if (store.root / "tuning" / "cells").is_dir():
        count += push(store.root / "tuning", f"{url.rstrip('/')}/tuning")
    return count


def _push_store(store: Store, url: str, scratch: Path) -> int:
    """Bring a store to ``url``, its tables by way of ``scratch``: a store that cannot be written to keeps old ones."""
    tables = copy_tables(store, scratch)
    ours, theirs = list_store(store), list_place(url)
    ours.files |= {name: sha256_of(scratch / name) for name in tables}
    _require_superset(ours, theirs, store, url)
    changed = [key for key, outcome in ours.cells.items() if theirs.cells.get(key) != outcome]
    fresh = [f"cells/{key}" for key in changed]
    fresh += [f"conflicts/{name}" for name in ours.conflicts if name not in theirs.conflicts]
    files = [path for name in fresh for path in _cell_files(store.root / name)]
    statuses = [path for path in files if path.name == "status.json"]
    beside = [name for name, digest in ours.files.items() if theirs.files.get(name) != digest]
    with place(url) as (system, path):
        for batch in ([file for file in files if file.name != "status.json"], statuses):
            _put(system, batch, store.root, path)
        _put(system, [store.root / name for name in beside if name not in tables], store.root, path)
        _put(system, [scratch / name for name in beside if name in tables], scratch, path)
        if files or beside:
            system.pipe_file(f"{path}/{MANIFEST}", json.dumps(vars(ours), sort_keys=True).encode())
    return len(files) + len(beside)


def list_store(store: Store) -> Listing:
    """What of a store is pushed: the cells that have ended, and all beside them."""
    listing = Listing()
    for key in store.cell_keys():
        outcome = read_outcome(store.folder(key))
        if outcome.status != "missing":
            listing.cells[key] = [outcome.status, outcome.digest]
    listing.conflicts = sorted(
        f"{p.parent.parent.name}/{p.parent.name}" for p in store.conflicts.glob("*/*/status.json")
    )
    for path in sorted(store.root.rglob("*")):
        name = path.relative_to(store.root)
        hidden = any(part.startswith(".") for part in name.parts)
        if path.is_file() and not hidden and name.parts[0] not in NOT_PUSHED and path.suffix != ".lock":
            listing.files[name.as_posix()] = sha256_of(path)
    listing.files.pop(MANIFEST, None)
    return listing


def list_place(url: str) -> Listing:
    """What a place holds, by its manifest; without one (a push was cut off) by looking at every cell there."""
    with place(url) as (system, path):
        if system.exists(f"{path}/{BUNDLE}"):
            raise UserError(f"{url}: holds a results bundle, which a store would take the place of; give another URL")
        if system.exists(f"{path}/{MANIFEST}"):
            return Listing(**json.loads(system.cat_file(f"{path}/{MANIFEST}")))
        if not system.exists(f"{path}/cells"):
            return Listing()
    with local(url) as folder:
        return list_store(Store(folder))


def _require_superset(ours: Listing, theirs: Listing, store: Store, url: str) -> None:
    """Nothing there may be replaced but by itself, or a cell that did not end ``ok`` by one that did."""
    held = {f"{key}/{digest}" for key, (_, digest) in ours.cells.items()} | set(ours.conflicts)
    lacking = [name for name in theirs.conflicts if name not in held]
    for key, (status, digest) in theirs.cells.items():
        retried = status != "ok" and ours.cells.get(key, [""])[0] == "ok"
        if f"{key}/{digest}" not in held and not retried:
            lacking.append(f"{key}/{digest}")
    if lacking:
        raise UserError(
            f"{url}: holds {len(lacking)} results that {store.root} lacks (first {lacking[0]}); nothing was pushed. "
            f"`graftbench merge {store.root} {url} --out {store.root}` brings them here, then push again"
        )


def _push_bundle(folder: Path, url: str) -> int:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != BUNDLE]
    ours = {file.relative_to(folder).as_posix() for file in files}
    with place(url) as (system, path):
        there = {found.removeprefix(f"{path}/") for found in system.find(path)} if system.exists(path) else set()
        if BUNDLE in there and system.cat_file(f"{path}/{BUNDLE}") == (folder / BUNDLE).read_bytes():
            return 0
        if BUNDLE in there or there - ours:
            raise UserError(f"{url}: holds something else already; give another URL, or empty it first")
        _put(system, files, folder, path)
        _put(system, [folder / BUNDLE], folder, path)
    return len(files) + 1


def _cell_files(folder: Path) -> list[Path]:
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name != "lock"]
    return [path for path in files if not path.name.startswith((".", "checkpoint"))]


def _put(system: Any, files: list[Path], root: Path, path: str) -> None:
    if files:
        system.put([str(file) for file in files], [f"{path}/{file.relative_to(root).as_posix()}" for file in files])
