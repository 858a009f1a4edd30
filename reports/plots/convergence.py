"""Quality while training: one panel per target, one line per strategy, with floor and ceiling."""

import numpy as np
import pandas as pd

from ..clock import clock_note
from ..settings import Setting, present
from .axes import CUT_OFF, fit_to_means, leftmost, log_ticks, metric_title, no_overlap, scale_for, short_title
from .bounds import bounds, explained, lines_drawn, mark_bounds
from .figure import Absent, Plot, arrange, heading, legend, panels
from .means import mean_intervals
from .whiskers import MOST_BANDS, draw_bands, draw_ends

AXES = {"kimg": "training (kimg)", "seconds": "training time (s, evaluation excluded)"}


def convergence(setting: Setting, metric: str = "kid", against: str = "kimg") -> Plot | Absent:
    """Mean of ``metric`` over the seeds against ``kimg`` or ``seconds``, with 95 % intervals.

    A point is drawn where at least half of a strategy's cells are still training, so that a diverged run does not
    improve its curve unseen; the caption counts the cells.
    """
    name, column = setting.named(f"convergence-{metric}-{against}"), setting.metric(metric)
    title = f"Convergence: {metric_title(metric, False)} against {'kimg' if against == 'kimg' else 'seconds'}"
    if not present(setting.curves, [column, against]):
        return Absent(name, title, f"no cell has a curve of {column}")
    data = curve_means(setting, column, against)
    if data.empty:
        return Absent(name, title, f"at no evaluation have half of a strategy's cells measured {column} yet")
    lines = bounds(setting, metric)
    figure, axes = panels(len(setting.targets))
    scale = scale_for(data["mean"].to_numpy())
    few = data["label"].nunique() <= MOST_BANDS
    looks = setting.looks(references=False)
    for target, each in zip(setting.targets, axes, strict=True):
        shown = data[data["target"] == target]
        for label, group in shown.groupby("label", sort=True):
            style = looks[str(label)].line_style()
            each.plot(group["x"], group["mean"], markevery=max(1, len(group) // 6), label=label, **style)
        each.set_yscale(scale)
        near = [lines["ceiling"][target], lines["floor"][target] if scale == "linear" else np.nan]
        fit_to_means(each, shown["mean"].to_numpy(), near)
        mark_bounds(each, lines, target)
        each.set_title(heading(target))
        each.set_xlabel(AXES[against])
        if scale == "log":
            log_ticks(each.yaxis)
        no_overlap(each)
        if not shown.empty:
            (draw_bands if few else draw_ends)(each, shown, looks, scale)
    for each in axes:
        if leftmost(each):
            each.set_ylabel(short_title(column) + (", logarithmic" if scale == "log" else ""))
    legend(figure, looks, lines_drawn(lines))
    arrange(figure)
    return Plot(
        name,
        title,
        f"{metric_title(column)} on held-out references against {AXES[against]}: mean and 95 % interval over seeds"
        f"{'' if few else ', of so many strategies at their last point only, right of the curves'}. "
        f"{CUT_OFF if scale == 'log' else ''}"
        f"{clock_note(setting.rows) + ' ' if against == 'seconds' else ''}{explained(lines)}"
        f"{setting.title}; {setting.completeness}.",
        _describe(data, setting, column),
        figure,
        data,
    )


def curve_means(setting: Setting, column: str, against: str) -> pd.DataFrame:
    """Columns target, label, x, mean, low, high, n. Seconds are averaged over the seeds at each kimg."""
    curves = setting.curves[
        ~setting.curves["key"].isin(setting.rows.loc[setting.rows["reference"].astype(bool), "key"])
    ]
    by = ["target", "label", "kimg"]
    found = mean_intervals(curves, by, column)
    cells = setting.rows.groupby(["target", "label"]).size().rename("cells").reset_index()
    found = found.merge(cells, on=["target", "label"])
    found = found[found["n"] * 2 >= found["cells"]].drop(columns="cells")
    if against == "kimg":
        return found.rename(columns={"kimg": "x"})
    seconds = curves.groupby(by)["seconds"].mean().rename("x").reset_index()
    return found.merge(seconds, on=by)[["target", "label", "x", "mean", "low", "high", "n", "kimg"]]


def _describe(data: pd.DataFrame, setting: Setting, column: str) -> str:
    last = data.sort_values("x").groupby(["target", "label"]).last().reset_index()
    best = last.loc[last.groupby("target")["mean"].idxmin()]
    words = [f"{row.target}: {row.label} ends lowest at {row.mean:.3g}" for row in best.head(4).itertuples()]
    return f"Line chart of {column} for {last['label'].nunique()} strategies. " + "; ".join(words) + "."
