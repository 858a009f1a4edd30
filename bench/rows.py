"""What a store holds, as tables: one row per cell, one row per cell and evaluation.

Both are kept as Parquet beside the cells and brought up to date on reading: only cells whose files are newer than what
was kept are opened, so that a store of 100,000 finished cells is read in seconds.
"""

import json
import logging
import math
import os
import shutil
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import UserError
from .files import replacing
from .outcome import read_json, read_lines
from .reference_lines import is_reference, teacher
from .store import TIMINGS, Store, asked_at, read_cell, read_status, write_asked

log = logging.getLogger(__name__)

FORMAT = b"5"
"""Of the kept tables; another format is made anew."""

STAMP = "_stamp"
CHUNK = 2000
"""Cells that are read before they become a table: a dictionary takes many times the memory of a table's row."""


def read_rows(store: Store, *, superseded: bool = False) -> pd.DataFrame:
    """One row per cell that was asked for, whatever became of it; also kept as ``rows.parquet``.

    A cell that was asked for again with newer code, another source model, other images in the user's folder or another
    choice of a search has two keys; the one that was asked for earlier is left out unless ``superseded``.
    """
    rows = _read(store, "rows.parquet")
    return rows if superseded else without_superseded(rows)


def without_superseded(table: pd.DataFrame) -> pd.DataFrame:
    """Of the table of a ``rows.parquet``: the rows as ``read_rows`` gives them. Other tables stay as they are."""
    table = table.drop(columns=STAMP, errors="ignore")
    if table.empty or not {"asked", "place"} <= {*table}:
        return table
    table = table.sort_values("asked", kind="stable").drop_duplicates("place", keep="last")
    if "data" in table:
        # A folder whose images have changed is another target: what was measured on the former ones does not compare.
        table = table[table["data"] == table.groupby(["source", "target"])["data"].transform("last")]
    return table.sort_index().reset_index(drop=True)


def make_count(store: Store, keys: Collection[str]) -> tuple[int, int]:
    """Let the cells ``keys`` be those that count at their places, whatever else was asked for since, by any clock.

    Returns how many of them had not counted, and how many others are superseded now.
    """
    rows = read_rows(store, superseded=True)
    behind = set(keys) - set(without_superseded(rows)["key"])
    if behind:
        at = max(time.time_ns(), int(rows["asked"].max()) + 1)
        for key in behind:
            write_asked(store.folder(key), at)
        (store.root / "rows.parquet").unlink(missing_ok=True)  # it says when cells were asked for
        rows = read_rows(store, superseded=True)
    return len(behind), len(rows) - len(without_superseded(rows))


def read_curves(store: Store) -> pd.DataFrame:
    """One row per cell and evaluation, in order; also kept as ``curves.parquet``."""
    curves = _read(store, "curves.parquet")
    return curves if len(curves.columns) else pd.DataFrame(columns=["key", "kimg", "seconds"])


def copy_tables(store: Store, folder: Path) -> list[str]:
    """Bring ``rows.parquet`` and ``curves.parquet`` up to date, and copies of them to ``folder``; returns their names.

    The copies are what was read also of a store that cannot be written to. One without cells may have none.
    """
    copies = []
    for name in TABLES:
        table, is_new = _up_to_date(store, name)
        if is_new:
            _keep(table, store.root / name)
            _write_kept(table, folder / name)
        elif (store.root / name).is_file():
            shutil.copyfile(store.root / name, folder / name)
        else:
            continue
        copies.append(name)
    return copies


def read_statuses(store: Store) -> pd.DataFrame:
    """``key``, ``status`` and ``reason`` of every cell; of those not in the kept rows only their status is opened."""
    stamps = _stamps(store, "status.json")
    kept = _kept(store.root / "rows.parquet", ["key", STAMP, "status", "reason"])
    fresh = kept[kept[STAMP] == kept["key"].map(stamps)] if len(kept) else kept
    known = set(fresh["key"]) if len(fresh) else set()
    nothing = {"status": "missing", "reason": ""}
    states = {
        key: read_status(store.folder(key)) if stamp else nothing for key, stamp in stamps.items() if key not in known
    }
    rows = [{"key": key, "status": state["status"], "reason": state["reason"]} for key, state in states.items()]
    table = pd.concat([fresh, pd.DataFrame(rows, columns=["key", "status", "reason"])], ignore_index=True)
    return table.drop(columns=STAMP, errors="ignore").sort_values("key", ignore_index=True)


def read_conflicts(store: Store) -> pd.DataFrame:
    """Like ``read_rows``, of the other outcomes that merging kept; they are never ranked."""
    return pd.DataFrame(
        [row | {"key": folder.parent.name} for folder in conflict_folders(store) for row in [_row(folder)]]
    )


def conflict_folders(store: Store) -> list[Path]:
    return sorted(path.parent for path in store.conflicts.glob("*/*/spec.json"))


def read_cells(store: Store) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows and curves from the cells' files alone, whatever tables are kept beside them."""
    keys = store.cell_keys()
    rows = pd.DataFrame([_row(store.folder(key)) for key in keys])
    return rows, pd.DataFrame([point for key in keys for point in _points(store.folder(key))])


def write_table(table: pd.DataFrame, place: str) -> None:
    """Write rows or curves to a ``.csv`` or ``.parquet`` file."""
    require_table_name(place)
    with replacing(Path(place)) as temporary:
        if place.endswith(".csv"):
            table.to_csv(temporary, index=False)
        else:
            table.to_parquet(temporary, index=False)


def require_table_name(place: str) -> None:
    if not place.endswith((".csv", ".parquet")):
        raise UserError(f"{place}: must end in .csv or .parquet")


def _read(store: Store, name: str) -> pd.DataFrame:
    """The kept table, brought up to date."""
    table, is_new = _up_to_date(store, name)
    if is_new:
        _keep(table, store.root / name)
    return table.drop(columns=STAMP, errors="ignore")


def _up_to_date(store: Store, name: str) -> tuple[pd.DataFrame, bool]:
    """The kept table, with the cells read anew whose watched file is not the one that it was made from; whether it has
    become another one by that."""
    watched, read = TABLES[name]
    stamps = _stamps(store, watched)
    kept = _kept(store.root / name)
    fresh = kept[STAMP] == kept["key"].map(stamps) if len(kept) else pd.Series(dtype=bool)
    known = set(kept.loc[fresh, "key"]) if len(kept) else set()
    changed = [key for key in stamps if key not in known]
    parts = []
    for start in range(0, len(changed), CHUNK):
        rows = [
            {**row, STAMP: stamps[key]} for key in changed[start : start + CHUNK] for row in read(store.folder(key))
        ]
        parts.append(pd.DataFrame(rows))
    parts = [part for part in parts if len(part)]
    if not parts and fresh.all():
        return kept, False
    parts += [kept[fresh]] if fresh.any() else []
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if len(table):
        table = table.sort_values("key", kind="stable", ignore_index=True)
    return table, True


def _stamps(store: Store, watched: str) -> dict[str, int]:
    """When the ``watched`` file of each cell was last written, in ns; 0 for a cell that has none yet."""
    stamps = {}
    with os.scandir(store.cells) as folders:
        for folder in folders:
            try:
                stamps[folder.name] = os.stat(f"{folder.path}/{watched}").st_mtime_ns  # noqa: PTH116 (100,000 of them)
            except FileNotFoundError:
                if os.path.exists(f"{folder.path}/spec.json"):  # noqa: PTH110
                    stamps[folder.name] = 0
            except NotADirectoryError:
                continue
    return dict(sorted(stamps.items()))


def _kept(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """The table at ``path``; empty if there is none, or none that can be read: the cells hold all that it says."""
    try:
        with path.open("rb") as file:
            schema = pq.read_schema(file)
            if len(schema) and (schema.metadata or {}).get(b"graftbench") == FORMAT:
                return pq.read_table(file, columns=columns).to_pandas()
    except FileNotFoundError:
        pass
    except (pa.ArrowException, OSError) as error:
        log.warning("%s is damaged (%s) and made anew from the cells", path, error)
    return pd.DataFrame()


def _keep(frame: pd.DataFrame, path: Path) -> None:
    """Write the table; a store that cannot be written to is still read."""
    try:
        _write_kept(frame, path)
    except (OSError, pa.ArrowException) as error:
        log.warning("%s is not kept (%s); reading this store will be slow each time", path, error)


def _write_kept(frame: pd.DataFrame, path: Path) -> None:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), b"graftbench": FORMAT})
    with replacing(path) as temporary, temporary.open("wb") as file:  # pyarrow takes no name that is not UTF-8
        pq.write_table(table, file)


def kept_rows(path: Path) -> pd.DataFrame:
    """The rows that a store's ``rows.parquet`` was last kept with, whatever its cells say; empty if unreadable."""
    return without_superseded(_kept(path))


def _row(folder: Path) -> dict[str, Any]:
    cell = read_cell(folder)
    status = read_status(folder)
    measured = read_json(folder / "final.json") if status["status"] == "ok" else {}
    identity = {
        "key": folder.name,
        "backbone": cell.backbone,
        "resolution": cell.resolution,
        "width": cell.width,
        "source": cell.source,
        "target": cell.target,
        "shots": cell.shots,
        "strategy": cell.strategy,
        "label": cell.label,
        "params": json.dumps(cell.params, sort_keys=True),
        "augment": cell.augment,
        "reference": is_reference(cell),
        "taught_by": teacher(cell),
        "seed": cell.seed,
        "kimg": cell.kimg,
        "batch": cell.batch,
        "extractor": cell.extractor,
        "fakes": cell.fakes,
        "reals": cell.reals,
        "points": cell.points,
        "protocol": cell.protocol,
        "precision": cell.precision,
        "compile": cell.compile,
        "optimisation": json.dumps(cell.optimisation, sort_keys=True),
        "data": cell.data,
        "digest": cell.digest,
        "place": cell.place,
        "asked": asked_at(folder),
    }
    found = _tuning(folder) | status | checked_numbers(folder / "final.json", measured)
    return identity | found | identity  # whatever a file claims, the cell is what its spec says


def _tuning(folder: Path) -> dict[str, Any]:
    """How many trials a tuned cell had and how long they trained; nothing for a cell that was not tuned."""
    path = folder / "tuning.json"
    if not path.is_file():
        return {}
    choice = read_json(path)
    found = {"tuning_trials": choice.get("trials"), "tuning_seconds": choice.get("seconds")}
    if not all(isinstance(value, int | float) for value in found.values()):
        raise UserError(f"{path}: is damaged (trials or seconds are no number); `graftbench verify` shows all that is")
    return found


def _points(folder: Path) -> list[dict[str, Any]]:
    path = folder / "curve.jsonl"
    points = read_lines(path) if path.is_file() else []
    return [{"key": folder.name, **checked_numbers(path, point)} for point in points]


TABLES: dict[str, tuple[str, Callable[[Path], list[dict[str, Any]]]]] = {
    "rows.parquet": ("status.json", lambda folder: [_row(folder)]),
    "curves.parquet": ("curve.jsonl", _points),
}
"""Of each kept table: the file of a cell that is watched, and what reads the cell's lines of the table."""


NUMBERS = {"kimg", "best_kimg", "n_real", "n_fake", "parameters", "trainable_parameters", *TIMINGS}
"""What must be numbers in a cell's files, beside metrics."""


def checked_numbers(path: Path, found: dict[str, Any]) -> dict[str, Any]:
    """What was measured, NaN where it is null. Raises ``UserError`` where a metric or a time is no number."""
    for name, value in found.items():
        if not isinstance(value, int | float | None) and ("@" in name or name in NUMBERS):
            raise UserError(f"{path}: is damaged ({name} is no number); `graftbench verify` shows all that is")
    return {name: math.nan if value is None else value for name, value in found.items()}
