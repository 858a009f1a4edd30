"""What the columns of stored rows mean: titles, directions, ranges, and the table each stands in.

Titles and directions of metrics come from `bench.metrics.names`, where they are declared; cost columns are added here.
"""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from ..bench.errors import UserError, nearest
from ..bench.metrics.names import METRICS

Direction = Literal["lower", "higher", "none"]
Subject = Literal["quality", "diversity", "memorisation", "convergence", "throughput"]
INFINITY = float("inf")


@dataclass(frozen=True)
class Column:
    """One measured quantity. ``low`` and ``high`` bound its possible values; ``subject`` is the table it stands in."""

    name: str
    title: str
    better: Direction
    subject: Subject
    low: float = -INFINITY
    high: float = INFINITY
    unit: str = ""
    counts: tuple[str, int] | None = None
    """What a counted metric counts: the column of rows with how many images are asked (empty for a plain number) and
    how often each. None for what is no count."""
    against: Literal["references", "shots", "nothing"] = "references"
    """Which real images an image metric compares the generated ones with."""

    @property
    def ranked(self) -> bool:
        """Whether strategies are put in order by it: signs of copying are an alarm, however low or high."""
        return self.better != "none" and self.subject != "memorisation"

    @property
    def arrow(self) -> str:
        return {"lower": "↓", "higher": "↑", "none": ""}[self.better]

    @property
    def direction(self) -> str:
        """The direction in words, as every table states it."""
        return {"lower": "lower is better", "higher": "higher is better", "none": "no better or worse"}[self.better]


def metric_column(
    name: str,
    subject: Subject,
    low: float = -INFINITY,
    high: float = INFINITY,
    counts: tuple[str, int] | None = None,
    against: Literal["references", "shots", "nothing"] = "references",
) -> Column:
    """A metric as `bench.metrics.names` declares it; ``best_`` before the name means the chosen checkpoint."""
    declared = METRICS[name.removeprefix("best_")]
    title = f"{declared.label} of the best checkpoint" if name.startswith("best_") else declared.label
    return Column(name, title, declared.better or "none", subject, low, high, counts=counts, against=against)


COLUMNS = {
    column.name: column
    for column in (
        metric_column("kid", "quality"),
        metric_column("fid", "quality", low=0),
        metric_column("precision", "quality", low=0, high=1, counts=("n_fake", 1)),
        metric_column("density", "quality", low=0, counts=("n_fake", 5)),
        metric_column("best_kid", "quality"),
        metric_column("best_fid", "quality", low=0),
        metric_column("recall", "diversity", low=0, high=1, counts=("n_real", 1)),
        metric_column("coverage", "diversity", low=0, high=1, counts=("n_real", 1)),
        metric_column("vendi", "diversity", low=0, against="nothing"),
        metric_column("intra_diversity", "diversity", low=0, against="shots"),
        metric_column("occupied_clusters", "diversity", low=0, counts=("", 1), against="shots"),
        metric_column("intra_lpips", "diversity", low=0, against="shots"),
        metric_column("lpips_clusters", "diversity", low=0, counts=("", 1), against="shots"),
        metric_column("d1_d2", "memorisation", low=0, high=1, against="shots"),
        metric_column("authenticity", "memorisation", low=0, high=1, counts=("n_fake", 1), against="shots"),
        metric_column("kid_shots", "memorisation", against="shots"),
        metric_column("fid_shots", "memorisation", low=0, against="shots"),
        Column("best_kimg", "best checkpoint at", "none", "convergence", low=0, unit="kimg"),
        Column("train_seconds", "training time", "lower", "throughput", low=0, unit="s"),
        Column("tuning_seconds", "time spent on tuning", "lower", "throughput", low=0, unit="s"),
        Column("seconds_per_kimg", "training time per kimg", "lower", "throughput", low=0, unit="s/kimg"),
        Column("peak_memory_mb", "peak memory", "lower", "throughput", low=0, unit="MB"),
        Column("parameters", "parameters", "none", "throughput", low=0),
        Column("trainable_parameters", "trainable parameters", "none", "throughput", low=0),
    )
}
"""By bare name, without ``@extractor``. ``none``: the number is shown but cannot be ranked."""


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


def step(metric: str, rows: pd.DataFrame) -> float:
    """The smallest difference between two values of a counted metric on ``rows``; 0 where the metric is no count, or
    where the rows do not say how many images were counted."""
    if (counted := column(metric).counts) is None:
        return 0.0
    images, times = counted
    if not images:
        return 1.0 / times
    found = rows[images].dropna() if images in rows else pd.Series(dtype=float)
    return 0.0 if found.empty else 1.0 / (times * float(found.min()))


def rankable(metric: str) -> Column:
    """The same, for a metric that has a better end."""
    found = column(metric)
    if not found.ranked:
        why = "has no better end" if found.better == "none" else "is an alarm, no merit,"
        raise UserError(f"{found.title} ({found.name}) {why} and cannot be ranked; rank by kid, fid or recall")
    return found


def present(rows: pd.DataFrame, name: str) -> list[str]:
    """The columns of ``rows`` that hold ``name``, if any. An image metric's always name their extractor: a bare
    ``precision`` is the arithmetic of the run."""
    bare, extractor = split(name)
    image = bare.removeprefix("best_") in METRICS
    if extractor or not image:
        return [name] if name in rows.columns else []
    return sorted(each for each in rows.columns if each.startswith(f"{name}@"))


def measured(rows: pd.DataFrame, name: str) -> list[str]:
    """All columns of ``rows`` that hold the metric ``name``, one per extractor (``kid`` -> ``kid@tiny``, …), sorted.

    A name that carries its extractor gives that column alone.
    """
    column(name)
    found = present(rows, name)
    if not found:
        known = [each for each in COLUMNS if present(rows, each)]
        raise UserError(f"no row holds the metric {name!r}; measured here: {', '.join(known) or 'nothing'}")
    return found
