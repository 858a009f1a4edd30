"""What the columns of stored rows mean: titles, directions, ranges. The one table of directions in the reports."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from ..bench.errors import UserError, nearest

Direction = Literal["lower", "higher", "none"]


@dataclass(frozen=True)
class Column:
    """One measured quantity. ``low`` and ``high`` bound its possible values; ``subject`` is the table it stands in."""

    name: str
    title: str
    better: Direction
    subject: str
    low: float = float("-inf")
    high: float = float("inf")
    unit: str = ""

    @property
    def arrow(self) -> str:
        return {"lower": "↓", "higher": "↑", "none": ""}[self.better]

    @property
    def direction(self) -> str:
        """The direction in words, as every table states it."""
        return {"lower": "lower is better", "higher": "higher is better", "none": "no better or worse"}[self.better]


COLUMNS = {
    column.name: column
    for column in (
        Column("kid", "KID", "lower", "quality"),
        Column("fid", "FID", "lower", "quality", low=0),
        Column("precision", "precision", "higher", "quality", low=0, high=1),
        Column("density", "density", "higher", "quality", low=0),
        Column("best_kid", "KID of the best checkpoint", "lower", "quality"),
        Column("best_fid", "FID of the best checkpoint", "lower", "quality", low=0),
        Column("recall", "recall", "higher", "diversity", low=0, high=1),
        Column("coverage", "coverage", "higher", "diversity", low=0, high=1),
        Column("vendi", "Vendi score", "higher", "diversity", low=0),
        Column("intra_diversity", "intra-cluster diversity", "higher", "diversity", low=0),
        Column("occupied_clusters", "occupied clusters", "higher", "diversity", low=0),
        Column("d1_d2", "nearest-shot distance ratio", "higher", "memorisation", low=0, high=1),
        Column("authenticity", "authenticity", "higher", "memorisation", low=0, high=1),
        Column("kid_shots", "KID against the shots", "none", "memorisation"),
        Column("fid_shots", "FID against the shots", "none", "memorisation", low=0),
        Column("best_kimg", "best checkpoint at", "none", "convergence", low=0, unit="kimg"),
        Column("train_seconds", "training time", "lower", "throughput", low=0, unit="s"),
        Column("seconds_per_kimg", "training time per kimg", "lower", "throughput", low=0, unit="s/kimg"),
        Column("peak_memory_mb", "peak memory", "lower", "throughput", low=0, unit="MB"),
        Column("parameters", "parameters", "none", "throughput", low=0),
        Column("trainable_parameters", "trainable parameters", "none", "throughput", low=0),
    )
}
"""By bare name, without ``@extractor``. Memorisation numbers are alarms: ``none`` means that they are not ranked."""


def split(metric: str) -> tuple[str, str]:
    """``kid@inception-v3-compat`` -> (``kid``, ``inception-v3-compat``); without extractor the second is empty."""
    name, _, extractor = metric.partition("@")
    return name, extractor


def column(metric: str) -> Column:
    """The description of a metric given with or without its extractor."""
    name, _ = split(metric)
    if name not in COLUMNS:
        raise UserError(f"unknown metric {name!r}: {nearest(name, COLUMNS)}")
    return COLUMNS[name]


def rankable(metric: str) -> Column:
    """The same, for a metric that has a better end."""
    found = column(metric)
    if found.better == "none":
        raise UserError(
            f"{found.title} ({found.name}) has no better end and cannot be ranked; rank by kid, fid or recall"
        )
    return found


def measured(rows: pd.DataFrame, name: str) -> list[str]:
    """All columns of ``rows`` that hold the metric ``name``, one per extractor (``kid`` -> ``kid@tiny``, …), sorted.

    A name that carries its extractor gives that column alone.
    """
    column(name)
    found = sorted(each for each in rows.columns if each == name or each.partition("@")[0] == name)
    if not found:
        known = sorted({split(each)[0] for each in rows.columns} & set(COLUMNS))
        raise UserError(f"no row holds the metric {name!r}; measured here: {', '.join(known) or 'nothing'}")
    return found
