"""95 % intervals in a panel: bands behind the curves of a few strategies, whiskers side by side of many."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from ..style import Look
from .markers import draw_markers

MOST_BANDS = 8
"""Bands of more strategies would cover each other."""


def draw_bands(axes: Axes, shown: pd.DataFrame, looks: dict[str, Look], scale: str) -> None:
    """Of the columns label, x, mean, low, high; on a logarithmic ``scale`` down to a quarter of the mean."""
    bands, colours = [], []
    for label, group in shown.groupby("label", sort=True):
        there_and_back = zip([group["x"], group["x"][::-1]], [_low(group, scale), group["high"][::-1]], strict=True)
        bands.append(np.concatenate([np.column_stack(side) for side in there_and_back]))
        colours.append(looks[str(label)].colour)
    axes.add_collection(PolyCollection(bands, facecolors=colours, alpha=0.13, linewidths=0), autolim=False)


def draw_whiskers(axes: Axes, shown: pd.DataFrame, looks: dict[str, Look], scale: str) -> None:
    """The same at each ``x``, without the line that joins them."""
    colours = [looks[label].colour for label in shown["label"]]
    axes.vlines(shown["x"], _low(shown, scale), shown["high"], colors=colours, linewidth=0.9, alpha=0.55, zorder=1.8)


def draw_ends(axes: Axes, shown: pd.DataFrame, looks: dict[str, Look], scale: str) -> None:
    """The last point of each curve with its interval, in a strip beside the curves, the lowest first.

    Call it when the ticks of the horizontal axis are settled.
    """
    last = shown.sort_values("x").groupby("label").last().reset_index().sort_values("mean")
    first, end = float(shown["x"].min()), float(shown["x"].max())
    span = (end - first) or 1.0
    strip = np.linspace(end + 0.09 * span, end + 0.44 * span, len(last))
    ticks = [tick for tick in axes.get_xticks() if first <= tick <= end]
    draw_whiskers(axes, last.assign(x=strip), looks, scale)
    draw_markers(axes, strip.tolist(), last["mean"].tolist(), [looks[label] for label in last["label"]])
    axes.axvline(end + 0.045 * span, color="#bbbbbb", linewidth=0.7)
    axes.set_xticks([*ticks, float(strip.mean())], [*(f"{tick:g}" for tick in ticks), "end"])
    axes.set_xlim(first - 0.05 * span, end + 0.49 * span)


def side_by_side(labels: Iterable[str], places: list[float]) -> dict[str, float]:
    """The factor by which each label's points are moved on a logarithmic axis, so that none hides another."""
    names = sorted(set(labels))
    gap = float(np.diff(np.log(places)).min())
    moves = np.exp(np.linspace(-0.22, 0.22, len(names)) * gap) if len(names) > 1 else np.ones(1)
    return dict(zip(names, moves.tolist(), strict=True))


def _low(group: pd.DataFrame, scale: str) -> pd.Series:
    return group["low"] if scale == "linear" else group["low"].clip(lower=group["mean"] / 4)
