"""A results bundle: what the paper's figures are rebuilt from, small enough for the repository.

<bundle>/bundle.json          SHA-256 of every other file
         rows.parquet  curves.parquet  environment.json  targets.json (frozen convergence targets)
         pictures.json  pictures/      first images of one seed per strategy; cells with equal pictures share a file
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from PIL import Image

from ..bench.errors import UserError
from ..bench.files import sha256_of
from .catalogue import Pictures
from .ladder import Ladder, known_ladders
from .plots.samples import COLUMNS, chosen_cells, tiles
from .plots.strips import SHOTS_SEARCHED
from .settings import settings

MANIFEST = "bundle.json"


@dataclass(frozen=True)
class Bundle:
    """A bundle as read."""

    rows: pd.DataFrame
    curves: pd.DataFrame
    environment: Mapping[str, Any]
    pictures: Pictures
    ladders: dict[str, dict[str, Ladder]]
    """Frozen targets by metric column."""


def write_bundle(
    folder: Path,
    rows: pd.DataFrame,
    curves: pd.DataFrame,
    environment: Mapping[str, Any],
    pictures: Pictures,
    targets: Path | None = None,
) -> Path:
    """Write a bundle into ``folder``, replacing the one there once the new one is whole; returns the folder.

    ``targets`` is the store's file of frozen targets. Rows are sorted, so that the same results give the same bytes.
    Raises ``UserError`` if the folder holds something else, or there are no rows.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file()):
        raise UserError(f"{folder}: is or holds something that is no bundle; give another folder")
    if Path.cwd().is_relative_to(folder.resolve()):
        raise UserError(f"{folder}: this command runs in it, so it cannot be replaced; give another folder")
    if rows.empty:
        raise UserError("the store holds no cells, so there is nothing to bundle")
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        made = Path(scratch) / folder.name
        made.mkdir()
        _write_parts(made, rows, curves, environment, pictures, targets)
        if folder.exists():
            folder.rename(Path(scratch) / "former")
        made.rename(folder)
    return folder


def _write_parts(
    folder: Path,
    rows: pd.DataFrame,
    curves: pd.DataFrame,
    environment: Mapping[str, Any],
    pictures: Pictures,
    targets: Path | None,
) -> None:
    """Every file of a bundle into an empty folder, the manifest last."""
    rows.sort_values("key").to_parquet(folder / "rows.parquet", index=False)
    curves.sort_values(["key", "kimg"]).to_parquet(folder / "curves.parquet", index=False)
    _write_json(folder / "environment.json", environment)
    if targets is not None and targets.is_file():
        shutil.copyfile(targets, folder / "targets.json")
    _write_json(folder / "pictures.json", _write_pictures(folder, rows, curves, pictures))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    _write_json(folder / MANIFEST, {path.relative_to(folder).as_posix(): sha256_of(path) for path in files})


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle after checking every file's hash. Raises ``UserError`` naming one that differs."""
    check_bundle(folder)
    try:
        rows, curves = pd.read_parquet(folder / "rows.parquet"), pd.read_parquet(folder / "curves.parquet")
        named = json.loads((folder / "pictures.json").read_text(encoding="utf-8"))
        environment = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    except (ValueError, RecursionError, pa.ArrowException) as error:
        raise UserError(f"{folder}: a part of this bundle is unreadable ({error}); make it again") from error
    pictures = Pictures(**{kind: {key: folder / file for key, file in files.items()} for kind, files in named.items()})
    columns = [f"kid@{extractor}" for extractor in sorted(rows["extractor"].unique())]
    ladders = {
        column: known_ladders(folder / "targets.json", rows, curves, column) for column in columns if column in curves
    }
    return Bundle(rows, curves, environment, pictures, ladders)


def check_bundle(folder: Path) -> None:
    """Raise ``UserError`` unless the folder holds exactly the files that its manifest lists, unchanged."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise UserError(f"{folder}: no results bundle here; `graftbench bundle STORE --to {folder}` makes one")
    try:
        listed = dict(json.loads(manifest.read_text(encoding="utf-8")))
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{manifest}: lists no files of a bundle ({error}); make the bundle again") from error
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {MANIFEST}
    for name in sorted(set(listed) ^ there):
        raise UserError(f"{folder / name}: {'is missing' if name in listed else 'is not in the bundle’s manifest'}")
    for name, expected in sorted(listed.items()):
        if sha256_of(folder / name) != expected:
            raise UserError(f"{folder / name}: has changed since the bundle was made")


KEPT = {"samples": COLUMNS, "interpolations": COLUMNS, "real": COLUMNS, "shots": SHOTS_SEARCHED}
"""So many images of each kind: what the figures show or search."""


def _write_pictures(folder: Path, rows: pd.DataFrame, curves: pd.DataFrame, pictures: Pictures) -> dict[str, dict]:
    """Keep the pictures that figures show, of one seed per strategy and target; returns file names by kind and key."""
    named: dict[str, dict[str, str]] = {kind: {} for kind in KEPT}
    (folder / "pictures").mkdir()
    for setting in settings(rows, curves):
        for target in setting.targets:
            chosen = chosen_cells(setting, target, pictures.samples)
            for key, resolution in zip(chosen["key"], chosen["resolution"], strict=True):
                for kind in KEPT:
                    path = getattr(pictures, kind).get(key)
                    if path is not None:
                        images = tiles(Path(path), int(resolution))[: KEPT[kind]]
                        named[kind][key] = _write_row(folder, images)
    return named


def _write_row(folder: Path, images: np.ndarray) -> str:
    """Write images (n x R x R x 3) side by side under a name made of their content; returns the path in the folder."""
    name = f"pictures/{hashlib.sha256(images.tobytes()).hexdigest()[:16]}.png"
    if not (folder / name).exists():
        row = images.swapaxes(0, 1).reshape(images.shape[1], -1, 3)
        Image.fromarray(row).save(folder / name, optimize=True)
    return name


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
