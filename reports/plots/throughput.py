"""What training costs: seconds, memory and trained parameters."""

import numpy as np
import pandas as pd

from ..clock import EXCLUSIVE, clock_note
from ..settings import Setting, present
from .axes import leftmost
from .figure import Absent, Plot, arrange, left_margin, panels, plain
from .means import mean_intervals

COSTS = {
    "seconds_per_kimg": ("training (s per kimg) ↓", 1.0),
    "peak_memory_mb": ("peak memory (MB) ↓", 1.0),
    "trainable_parameters": ("trained parameters (millions)", 1e-6),
}


def throughput(setting: Setting) -> Plot | Absent:
    """Horizontal bars per strategy, mean over all targets and seeds with 95 % intervals."""
    name, title = setting.named("throughput"), "Throughput and cost"
    rows = setting.rows[(setting.rows["status"] == "ok") & ~setting.rows["reference"].astype(bool)]
    costs = [cost for cost in COSTS if present(rows, [cost])]
    if not costs:
        return Absent(name, title, "no finished cell has its cost measured")
    tables = {cost: mean_intervals(rows, ["label"], cost).set_index("label") for cost in costs}
    order = tables[costs[0]].sort_values("mean", ascending=False).index
    looks = setting.looks(references=False)
    figure, axes = panels(len(costs), width=2.5, height=0.24 * len(order) + 0.75)
    figure.set_figwidth(figure.get_figwidth() + left_margin(order) - 0.8)
    for cost, each in zip(costs, axes, strict=True):
        words, unit = COSTS[cost]
        table = tables[cost].reindex(order)
        places = np.arange(len(order))
        half = (table["high"] - table["mean"]).to_numpy() * unit
        colours = [looks[label].colour for label in order]
        each.barh(places, table["mean"] * unit, color=colours, height=0.68, xerr=half, ecolor="#444444", capsize=1.5)
        each.set_yticks(places, [plain(label) for label in order] if leftmost(each) else [])
        each.grid(axis="y", visible=False)
        each.tick_params(axis="y", length=0)
        each.set_xlabel(words)
        each.set_xlim(left=0)
        each.locator_params(axis="x", nbins=5)
    arrange(figure)
    once = ", of times one measurement" if "clock" in rows and set(rows["clock"]) == {EXCLUSIVE} else ""
    data = pd.concat([tables[cost].assign(cost=cost).reset_index() for cost in costs])
    quickest = f" Fastest: {order[-1]}; slowest: {order[0]}." if costs[0] == "seconds_per_kimg" else ""
    machines = sorted(rows["hardware"].dropna().astype(str).unique()) if "hardware" in rows else ["not recorded"]
    return Plot(
        name,
        title,
        f"Cost of each strategy: mean and 95 % interval over targets and seeds{once}. Hardware: {', '.join(machines)}. "
        f"{clock_note(rows)} "
        f"{setting.title}; {setting.completeness}.",
        f"Bar chart of training cost for {len(order)} strategies.{quickest}",
        figure,
        data[["cost", "label", "mean", "low", "high", "n"]],
    )
