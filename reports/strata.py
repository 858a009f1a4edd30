"""What rows may be compared with each other.

Rows are compared only inside one *stratum*: same backbone, resolution, width, budget, batch, precision, protocol,
optimiser settings, numbers of images and of evaluations, and metric with extractor. A *block* is one (source, target,
shots); seeds are repetitions inside a block.
"""

from collections.abc import Iterator

import pandas as pd

from .clock import with_machine
from .columns import column, split

STRATUM = ("backbone", "resolution", "width", "kimg", "batch", "precision", "protocol")
SETTINGS = ("optimisation", "compile", "points", "fakes", "reals")
"""The same, named only where rows differ in it. FID of fewer fakes is higher: it does not compare."""
BLOCK = ("source", "target", "shots")
MACHINE = ("hardware", "device", "threads")
"""Speeds and memory are compared only on the same of these."""


def strata_of(rows: pd.DataFrame, columns: tuple[str, ...]) -> Iterator[tuple[dict[str, object], pd.DataFrame]]:
    """Groups of rows that are equal in ``columns`` and ``SETTINGS``, with what they share."""
    keys = [name for name in columns if name in rows.columns]
    keys += [name for name in SETTINGS if name in rows.columns and rows[name].nunique(dropna=False) > 1]
    rows = with_machine(rows, [name for name in keys if name in MACHINE])
    if "threads" in keys:
        rows = rows.assign(threads=rows["threads"].astype("Int64"))  # a gap had made 1.0 of 1
    for key, group in rows.groupby(keys, sort=True, dropna=False):
        yield dict(zip(keys, key, strict=True)), group


def stratum_columns(metric: str) -> tuple[str, ...]:
    """What rows must have in common to be compared by ``metric``."""
    described = column(metric)
    extractor = () if split(metric)[1] else ("extractor",)
    machine = MACHINE if described.subject == "throughput" and described.better != "none" else ()
    return STRATUM + extractor + machine
