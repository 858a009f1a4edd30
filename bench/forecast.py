"""What the cells that are left will take, from what was measured on this hardware: hours and disk."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from .cell import Cell
from .registries import backbones, strategies
from .rows import kept_rows, read_rows
from .store import Store
from .throughput.session import read_results

SAME = ("backbone", "resolution", "width", "batch", "precision")
"""What speeds must have in common, beside the hardware."""
SAMPLED = 50
"""Finished cells whose size is looked at."""


@dataclass(frozen=True)
class Forecast:
    """Of the cells that are left, run one after the other on this hardware."""

    cells: int
    kimg: float
    train_seconds: float | None
    """None where nothing is measured."""
    other_seconds: float
    """Start, evaluation and storing; 0 where only training speed is measured."""
    measured: int
    """How many measurements the speeds come from."""
    guessed: tuple[str, ...]
    """Strategies that were not measured; they are counted at the slowest measured speed."""

    def sentence(self, hardware: str) -> str:
        left = f"left to run: {self.cells} cells, {self.kimg:g} kimg"
        if not self.cells:
            return "left to run: nothing"
        if self.train_seconds is None:
            return (
                f"{left}; how long is unknown, as nothing of this backbone, resolution, width, batch and precision is "
                f"measured on {hardware} yet (`graftbench throughput` measures it, and so does the first cell)"
            )
        hours = (self.train_seconds + self.other_seconds) / 3600
        said = f"{left}; {hours:.2g} h one after the other on {hardware} ({self.measured} measurements; "
        said += f"{self.other_seconds / 3600:.2g} h of it start and evaluation)"
        guessed = f"; not measured, so counted at the slowest speed: {', '.join(self.guessed)}" if self.guessed else ""
        return said + guessed


def forecast(cells: list[Cell], measured: pd.DataFrame) -> Forecast:
    """From rows with ``strategy``, ``seconds_per_kimg`` and, where whole cells were run, ``overhead_seconds``."""
    trained = [cell for cell in cells if strategies.get(cell.strategy).trains]
    kimg = sum(cell.kimg for cell in trained)
    speeds = measured.dropna(subset=["seconds_per_kimg"]) if len(measured) else measured
    if speeds.empty:
        return Forecast(len(cells), kimg, None if trained else 0.0, 0.0, 0, ())
    by_strategy = speeds.groupby("strategy")["seconds_per_kimg"].median()
    slowest = float(by_strategy.max())
    seconds = sum(cell.kimg * float(by_strategy.get(cell.strategy, slowest)) for cell in trained)
    overhead = speeds["overhead_seconds"].median() if "overhead_seconds" in speeds else float("nan")
    other = 0.0 if pd.isna(overhead) else float(overhead) * len(cells)
    guessed = sorted({cell.strategy for cell in trained} - set(by_strategy.index))
    return Forecast(len(cells), kimg, seconds, other, len(speeds), tuple(guessed))


def measurements(store: Path, cell: Cell, hardware: str) -> pd.DataFrame:
    """Speeds of cells like ``cell`` on this hardware: from rows of the store and of those beside it, if there are any,
    else from what ``graftbench throughput`` measured there on an idle machine."""
    beside = [kept_rows(path) for path in sorted(store.parent.glob("*/rows.parquet")) if path.parent != store]
    own = [read_rows(Store(store))] if (store / "cells").is_dir() else []
    tables = [table for table in own + beside if "hardware" in table]
    rows = [_fitting(table[table["status"] == "ok"], cell, hardware) for table in tables]
    if rows := [table for table in rows if len(table)]:
        found = pd.concat(rows, ignore_index=True).drop_duplicates("key")
        return found.assign(overhead_seconds=found["wall_seconds"] - found["train_seconds"])
    places = (store / "throughput", store.parent / "throughput")
    results = [read_results(path) for place in places for path in sorted(place.rglob("*.json"))]
    results = [_fitting(table[~table["busy"].astype(bool)], cell, hardware) for table in results]
    results = [table for table in results if len(table)]
    return pd.concat(results, ignore_index=True) if results else pd.DataFrame()


def _fitting(table: pd.DataFrame, cell: Cell, hardware: str) -> pd.DataFrame:
    """The lines of a table that were measured on such a cell; no width means the backbone's default."""
    widths = table["width"].fillna(backbones.get(cell.backbone).width)
    fits = (table["hardware"] == hardware) & (widths == cell.width)
    for name in SAME:
        if name != "width":
            fits &= table[name] == getattr(cell, name)
    return table[fits]


def disk_sentence(root: Path, left: int, each_mb: float) -> str:
    """What is stored, what the cells left will add (by those stored, or else ``each_mb`` a cell) and what is free."""
    stored = _finished(root)
    if stored:
        each_mb = sum(_megabytes(folder) for folder in stored) / len(stored)
    existing = next(folder for folder in (root.resolve(), *root.resolve().parents) if folder.exists())
    free = shutil.disk_usage(existing).free / 1e9
    source = f"as {len(stored)} stored cells take" if stored else "by the number of parameters"
    warning = " (NOT ENOUGH)" if left * each_mb / 1000 > free else ""
    return f"disk: {left * each_mb / 1000:.2g} GB more for {left} cells, {source}; {free:.0f} GB are free{warning}"


def _finished(root: Path) -> list[Path]:
    if not (root / "cells").is_dir():
        return []
    store = Store(root)
    found = []
    for key in store.cell_keys():
        if store.is_done(key):
            found.append(store.folder(key))
        if len(found) == SAMPLED:
            break
    return found


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) / 1e6
