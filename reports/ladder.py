"""The ladder of quality targets that convergence speed is measured on: per block, from one reference strategy, frozen.

Targets that depended on the compared strategies would move with every strategy that is added. They come from naive
fine-tuning alone: from where it starts to the best that it reaches, in five rungs.
"""

import json
import logging
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..bench.errors import UserError
from ..bench.files import write_json
from ..bench.metrics.names import lower_is_better, split_name
from .strata import SETTINGS

log = logging.getLogger(__name__)

RUNGS = (0.25, 0.5, 0.75, 0.9, 1.0)
"""Shares of the way from the reference's start to its best."""
REFERENCE = "finetune"
SHARED = (
    *("backbone", "resolution", "width", "source", "target", "shots"),
    *("kimg", "batch", "precision", "protocol", "extractor", *SETTINGS, "data"),
)
"""What two runs must share to be compared; seeds are repetitions inside a block."""


def shared_columns(rows: pd.DataFrame) -> list[str]:
    return [name for name in SHARED if name in rows.columns]


def ladder_key(block: tuple) -> str:
    """One line of text that names a block, for the keys of the frozen file."""
    said = [value.item() if isinstance(value, np.generic) else value for value in block]
    return json.dumps(said[:-1] if said[-1] == "" else said)  # images that their names identify have no ``data``


def block_words(group: pd.DataFrame) -> str:
    """What a reader is told of a block: ``faces -> cats, 10 shots``."""
    first = group.iloc[0]
    return f"{first['source']} -> {first['target']}, {first['shots']} shots"


def signed(values: ArrayLike, metric: str) -> np.ndarray:
    """The values turned so that lower is better. Raises ``UserError`` for a metric without a direction."""
    better = lower_is_better(metric)
    if better is None:
        raise UserError(f"{metric} has no better or worse, so no run can reach a target of it")
    return np.asarray(values, float) * (1 if better else -1)


@dataclass(frozen=True)
class Ladder:
    """Where the reference starts, its best, and the targets between (signed: lower is better)."""

    start: float
    best: float
    rungs: tuple[float, ...]


def climb(start: float, best: float, metric: str) -> Ladder:
    """The rungs between two values: geometric for FID, linear for what may be zero or negative."""
    shares = np.array(RUNGS)
    geometric = is_fid(metric) and best > 0
    values = start * (best / start) ** shares if geometric else start + (best - start) * shares
    return Ladder(start, best, tuple(float(value) for value in values))


def is_fid(metric: str) -> bool:
    return split_name(metric)[1] == "fid"


def ladders(rows: pd.DataFrame, curves: pd.DataFrame, metric: str, reference: str = REFERENCE) -> dict[str, Ladder]:
    """Targets by block name, from the finished runs of the reference strategy alone.

    Both ends are medians over its seeds. A block is left out where the reference has no finished run, never improves on
    its start, or improves by no more than the metric's standard error, where that was measured: all rungs would then be
    one event of noise.
    """
    found = _climbs(rows, curves, metric, reference)
    return {block: each for block, _, each in found if isinstance(each, Ladder)}


def _climbs(
    rows: pd.DataFrame, curves: pd.DataFrame, metric: str, reference: str
) -> Iterator[tuple[str, pd.DataFrame, Ladder | str]]:
    """Each block where the reference has finished, with its rows, and its targets or why it has none."""
    for block, group in rows.groupby(shared_columns(rows), sort=True, dropna=False):
        keys = group.loc[(group["label"] == reference) & (group["status"] == "ok"), "key"]
        runs = curves[curves["key"].isin(keys)].dropna(subset=[metric])
        if runs.empty:  # as of any matrix without it
            continue
        by_run = runs.assign(value=signed(runs[metric], metric)).sort_values("kimg").groupby("key")["value"]
        start, best = float(by_run.first().median()), float(by_run.min().median())
        if best >= start:
            yield ladder_key(block), group, f"{reference} never improves on its start"
        elif start - best <= _standard_error(group[group["key"].isin(keys)], metric):
            yield ladder_key(block), group, f"what {reference} gains is within the standard error of {metric}"
        else:
            yield ladder_key(block), group, climb(start, best, metric)


def _standard_error(rows: pd.DataFrame, metric: str) -> float:
    """Median of one measurement's standard error; 0 where the metric has none."""
    name, _, extractor = metric.partition("@")
    column = f"{name}_se@{extractor}"
    return float(rows[column].median()) if column in rows and rows[column].notna().any() else 0.0


def frozen_ladders(
    path: Path, rows: pd.DataFrame, curves: pd.DataFrame, metric: str, reference: str = REFERENCE
) -> dict[str, Ladder]:
    """The targets stored in ``path`` (JSON, by metric and block), and those of blocks that it lacks; warns of blocks
    that have none.

    A block's are stored once all of the reference's runs on it have ended: the first seed alone would set others. What
    is stored is never changed, whatever runs come later. Raises ``UserError`` if the file is not such a file.
    """
    stored = _stored(path)
    known = {block: _ladder(**entry) for block, entry in stored.get(metric, {}).items()}
    for block, group, found in _climbs(rows, curves, metric, reference):
        if block in known:
            continue
        if isinstance(found, Ladder):
            known[block] = found
        else:
            log.warning("no convergence targets for %s: %s", block_words(group), found)
    waiting = _unfinished(rows, reference)
    settled = {block: asdict(each) for block, each in known.items() if block not in waiting} | stored.get(metric, {})
    if settled.keys() - stored.get(metric, {}).keys():
        write_json(path, stored | {metric: settled})
    return known


def known_ladders(
    path: Path, rows: pd.DataFrame, curves: pd.DataFrame, metric: str, reference: str = REFERENCE
) -> dict[str, Ladder]:
    """The targets that are stored, and those that are not frozen yet, without freezing any."""
    stored = _stored(path).get(metric, {})
    return ladders(rows, curves, metric, reference) | {block: _ladder(**entry) for block, entry in stored.items()}


def _stored(path: Path) -> dict[str, dict[str, dict]]:
    """The content of the file, all of it looked at; nothing where there is no file."""
    if not path.exists():
        return {}
    try:
        stored = json.loads(path.read_text())
        for blocks in stored.values():
            for entry in blocks.values():
                _ladder(**entry)
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise UserError(f"{path} holds no frozen targets ({error}); move it away to have them made anew") from error
    return stored


def _unfinished(rows: pd.DataFrame, reference: str) -> set[str]:
    """The blocks on which runs of the reference are still to come."""
    waiting = rows[(rows["label"] == reference) & (rows["status"] == "missing")]
    if waiting.empty:
        return set()
    return {ladder_key(block) for block, _ in waiting.groupby(shared_columns(rows), dropna=False)}


def _ladder(start: float, best: float, rungs: list[float]) -> Ladder:
    if len(rungs) != len(RUNGS):
        raise ValueError(f"{len(rungs)} rungs instead of {len(RUNGS)}")
    way = [start, *rungs]
    if not all(isinstance(each, float | int) and math.isfinite(each) for each in (*way, best)):
        raise ValueError("a target is no finite number")
    if sorted(way, reverse=True) != way:
        raise ValueError("the targets do not go down from the start")
    return Ladder(float(start), float(best), tuple(float(rung) for rung in rungs))
