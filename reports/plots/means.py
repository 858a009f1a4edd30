"""Means over seeds with their intervals, for curves and bars."""

import numpy as np
import pandas as pd
from scipy import stats

from ..intervals import CONFIDENCE, widening


def mean_intervals(frame: pd.DataFrame, by: list[str], value: str) -> pd.DataFrame:
    """Mean of ``value`` per group with ``low`` and ``high`` (see ``intervals``) and ``n``.

    One value has no interval: its ``low`` and ``high`` are the mean itself.
    """
    finite = frame[np.isfinite(frame[value].astype(float))]
    found = finite.groupby(by, sort=True)[value].agg(["mean", "std", "count"]).reset_index()
    n = found["count"].to_numpy()
    spread = found["std"].fillna(0.0).to_numpy()
    wider = {size: widening((size,), "mean", CONFIDENCE) for size in set(n.tolist()) if size > 1}
    factor = np.array([wider.get(size, 1.0) for size in n.tolist()])
    half = factor * stats.t.ppf((1 + CONFIDENCE) / 2, np.maximum(n - 1, 1)) * spread / np.sqrt(np.maximum(n, 1))
    mean = found["mean"].to_numpy()
    return found[by].assign(mean=mean, low=mean - half, high=mean + half, n=n)
