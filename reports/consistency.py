"""Are derived numbers what the stored rows and curves give? Each function returns one sentence per mismatch."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from .convergence_tables import Ladders
from .tables import all_tables, write_tables

OWN = ("key", "kimg", "seconds", "status")


def headline_problems(rows: pd.DataFrame, curves: pd.DataFrame) -> list[str]:
    """Final numbers against the last point of the curve, ``best_*`` against the best point on validation, costs."""
    ok = rows[rows["status"] == "ok"].set_index("key") if len(rows) else rows
    if ok.empty:
        return []
    known = curves[curves["key"].isin(ok.index)].reset_index(drop=True)
    problems = [f"{key}: ended ok but has no curve" for key in ok.index.difference(pd.Index(known["key"]))]
    last = known.groupby("key").tail(1).set_index("key")
    ok = ok.loc[ok.index.intersection(last.index)]
    last = last.loc[ok.index]
    for name in last.columns.intersection(ok.columns).difference(list(OWN)):
        problems += _unequal(ok, name, last[name], "the last point of the curve")
    for extractor, group in ok.groupby("extractor"):
        points = known[known["key"].isin(group.index)]
        validation = f"validation_kid@{extractor}"
        if validation not in points:
            problems.append(f"no curve holds {validation}, so the best checkpoints cannot be recomputed")
            continue
        points = points.dropna(subset=[validation])
        problems += [
            f"{key}: its curve holds no {validation}" for key in group.index.difference(pd.Index(points["key"]))
        ]
        best = points.loc[points.groupby("key")[validation].idxmin()].set_index("key").reindex(group.index)
        measured = [f"{name}@{extractor}" for name in ("kid", "fid") if f"{name}@{extractor}" in best]
        found = {f"best_{name}": best[name] for name in measured}
        for name, values in {**found, "best_kimg": best["kimg"]}.items():
            problems += _unequal(group, name, values, "the point of lowest validation KID")
    problems += _unequal(ok, "train_seconds", last["seconds"], "the clock of the curve")
    speed = (last["seconds"] / last["kimg"]).where(last["kimg"] > 0)
    return problems + _unequal(ok, "seconds_per_kimg", speed, "seconds over kimg", relative=1e-12)


def _unequal(rows: pd.DataFrame, name: str, expected: pd.Series, words: str, relative: float = 0.0) -> list[str]:
    if name not in rows:
        return [f"no row holds {name}, which the curves give"]
    stored, computed = rows[name].to_numpy(float), expected.to_numpy(float)
    same = np.isclose(stored, computed, rtol=relative, atol=0, equal_nan=True)
    return [
        f"{key}: {name} is {has:.8g}, {words} gives {gives:.8g}"
        for key, has, gives in zip(rows.index[~same], stored[~same], computed[~same], strict=True)
    ]


def frame_problems(kept: pd.DataFrame, read: pd.DataFrame, name: str) -> list[str]:
    """A kept table against the one read anew from the cells."""
    if len(kept) != len(read):
        return [f"{name} holds {len(kept)} lines, the cells give {len(read)}"]
    problems = []
    for column in sorted({*kept.columns, *read.columns}):
        if column not in kept or column not in read:
            problems.append(f"{name}: only {'the kept table' if column in kept else 'the cells'} have {column}")
            continue
        one, two = kept[column].reset_index(drop=True), read[column].reset_index(drop=True)
        different = ~((one == two) | (one.isna() & two.isna()))
        problems += [
            f"{kept['key'].iloc[index]}: {name} says {column} = {one[index]}, the cell's files say {two[index]}"
            for index in np.flatnonzero(different)
        ]
    return problems


def table_problems(rows: pd.DataFrame, curves: pd.DataFrame, ladders: Ladders, folder: Path) -> list[str]:
    """The tables that a report wrote into ``folder`` against those that the rows give now."""
    problems = []
    with tempfile.TemporaryDirectory() as scratch:
        for path in write_tables(all_tables(rows, curves, ladders), Path(scratch)):
            written = folder / path.name
            if not written.is_file():
                problems.append(f"{written}: is missing")
            elif written.read_bytes() != path.read_bytes():
                problems.append(f"{written}: the rows give another table")
    return problems
