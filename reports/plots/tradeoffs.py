"""Scatter plots of one measure against another, one marker per strategy."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..clock import clock_note
from ..columns import step
from ..settings import Setting, present
from .axes import leftmost, log_ticks, metric_title, no_overlap, scale_for, short_title
from .bounds import bounds, explained, lines_drawn, mark_bounds
from .figure import Absent, Plot, arrange, heading, legend, panels
from .markers import draw_markers
from .means import mean_intervals
from .whiskers import MOST_BANDS


def pareto(setting: Setting, metric: str = "kid") -> Plot | Absent:
    """Final quality against training seconds, one panel per target, with the Pareto front.

    A strategy is on the front if no other is both faster and better (comparing means over seeds).
    """
    name = setting.named(f"pareto-{metric}")
    title, column = f"{metric_title(metric, False)} against training time", setting.metric(metric)
    rows = _finished(setting)
    if not present(rows, [column, "train_seconds"]):
        return Absent(name, title, f"no finished cell has both {column} and training seconds")
    data = _pairs(rows, "train_seconds", column)
    data["on_front"] = False
    for _, group in data.groupby("target"):
        data.loc[group.index, "on_front"] = _front(group)
    figure, axes = panels(len(setting.targets))
    looks, lines = setting.looks(references=False), bounds(setting, metric)
    log_x, log_y = scale_for(data["x"].to_numpy()) == "log", scale_for(data["y"].to_numpy()) == "log"
    for target, each in zip(setting.targets, axes, strict=True):
        shown = data[data["target"] == target]
        _scatter(each, shown, looks)
        front = shown[shown["on_front"]].sort_values("x")
        each.step(front["x"], front["y"], where="post", color="#888888", linewidth=1, zorder=1.5)
        _finish(each, shown, log_x, log_y, heading(target))
        mark_bounds(each, lines, target)
        each.set_xlabel("training time (s) ↓")
        if leftmost(each):
            each.set_ylabel(short_title(column))
    legend(figure, looks, {"Pareto front": {"color": "#888888", "linewidth": 1}} | lines_drawn(lines), lines=False)
    arrange(figure)
    fronts = [f"{t}: {', '.join(g.loc[g['on_front'], 'label'])}" for t, g in data.groupby("target")]
    return Plot(
        name,
        title,
        f"Final {metric_title(column)} against training seconds (evaluation excluded): means over seeds with 95 % "
        f"intervals. The grey line joins the strategies that no other beats in both. {explained(lines)}"
        f"{clock_note(setting.rows)} "
        f"{setting.title}; {setting.completeness}.",
        "Scatter plot. On the Pareto front: " + "; ".join(fronts[:4]) + ".",
        figure,
        data,
    )


def scatter(setting: Setting, stem: str, horizontal: str, vertical: str, remark: str) -> Plot | Absent:
    """One metric against another, one panel per target. What learned from the judging network is left out: it stands
    so far off that the others would fall together."""
    name = setting.named(stem)
    x, y = setting.metric(horizontal), setting.metric(vertical)
    title = f"{metric_title(vertical, False)} against {metric_title(horizontal, False)}"
    title = title[0].upper() + title[1:]
    rows = setting.rows[setting.rows["status"] == "ok"]
    taught = rows["taught_by"] != "" if "taught_by" in rows else pd.Series(False, rows.index)
    left_out = ", ".join(sorted(rows.loc[taught, "label"].unique()))
    rows = rows[~taught]
    if not present(rows, [x, y]):
        return Absent(name, title, f"no finished cell has both {x} and {y}")
    data = _pairs(rows, x, y)
    figure, axes = panels(len(setting.targets))
    looks = {label: each for label, each in setting.looks().items() if label in set(data["label"])}
    for target, each in zip(setting.targets, axes, strict=True):
        shown = data[data["target"] == target]
        _scatter(each, shown, looks)
        _finish(each, shown, False, False, heading(target))
        each.set_xlabel(short_title(x))
        if leftmost(each):
            each.set_ylabel(short_title(y))
    legend(figure, looks, lines=False)
    arrange(figure)
    hidden = int(((data["x"] == 0) & (data["y"] == 0)).sum())
    best = data.assign(both=data["x"].rank() + data["y"].rank()).sort_values("both").iloc[-1]
    return Plot(
        name,
        title,
        f"{metric_title(y)} against {metric_title(x)}, final iteration: means over seeds with 95 % intervals. {remark} "
        f"{f'{hidden} of {len(data)} points lie upon each other at 0, 0. ' if hidden > 1 else ''}"
        f"{f'Left out: {left_out}, taught by the network that measures. ' if left_out else ''}"
        f"{setting.title}; {setting.completeness}.",
        f"Scatter plot of {len(looks)} strategies. Farthest to the upper right: {best['label']} on {best['target']}.",
        figure,
        data,
    )


def precision_recall(setting: Setting) -> Plot | Absent:
    """Fidelity against diversity."""
    remark = "Upper right is better: precision falls where images look wrong, recall where kinds of images are missing."
    return scatter(setting, "precision-recall", "recall", "precision", remark)


def diversity_memorisation(setting: Setting) -> Plot | Absent:
    """Diversity against the distance kept from the shots."""
    remark = (
        "Upper right is better. On the left stand copies of the training shots: there the distance to the nearest "
        "shot is small beside that to the second. A flag, not a rank."
    )
    return scatter(setting, "diversity-memorisation", "d1_d2", "intra_diversity", remark)


def _finished(setting: Setting) -> pd.DataFrame:
    return setting.rows[(setting.rows["status"] == "ok") & ~setting.rows["reference"].astype(bool)]


def _pairs(rows: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Columns target, label, x, x_low, x_high, y, y_low, y_high, n: only where both are measured."""
    by = ["target", "label"]
    rows = rows[np.isfinite(rows[x].astype(float)) & np.isfinite(rows[y].astype(float))]
    parts = []
    for value, short in ((x, "x"), (y, "y")):
        found = mean_intervals(rows, by, value, step(value, rows))
        parts.append(found.rename(columns={"mean": short, "low": f"{short}_low", "high": f"{short}_high"}))
    return parts[0].drop(columns="n").merge(parts[1], on=by)


def _front(group: pd.DataFrame) -> np.ndarray:
    """Which points no other beats: lower x and y are better, and one of the two strictly."""
    x, y = group["x"].to_numpy(), group["y"].to_numpy()
    beaten = (x[None] <= x[:, None]) & (y[None] <= y[:, None]) & ((x[None] < x[:, None]) | (y[None] < y[:, None]))
    return ~beaten.any(axis=1)


def _scatter(axes: Axes, shown: pd.DataFrame, looks: dict) -> None:
    faint = 0.45 if len(shown) <= MOST_BANDS else 0.22
    colours = [looks[label].colour for label in shown["label"]]
    thin = {"colors": colours, "linewidth": 0.6, "alpha": faint, "zorder": 2}
    axes.hlines(shown["y"], shown["x_low"], shown["x_high"], **thin)
    axes.vlines(shown["x"], shown["y_low"], shown["y_high"], **thin)
    draw_markers(axes, shown["x"].tolist(), shown["y"].tolist(), [looks[label] for label in shown["label"]], zorder=3)
    if not shown.empty:  # the points set the range, not the longest interval
        for points, setter in ((shown["x"], axes.set_xlim), (shown["y"], axes.set_ylim)):
            spread = max(float(points.max() - points.min()), 0.05 * abs(float(points.max()))) or 0.5
            low, high = float(points.min()) - 0.25 * spread, float(points.max()) + 0.25 * spread
            setter(max(low, -0.05 * spread) if points.min() >= 0 else low, high)


def _finish(axes: Axes, shown: pd.DataFrame, log_x: bool, log_y: bool, title: str) -> None:
    axes.set_title(title)
    for log, values, axis, limits, scale in (
        (log_x, shown["x"], axes.xaxis, axes.set_xlim, axes.set_xscale),
        (log_y, shown["y"], axes.yaxis, axes.set_ylim, axes.set_yscale),
    ):
        if log:
            positive = values[values > 0]
            scale("log")
            if len(positive):
                limits(positive.min() / 1.4, positive.max() * 1.4)
            log_ticks(axis)
    no_overlap(axes)
