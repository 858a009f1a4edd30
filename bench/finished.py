"""Whether a benchmark is finished, told from what its last run left behind.

A plan asks the strategies, and these import torch, which takes longer than all the rest of a command that has nothing
to do. What a plan hangs on is recorded with it instead, and looked at again.
"""

import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from .files import cache_root, sha256_of, write_json
from .matrix_file import dump_matrix
from .public_sources import public_sources
from .store import Store, asked_at

if TYPE_CHECKING:
    from .matrix import Matrix
    from .planning import Plan

log = logging.getLogger(__name__)

FILE = "finished.json"
PACKAGE = Path(__file__).parent.parent
DECIDING = ("bench", "datasets", "strategies")
"""The folders of the package whose files decide what a matrix asks for."""


class Finished(BaseModel):
    """A benchmark whose cells all ended ok, and what that hangs on."""

    decided: str
    """See ``decided_by``."""
    planned: list[str]
    """Keys of its cells."""
    asked: str
    """Hash of which cells the store holds and when they were asked for: which of them count follows from it."""
    sources: dict[str, str]
    """Hash of each source model's spec by folder."""
    superseded: int
    """How many other cells of the store were of places that these took."""
    notes: list[str]
    """Those of the plan."""


def decided_by(matrix: "Matrix") -> str:
    """Hash of all that decides what ``matrix`` asks for and from where: also the folders that its paths start at, and
    what there is called like a public source model."""
    files = (path for name in DECIDING for path in (PACKAGE / name).rglob("*") if path.suffix in (".py", ".yaml"))
    here = [name for name in public_sources() if Path(name).is_dir()]
    said = [dump_matrix(matrix), str(Path.cwd()), str(cache_root().absolute()), *here]
    found = hashlib.sha256("\n".join(said).encode())
    for path in sorted(files):
        if path.is_file():  # an editor's lock is a link to nowhere
            found.update(f"{path}\n{sha256_of(path)}\n".encode())
    return found.hexdigest()


def recall(root: Path, decided: str) -> Finished | None:
    """What was remembered in the folder ``root`` of a matrix, where all of it still holds; else None: plan anew."""
    found = _read(root)
    if found is None or found.decided != decided or not (root / "cells").is_dir():
        return None
    store = Store(root)
    if found.asked != _asked(store) or not all(map(store.is_done, found.planned)):
        return None
    return found if all(digest == _spec(Path(folder)) for folder, digest in found.sources.items()) else None


def to_remember(store: Store, matrix: "Matrix", plan: "Plan", decided: str, superseded: int) -> Finished | None:
    """The record of a plan whose cells are those that count; taken before they run, as all of it may change meanwhile.

    None where it may change unseen: with the user's own images or components, and after a search.
    """
    from .plugins import foreign_files

    if matrix.tune or any(plan.images.values()) or foreign_files():
        return None
    return Finished(
        decided=decided,
        planned=[cell.key for cell in plan.cells],
        asked=_asked(store),
        sources={str(folder.absolute()): _spec(folder) for folder in set(plan.sources.values())},
        superseded=superseded,
        notes=plan.notes,
    )


def remember(store: Store, finished: Finished) -> None:
    """Keep the record, now that all its cells have ended ok, where the store can be written to."""
    if finished != _read(store.root):
        try:
            write_json(store.root / FILE, finished.model_dump())
        except OSError as error:
            log.info("%s is not kept (%s): the next run plans again", store.root / FILE, error)


def _read(root: Path) -> Finished | None:
    """The record, if there is one. One that is damaged is as good as none, since it only saves time."""
    try:
        return Finished.model_validate_json((root / FILE).read_bytes())
    except (OSError, ValueError):
        return None


def _asked(store: Store) -> str:
    asked = [f"{key} {asked_at(store.folder(key))}" for key in store.cell_keys()]
    return hashlib.sha256("\n".join(asked).encode()).hexdigest()


def _spec(folder: Path) -> str:
    """Hash of what a source model says it is; its weights' own hash is in there. Empty if it is gone."""
    spec = folder / "spec.json"
    return sha256_of(spec) if spec.is_file() else ""
