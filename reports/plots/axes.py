"""How metrics are written on axes, and which scale shows them."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

TITLES = {
    "kid": "KID",
    "fid": "FID",
    "vendi": "Vendi score",
    "intra_diversity": "intra-cluster diversity",
    "occupied_clusters": "occupied clusters",
    "d1_d2": "d1/d2 to the shots",
    "kid_shots": "KID against the shots",
    "fid_shots": "FID against the shots",
}
LOWER_IS_BETTER = ("kid", "fid")


def metric_title(metric: str, direction: bool = True) -> str:
    """``kid@x`` -> ``KID@x ↓``."""
    name, _, extractor = metric.partition("@")
    title = TITLES.get(name, name.replace("_", " ")) + (f"@{extractor}" if extractor else "")
    if not direction or name in ("kid_shots", "fid_shots"):
        return title
    return f"{title} {'↓' if name in LOWER_IS_BETTER else '↑'}"


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


def log_ticks(axis, few: bool = True) -> None:
    """Plain decimal numbers at 1, 2 and 5 per decade instead of powers of ten."""
    axis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0) if few else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def no_overlap(axes: Axes) -> None:
    """Few enough ticks for a small panel."""
    if axes.get_xscale() == "linear":
        axes.locator_params(axis="x", nbins=5)
    if axes.get_yscale() == "linear":
        axes.locator_params(axis="y", nbins=5)
