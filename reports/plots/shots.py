"""How quality grows with the number of training images."""

import numpy as np

from ..settings import Setting, present
from .axes import CUT_OFF, fit_to_means, leftmost, log_ticks, metric_title, no_overlap, scale_for, short_title
from .bounds import bounds, explained, lines_drawn, mark_bounds
from .figure import MOST_BANDS, Absent, Plot, arrange, heading, legend, panels
from .means import mean_intervals


def shots_quality(family: Setting, metric: str = "kid") -> Plot | Absent:
    """Final metric against the number of shots, one panel per target; ``family`` spans several numbers of shots."""
    name, column = family.named(f"shots-{metric}"), family.metric(metric)
    title = f"{metric_title(metric, False)} against the number of shots"
    rows = family.rows[(family.rows["status"] == "ok") & ~family.rows["reference"].astype(bool)]
    if not present(rows, [column]):
        return Absent(name, title, f"no finished cell has {column}")
    if rows["shots"].nunique() < 2:
        return Absent(name, title, "fewer than two numbers of shots have a finished cell")
    data = mean_intervals(rows, ["target", "label", "shots"], column)
    figure, axes = panels(len(family.targets))
    faint = 0.13 if data["label"].nunique() <= MOST_BANDS else 0.045
    looks = family.looks(references=False)
    scale = scale_for(data["mean"].to_numpy())
    places, lines = sorted(data["shots"].unique()), bounds(family, metric)
    for target, each in zip(family.targets, axes, strict=True):
        for label, group in data[data["target"] == target].groupby("label", sort=True):
            style = looks[str(label)]
            each.plot(group["shots"], group["mean"], **style.line_style())
            low = np.maximum(group["low"], group["mean"] / 4) if scale == "log" else group["low"]
            each.fill_between(group["shots"], low, group["high"], color=style.colour, alpha=faint, linewidth=0)
        each.set_xscale("log")
        each.set_yscale(scale)
        each.set_xticks(places, [f"{place:g}" for place in places])
        each.minorticks_off()
        if scale == "log":
            log_ticks(each.yaxis)
        each.set_xlim(min(places) / 1.2, max(places) * 1.2)
        fit_to_means(each, data.loc[data["target"] == target, "mean"].to_numpy())
        mark_bounds(each, lines, target)
        each.set_title(heading(target))
        each.set_xlabel("training images (shots)")
        if leftmost(each):
            each.set_ylabel(short_title(column))
        no_overlap(each)
    legend(figure, looks, lines_drawn(lines))
    arrange(figure)
    return Plot(
        name,
        title,
        f"Final {metric_title(column)} against the number of training images: mean and 95 % interval over seeds. "
        f"{CUT_OFF if scale == 'log' else ''}{explained(lines)}{family.title}; {family.completeness}.",
        f"Line chart for {data['label'].nunique()} strategies at {', '.join(f'{place:g}' for place in places)} shots.",
        figure,
        data,
    )
