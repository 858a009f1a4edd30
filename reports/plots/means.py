"""Means over seeds with their intervals, for curves and bars."""

import numpy as np
import pandas as pd

from ..intervals import mean_multiplier


def mean_intervals(frame: pd.DataFrame, by: list[str], value: str, step: float = 0.0) -> pd.DataFrame:
    """Mean of ``value`` per group with ``low`` and ``high`` (see ``intervals.mean_interval``) and ``n``.

    One value has no interval: its ``low`` and ``high`` are the mean itself.
    """
    finite = frame[np.isfinite(frame[value].astype(float))]
    found = finite.groupby(by, sort=True)[value].agg(["mean", "std", "count"]).reset_index()
    n = found["count"].to_numpy()
    spread = np.sqrt(found["std"].fillna(0.0).to_numpy() ** 2 + step**2 / 12)
    half = spread * np.array([mean_multiplier(size) if size > 1 else 0.0 for size in n.tolist()])
    mean = found["mean"].to_numpy()
    return found[by].assign(mean=mean, low=mean - half, high=mean + half, n=n)
