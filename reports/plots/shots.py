"""How quality grows with the number of training images."""

from ..settings import Setting, present
from .axes import CUT_OFF, fit_to_means, leftmost, log_ticks, metric_title, no_overlap, scale_for, short_title
from .bounds import bounds, explained, lines_drawn, mark_bounds
from .figure import Absent, Plot, arrange, heading, legend, panels
from .means import mean_intervals
from .whiskers import MOST_BANDS, draw_bands, draw_whiskers, side_by_side


def shots_quality(family: Setting, metric: str = "kid") -> Plot | Absent:
    """Final metric against the number of shots, one panel per target; ``family`` spans several numbers of shots."""
    name, column = family.named(f"shots-{metric}"), family.metric(metric)
    title = f"{metric_title(metric, False)} against the number of shots"
    rows = family.rows[(family.rows["status"] == "ok") & ~family.rows["reference"].astype(bool)]
    if not present(rows, [column]):
        return Absent(name, title, f"no finished cell has {column}")
    data = mean_intervals(rows, ["target", "label", "shots"], column)
    if data["shots"].nunique() < 2:
        return Absent(name, title, "fewer than two numbers of shots have a finished cell")
    figure, axes = panels(len(family.targets))
    few = data["label"].nunique() <= MOST_BANDS
    looks = family.looks(references=False)
    scale = scale_for(data["mean"].to_numpy())
    places, lines = sorted(data["shots"].unique()), bounds(family, metric)
    moves = side_by_side(data["label"], places)
    for target, each in zip(family.targets, axes, strict=True):
        shown = data[data["target"] == target]
        shown = shown.assign(x=shown["shots"] * (1 if few else shown["label"].map(moves)))
        (draw_bands if few else draw_whiskers)(each, shown, looks, scale)
        for label, group in shown.groupby("label", sort=True):
            each.plot(group["x"], group["mean"], **looks[str(label)].line_style())
        each.set_xscale("log")
        each.set_yscale(scale)
        each.set_xticks(places, [f"{place:g}" for place in places])
        each.minorticks_off()
        if scale == "log":
            log_ticks(each.yaxis)
        edge = 1.2 if few else 1.2 * max(moves.values())
        each.set_xlim(min(places) / edge, max(places) * edge)
        fit_to_means(each, shown["mean"].to_numpy())
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
        f"Final {metric_title(column)} against the number of training images: mean and 95 % interval over seeds"
        f"{'' if few else '; strategies stand side by side'}. "
        f"{CUT_OFF if scale == 'log' else ''}{explained(lines)}{family.title}; {family.completeness}.",
        f"Line chart for {data['label'].nunique()} strategies at {', '.join(f'{place:g}' for place in places)} shots.",
        figure,
        data,
    )
