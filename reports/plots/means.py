"""Means over seeds with their intervals, for curves and bars."""

import numpy as np
import pandas as pd
from scipy import stats

CONFIDENCE = 0.95


def mean_intervals(frame: pd.DataFrame, by: list[str], value: str) -> pd.DataFrame:
    """Mean of ``value`` per group with ``low`` and ``high`` (Student's t over the seeds) and ``n``.

    One seed has no interval: its ``low`` and ``high`` are the mean itself.
    """
    finite = frame[np.isfinite(frame[value].astype(float))]
    found = finite.groupby(by, sort=True)[value].agg(["mean", "std", "count"]).reset_index()
    n = found["count"].to_numpy()
    spread = found["std"].fillna(0.0).to_numpy()
    half = stats.t.ppf((1 + CONFIDENCE) / 2, np.maximum(n - 1, 1)) * spread / np.sqrt(np.maximum(n, 1))
    mean = found["mean"].to_numpy()
    return found[by].assign(mean=mean, low=mean - half, high=mean + half, n=n)
