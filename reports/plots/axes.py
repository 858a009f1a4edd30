"""How metrics are written on axes, and which scale shows them."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ...bench.metrics.names import METRICS, split_name

DRAWABLE = 1e100
"""What is larger is a run that went wrong, and no axis is drawn to show it."""


def metric_title(column: str, direction: bool = True) -> str:
    """``kid@x`` -> ``KID@x ↓``; a name without ``@`` stands for every extractor."""
    name, at, extractor = column.partition("@")
    prefix, metric, _ = split_name(f"{name}@{extractor}")
    words = {"validation_": "validation ", "best_": "best ", "floor_": "real-against-real "}.get(prefix, "")
    better = METRICS[metric].better
    arrow = {"lower": " ↓", "higher": " ↑", None: ""}[better] if direction else ""
    return f"{words}{METRICS[metric].label}{at}{extractor}{arrow}"


def short_title(metric: str) -> str:
    """The title without its extractor, for narrow axes whose caption names it."""
    name = metric.partition("@")[0]
    return metric_title(name)


def scale_for(values: np.ndarray) -> str:
    """``log`` where all values are positive and span more than a factor of eight, ``linear`` otherwise."""
    finite = values[np.isfinite(values)]
    if len(finite) and finite.min() > 0 and finite.max() / finite.min() > 8:
        return "log"
    return "linear"


CUT_OFF = "On the logarithmic axis an interval is drawn down to a quarter of its mean at most. "


def log_ticks(axis) -> None:
    """Plain decimal numbers at 1, 2 and 5 per decade instead of powers of ten."""
    axis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def leftmost(axes: Axes) -> bool:
    """Whether a panel stands in the first column, where the vertical axis is named."""
    place = axes.get_subplotspec()
    return place is None or place.is_first_col()


def no_overlap(axes: Axes) -> None:
    """Few enough ticks for a small panel."""
    if axes.get_xscale() == "linear":
        axes.locator_params(axis="x", nbins=5)
    if axes.get_yscale() == "linear":
        axes.locator_params(axis="y", nbins=5)


def fit_to_means(axes: Axes, means: np.ndarray, lines: Sequence[float] = ()) -> None:
    """Let the means (and reference lines) set the vertical range: with two seeds an interval is far wider than both."""
    values = np.array([*means[np.isfinite(means)], *(line for line in lines if np.isfinite(line))])
    values = values[np.abs(values) < DRAWABLE]
    if axes.get_yscale() == "log":
        values = values[values > 0]
    if len(values) == 0:
        return
    if axes.get_yscale() == "log":
        margin = (values.max() / values.min()) ** 0.25
        margin = max(margin, 1.1)
        axes.set_ylim(values.min() / margin, values.max() * margin)
        return
    spread = max(float(np.ptp(values)), 0.05 * float(np.abs(values).max())) or 1.0
    axes.set_ylim(values.min() - 0.25 * spread, values.max() + 0.25 * spread)
