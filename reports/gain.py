"""What transfer is worth: scores between the unadapted source and the real-vs-real floor, and the gain over scratch."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ..bench.errors import UserError
from .intervals import mean_multiplier
from .ladder import shared_columns, signed

SOURCE_ONLY = "source-only"
SCRATCH = "scratch"
FROM_SCRATCH = {"vae-finetune": "vae"}
"""Strategies that transfer another model than a GAN, and what trains it from scratch; ``SCRATCH`` for all others."""


def normalised_score(rows: pd.DataFrame, metric: str) -> pd.Series:
    """Each row's quality as a share of the way from the unadapted source (0) to the real-vs-real floor (1).

    Below 0 the adapted model is worse than the source left alone. Source and floor are means over their block. NaN
    where a block has no source-only run or no floor, or where the source is already at the floor. Raises ``UserError``
    for a metric that has no floor (only KID and FID have).
    """
    _require(rows, metric)
    _require(rows, f"floor_{metric}")
    value = pd.Series(signed(rows[metric], metric), rows.index)
    floor = pd.Series(signed(rows[f"floor_{metric}"], metric), rows.index)
    blocks = [rows[name] for name in shared_columns(rows)]
    source = value.where(rows["strategy"] == SOURCE_ONLY).groupby(blocks, dropna=False).transform("mean")
    floor = floor.groupby(blocks, dropna=False).transform("mean")
    span = source - floor
    return ((source - value) / span.where(span > 0)).rename("score")


def transfer_gain(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """By how much each strategy beats training the same model from scratch: one row per block and label.

    The ``baseline`` has the same augmentation, whose effect is no transfer; what starts from no source has no row.
    Runs are paired by seed. ``gain`` is in the metric's units, positive for better; ``score_gain`` on the normalised
    scale. ``low`` and ``high`` bound the mean gain (95 %, see ``intervals``), and ``verdict`` follows from them alone:
    ``gain``, ``negative transfer``, or ``undecided`` (with fewer than two pairs always); no correction is made for the
    number of places, since each answers a question of its own. ``unpaired`` counts the seeds of the block of which a
    run is missing.
    """
    _require(rows, metric)
    rows = rows.assign(value=signed(rows[metric], metric), score=_score_or_nan(rows, metric))
    rows.loc[rows["status"] != "ok", ["value", "score"]] = np.nan
    names = shared_columns(rows)
    table = []
    for block, group in rows[~rows["reference"].astype(bool)].groupby(names, sort=True, dropna=False):
        by_seed = group.pivot_table(index="seed", columns="label", values="value", dropna=False, aggfunc="first")
        scores = group.pivot_table(index="seed", columns="label", values="score", dropna=False, aggfunc="first")
        for label, baseline in _baselines(group):
            gains = by_seed[baseline] - by_seed[label]
            found = gains.dropna().to_numpy()
            half = mean_multiplier(len(found)) * found.std(ddof=1) if len(found) > 1 else np.nan
            low, high = float(found.mean() - half), float(found.mean() + half)
            table.append(
                {
                    **dict(zip(names, block, strict=True)),
                    "label": label,
                    "baseline": baseline,
                    "gain": float(found.mean()) if len(found) else np.nan,
                    "low": low,
                    "high": high,
                    "score_gain": float((scores[label] - scores[baseline]).mean()) if label in scores else np.nan,
                    "pairs": len(found),
                    "unpaired": int(gains.isna().sum()),
                    "verdict": _verdict(low, high),
                }
            )
    if not table:
        raise UserError(
            f"no block has runs of {SCRATCH!r} and of a transfer with the same augmentation, so there is no gain"
        )
    return pd.DataFrame(table)


def _baselines(rows: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """The labels of transfers, each with the label of the same model trained from scratch, where both were run.

    Of several (a grid of it) the one with the defaults, whose label is the shortest.
    """
    kinds = rows.assign(augment=rows.get("augment", "none")).drop_duplicates("label").sort_values("label")
    fresh = {SCRATCH, *FROM_SCRATCH.values()}
    known = list(zip(kinds["label"], kinds["strategy"], kinds["augment"], strict=True))
    baselines: dict[tuple[str, str], str] = {}
    for label, strategy, augment in sorted(known, key=lambda each: len(each[0])):
        baselines.setdefault((strategy, augment), label)
    for label, strategy, augment in known:
        baseline = baselines.get((FROM_SCRATCH.get(strategy, SCRATCH), augment))
        if strategy not in fresh and baseline is not None:
            yield label, baseline


def _verdict(low: float, high: float) -> str:
    if low > 0:
        return "gain"
    return "negative transfer" if high < 0 else "undecided"


def _score_or_nan(rows: pd.DataFrame, metric: str) -> pd.Series:
    if f"floor_{metric}" not in rows.columns:
        return pd.Series(np.nan, rows.index)
    return normalised_score(rows, metric)


def _require(rows: pd.DataFrame, metric: str) -> None:
    if metric not in rows.columns:
        raise UserError(f"no row holds the metric {metric!r}")
