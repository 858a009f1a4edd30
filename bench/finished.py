"""Whether a benchmark is finished, told from what its last run left behind.

A plan asks the strategies, and these import torch, which takes longer than all the rest of a command that has nothing
to do. What a plan hangs on is recorded with it instead, and looked at again.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import cache_root, sha256_of, write_json
from .matrix_file import dump_matrix
from .store import Store, asked_at

if TYPE_CHECKING:
    from .matrix import Matrix
    from .planning import Plan

FILE = "finished.json"
PACKAGE = Path(__file__).parent.parent
DECIDING = ("bench", "datasets", "strategies")
"""The folders of the package whose files decide what a matrix asks for."""


@dataclass(frozen=True)
class Finished:
    """What there is to say of a benchmark whose cells all ended ok."""

    cells: int
    notes: list[str]


def decided_by(matrix: "Matrix") -> str:
    """Hash of all that decides what ``matrix`` asks for and from where: also the folders that its paths start at."""
    files = (path for name in DECIDING for path in (PACKAGE / name).rglob("*") if path.suffix in (".py", ".yaml"))
    found = hashlib.sha256("\n".join([dump_matrix(matrix), str(Path.cwd()), str(cache_root().absolute())]).encode())
    for path in sorted(files):
        found.update(f"{path}\n{sha256_of(path)}\n".encode())
    return found.hexdigest()


def recall(root: Path, decided: str) -> Finished | None:
    """What was remembered in the folder ``root`` of a matrix, where all of it still holds; else None: plan anew."""
    record = _read(root)
    if record.get("decided") != decided:
        return None
    store = Store(root, create=True)  # its cells may have been deleted
    if record["asked"] != _asked(store) or not all(map(store.is_done, record["planned"])):
        return None
    if any(digest != _spec(Path(folder)) for folder, digest in record["sources"].items()):
        return None
    return Finished(len(record["planned"]), record["notes"])


def to_remember(store: Store, matrix: "Matrix", plan: "Plan", decided: str) -> dict[str, Any]:
    """The record of a plan whose cells are those that count; taken before they run, as all of it may change meanwhile.

    Empty where it may change unseen: with the user's own images or components, and after a search.
    """
    from .plugins import foreign_files

    if matrix.tune or any(plan.images.values()) or foreign_files():
        return {}
    return {
        "decided": decided,
        "planned": [cell.key for cell in plan.cells],
        "asked": _asked(store),
        "sources": {str(folder.resolve()): _spec(folder) for folder in plan.sources.values()},
        "notes": plan.notes,
    }


def remember(store: Store, record: dict[str, Any]) -> None:
    """Keep the record, now that all its cells have ended ok."""
    if record and record != _read(store.root):
        write_json(store.root / FILE, record)


def _read(root: Path) -> dict[str, Any]:
    """The record; empty if there is none. One that is damaged is as good as none, since it only saves time."""
    try:
        record = json.loads((root / FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _asked(store: Store) -> str:
    """Hash of which cells a store holds and when they were asked for: which of them count follows from it."""
    asked = [f"{key} {asked_at(store.folder(key))}" for key in store.cell_keys()]
    return hashlib.sha256("\n".join(asked).encode()).hexdigest()


def _spec(folder: Path) -> str:
    """Hash of what a source model says it is; its weights' own hash is in there. Empty if it is gone."""
    spec = folder / "spec.json"
    return sha256_of(spec) if spec.is_file() else ""
