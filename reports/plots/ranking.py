"""Who is better over all targets: performance profiles and critical-difference diagrams."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..aggregates import block_means, normalised, performance_profile
from ..formats import counted
from ..ranking import WORST
from ..scores import Scores, where_scored
from ..settings import slug
from ..significance import RankTest, rank_test
from ..style import Look
from .axes import metric_title
from .figure import Absent, Plot, arrange, left_margin, legend, panels, plain
from .whiskers import MOST_BANDS

LEAST_SCORE = -1.0
"""Where a performance profile starts at the latest: as far below the unadapted source as the floor is above it."""


def profile(scores: Scores, looks: dict[str, Look], suffix: str = "") -> Plot | Absent:
    """Share of runs above each normalised score, per strategy: a step at each of its runs."""
    name, title = _named("performance-profile", scores, suffix), "Performance profile"
    asked, scores = scores, where_scored(scores)
    values, scale = normalised(scores)
    if values is None:
        return Absent(name, f"{title} ({metric_title(scores.metric, False)})", scale)
    runs = values[:, scores.expected]
    lowest = max(float(runs.min()), LEAST_SCORE)
    ends = lowest - 0.02, max(float(runs.max()), lowest + 0.1) + 0.02
    left_out = int((runs < ends[0]).sum())
    beyond = f"{counted(left_out, 'run')} scored lower than is shown. " if left_out else ""
    banded = len(scores.strategies) <= MOST_BANDS
    bands = "; bands are pointwise 95 % Clopper-Pearson" if banded else ""
    figure, (axes,) = panels(1, width=4.4, height=2.8)
    parts = []
    for label, each in zip(scores.strategies, values, strict=True):
        thresholds = np.unique([*ends, *each[scores.expected].clip(*ends)])
        share, low, high = performance_profile(each, scores.expected, thresholds)
        parts.append(pd.DataFrame({"label": label, "threshold": thresholds, "share": share, "low": low, "high": high}))
        style = looks[label]
        axes.plot(thresholds, share, drawstyle="steps-post", markevery=0.16, **style.line_style())
        if banded:
            axes.fill_between(thresholds, low, high, step="post", color=style.colour, alpha=0.08, linewidth=0)
    axes.set(xlim=ends, ylim=(-0.02, 1.02))
    axes.set_xlabel("normalised score →" if "floor" not in scale else "normalised score (0 = source, 1 = floor) →")
    axes.set_ylabel("share of runs above ↑")
    legend(figure, {label: looks[label] for label in scores.strategies})
    arrange(figure)
    data = pd.concat(parts, ignore_index=True)
    middle = {
        label: float(np.median(each[scores.expected])) for label, each in zip(scores.strategies, values, strict=True)
    }
    best = max(middle, key=lambda label: middle[label])
    return Plot(
        name,
        f"{title} ({metric_title(scores.metric, False)})",
        f"Share of runs (targets and seeds) whose normalised {metric_title(scores.metric, False)} exceeds a threshold; "
        f"scale: {scale}. {beyond}Missing cells count as the worst of their target{bands}. "
        f"{_stratum(scores, bool(suffix))}; {asked.completeness}.",
        f"Line chart of {len(middle)} strategies; the highest median score is that of {best} ({middle[best]:.2f}).",
        figure,
        data,
    )


def critical_difference(scores: Scores, looks: dict[str, Look], suffix: str = "") -> Plot | Absent:
    """Mean ranks over blocks, with bars that join what Nemenyi's test does not separate."""
    name = _named("critical-difference", scores, suffix)
    title = f"Critical-difference diagram ({metric_title(scores.metric, False)})"
    if len(scores.strategies) < 2:
        return Absent(name, title, "fewer than two strategies")
    asked, scores = scores, where_scored(scores)
    test = rank_test(block_means(scores).T, scores.strategies, WORST)
    if not test.mean_ranks:
        return Absent(name, title, test.note)
    figure = draw_ranks(test, looks)
    ranks = pd.Series(test.mean_ranks, name="mean_rank").sort_values(kind="stable")
    if test.testable and test.critical_difference is not None:
        bars = (
            f"Bars join strategies that Nemenyi's test does not separate (critical difference "
            f"{test.critical_difference:.2f}, Friedman p = {test.friedman_p:.2g})."
        )
    elif test.testable and test.friedman_p is not None:
        pair = "separates" if "separated" in test.verdicts.values() else "does not separate"
        bars = f"Wilcoxon's test {pair} the two (p = {test.friedman_p:.2g})."
    else:
        bars = f"No bars: {test.note or 'these blocks cannot separate any pair'}."
    if len({(source, target) for source, target, _ in scores.blocks}) < len(scores.blocks):
        bars += " Blocks of one target are not independent, as the test takes them to be."
    return Plot(
        name,
        title,
        f"Mean rank over {counted(test.blocks, 'block')} (targets and shots; seeds averaged inside), 1 is best; "
        f"missing cells count as the worst. {bars} {_stratum(scores, bool(suffix))}; {asked.completeness}.",
        "Strategies from best to worst mean rank: " + ", ".join(f"{n} {r:.2f}" for n, r in ranks.items()) + ".",
        figure,
        ranks.rename_axis("label").reset_index(),
    )


def draw_ranks(test: RankTest, looks: dict[str, Look]) -> Figure:
    """A rank axis on top, names on both sides joined to it, and one bar per clique below the axis."""
    order = sorted(test.mean_ranks, key=lambda name: (test.mean_ranks[name], name))
    worst, left = len(order), order[: (len(order) + 1) // 2]
    bars = [c for c in test.cliques if len(c) > 1] if test.testable and test.critical_difference else []
    depth = 0.4 + 0.16 * len(bars)
    above, below = 0.65, depth + 0.24 * len(left) - 0.05
    margin, wide = left_margin(order) + 0.65, 2.8
    figure = Figure(figsize=(wide + 2 * margin, above + below))
    axes: Axes = figure.add_axes((margin / figure.get_figwidth(), 0.0, wide / figure.get_figwidth(), 1.0))
    axes.set(xlim=(1, worst), ylim=(-below, above))
    axes.set_axis_off()
    axes.plot([1, worst], [0, 0], color="black", linewidth=1, clip_on=False)
    step = max(1, worst // 8)
    for tick in range(1, worst + 1):
        axes.plot([tick, tick], [0, 0.07 if tick % step else 0.1], color="black", linewidth=0.8, clip_on=False)
        if (tick - 1) % step == 0:
            axes.text(tick, 0.14, str(tick), ha="center", va="bottom", fontsize=7.5)
    for number, names in enumerate(bars):
        ends = [test.mean_ranks[names[0]], test.mean_ranks[names[-1]]]
        y = -0.2 - 0.16 * number
        pad = 0.012 * (worst - 1)
        axes.plot(
            [ends[0] - pad, ends[1] + pad], [y, y], color="#333333", linewidth=3, solid_capstyle="butt", clip_on=False
        )
    pad = 0.06 * (worst - 1)
    for place, name in enumerate(order):
        on_left = place < len(left)
        row = place if on_left else len(order) - 1 - place
        y, rank = -depth - 0.24 * row, test.mean_ranks[name]
        edge = 1 - pad if on_left else worst + pad
        style = looks[name]
        axes.plot([rank, rank, edge], [0, y, y], color=style.colour, linewidth=1, linestyle=style.dashes, clip_on=False)
        axes.plot([rank], [0], linestyle="none", clip_on=False, zorder=3, **style.marker_style())
        words = f"{plain(name)}  {rank:.2f}" if on_left else f"{rank:.2f}  {plain(name)}"
        axes.text(
            edge - pad / 3 if on_left else edge + pad / 3,
            y,
            words,
            fontsize=8,
            va="center",
            ha="right" if on_left else "left",
        )
    axes.text((1 + worst) / 2, 0.42, "mean rank (1 is best)", ha="center", va="bottom", fontsize=8)
    return figure


def _named(stem: str, scores: Scores, suffix: str) -> str:
    return slug(f"{stem}-{scores.metric.partition('@')[0]}{'-' + suffix if suffix else ''}")


def _stratum(scores: Scores, whole: bool) -> str:
    """What the ranked rows have in common; ``whole`` where there are other strata to tell it from."""
    parts = scores.stratum
    named = [
        f"{parts[key]}{unit}"
        for key, unit in (("backbone", ""), ("resolution", " px"), ("kimg", " kimg"))
        if key in parts
    ]
    named += [f"{key} {parts[key]}" for key in ("width", "batch", "precision") if whole and key in parts]
    return " · ".join([*named, scores.metric.partition("@")[2], str(parts.get("protocol", ""))]).strip(" ·")
