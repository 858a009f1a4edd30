"""Floor (real against real) and ceiling (the unadapted source) of each target, for every plot of a metric."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..settings import Setting

FLOOR = {"color": "#555555", "linestyle": (0, (1, 1)), "linewidth": 1.0}
CEILING = {"color": "#555555", "linestyle": (0, (6, 2)), "linewidth": 1.0}
LEGEND = {"floor": ("real vs. real (floor)", FLOOR), "ceiling": ("unadapted source (ceiling)", CEILING)}
GROUND = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8}
"""Behind words, which stand among lines."""
WORDS = {"floor": "dotted: real against real, the floor", "ceiling": "dashed: the unadapted source"}


def bounds(setting: Setting, metric: str) -> pd.DataFrame:
    """Per target: ``floor`` (mean of the real-against-real column), ``ceiling`` (mean of source-only's cells), and
    ``scarce``, whether runs show more images than are held out, so that the floor is of fewer than theirs.

    The floor is of validation and reference images together, and of fewer than the runs' where validation holds fewer
    than were generated: as an image set may, whose validation is half of its reference. Under the literature's
    protocol there is none.
    """
    column, floor = setting.metric(metric), setting.metric(f"floor_{metric}")
    rows = setting.rows[setting.rows["status"] == "ok"]
    found = pd.DataFrame(index=pd.Index(setting.targets, name="target"))
    found["floor"] = rows.groupby("target")[floor].mean() if floor in rows else np.nan
    source = rows[rows["strategy"] == "source-only"]
    found["ceiling"] = source.groupby("target")[column].mean() if column in rows else np.nan
    if {"n_real", "n_fake"} <= set(rows.columns):
        fewer = (rows["n_fake"] > rows["n_real"] / 2) | (rows["protocol"] == "literature")
        found["scarce"] = found["floor"].notna() & found.index.isin(rows.loc[fewer, "target"])
    else:
        found["scarce"] = False
    return found


def lines_drawn(bounds: pd.DataFrame) -> dict[str, dict]:
    """For legends: the style of each line that some target has, by its words."""
    return dict(entry for name, entry in LEGEND.items() if bounds[name].notna().any())


def explained(bounds: pd.DataFrame) -> str:
    """For captions: what the lines are that some target has; empty without any."""
    words = "; ".join(words for name, words in WORDS.items() if bounds[name].notna().any())
    said = f"{words[0].upper()}{words[1:]}. " if words else ""
    if (scarce := bounds.index[bounds["scarce"]]).size:
        which = f" ({', '.join(scarce)})" if len(scarce) < len(bounds) else ""
        said += (
            f"Where fewer images may be held out for validation than were generated{which}, a floor may be of fewer"
            " than the runs', so noisier, and for FID higher. "
        )
    return said


def mark_bounds(axes: Axes, bounds: pd.DataFrame, target: str) -> None:
    """Draw both of a target where the axis reaches them; one outside is written at the edge and flattens nothing."""
    low, high = sorted(axes.get_ylim())
    outside: dict[str, list[str]] = {"↓": [], "↑": []}
    for name, style in (("floor", FLOOR), ("ceiling", CEILING)):
        value = float(bounds[name][target])
        if low <= value <= high:
            axes.axhline(value, zorder=1.5, **style)
        elif np.isfinite(value):
            outside["↓" if value < low else "↑"].append(f"{name} {value:.2g}")
    for arrow, place, edge in (("↓", 0.02, "bottom"), ("↑", 0.98, "top")):
        if outside[arrow]:
            words = f"{', '.join(outside[arrow])} {arrow}"
            look = {"ha": "right", "va": edge, "fontsize": 7, "color": "#555555", "bbox": GROUND}
            axes.text(0.98, place, words, transform=axes.transAxes, **look)
