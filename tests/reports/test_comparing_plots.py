"""Figures that compare strategies say of each what its rows say."""

import numpy as np
import pandas as pd
import pytest
from graftbench.reports.aggregates import normalised
from graftbench.reports.plots.convergence import convergence
from graftbench.reports.plots.gain import gain_heatmap
from graftbench.reports.plots.ranking import profile
from graftbench.reports.plots.shots import shots_quality
from graftbench.reports.plots.throughput import throughput
from graftbench.reports.plots.tradeoffs import precision_recall
from graftbench.reports.scores import scores
from graftbench.reports.settings import settings
from graftbench.reports.style import theme
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from synthetic import EXTRACTOR, synthetic


def test_a_performance_profile_steps_at_each_run_and_nowhere_else():
    rows, curves = synthetic(["finetune", "scratch"], targets=2, seeds=3)
    held = scores(rows, f"kid@{EXTRACTOR}", {})
    plot = profile(held, settings(rows, curves)[0].looks())
    values, _ = normalised(held)
    assert values is not None
    for line, label, each in zip(plot.figure.axes[0].lines, held.strategies, values, strict=True):
        assert line.get_drawstyle() == "steps-post"
        drawn = plot.data[plot.data["label"] == label]
        for before, at, after in zip(drawn["threshold"], drawn["share"], drawn["threshold"][1:], strict=False):
            for threshold in (before, (before + after) / 2):
                assert at == (each[held.expected] > threshold).mean()
    assert "lower than is shown" not in plot.caption


def test_a_performance_profile_says_how_many_runs_lie_beyond_it():
    rows, curves = synthetic(["finetune", "scratch"], targets=2, seeds=3)
    worse = rows["strategy"] == "scratch"
    rows.loc[worse, f"kid@{EXTRACTOR}"] += np.where(rows.loc[worse, "seed"] == 0, 50, 0)
    plot = profile(scores(rows, f"kid@{EXTRACTOR}", {}), settings(rows, curves)[0].looks())
    assert "2 runs scored lower than is shown." in plot.caption
    assert plot.data["threshold"].min() >= -1.1


def test_what_the_judge_taught_does_not_push_the_others_together():
    rows, curves = synthetic(["finetune", "feature-d", "scratch"], targets=1, seeds=2)
    taught = rows["strategy"] == "feature-d"
    rows["taught_by"] = np.where(taught, "inception-v3", "")
    rows.loc[taught, "reference"] = True
    plot = precision_recall(settings(rows, curves)[0])
    assert set(plot.data["label"]) == {"finetune", "scratch", "source-only"}
    assert "Left out: feature-d" in plot.caption
    assert "feature-d" not in [text.get_text() for text in plot.figure.legends[0].get_texts()]


def test_the_names_of_folders_keep_the_end_that_tells_them_apart():
    names = ["folder:/home/anna/data/portraits/sketches", "folder:/home/anna/data/portraits/paintings"]
    rows, curves = synthetic(2, names, 2)
    with theme():
        axes = convergence(settings(rows, curves)[0]).figure.axes
    titles = [each.get_title(loc="left") for each in axes]
    assert titles == ["…anna/data/portraits/paintings", "…/anna/data/portraits/sketches"]


def test_long_labels_are_whole_beside_bars_and_heat_maps():
    rows, curves = synthetic(["scratch", "finetune", "l2-sp(on=both, strength=0.001)+ada"], 2, 2)
    (setting,) = settings(rows, curves)
    for draw in (throughput, gain_heatmap):
        with theme():
            figure = draw(setting).figure
        canvas = FigureCanvasAgg(figure)
        labels = [text.get_window_extent(canvas.get_renderer()) for text in figure.axes[0].get_yticklabels()]
        assert min(box.x0 for box in labels) >= 0


def test_a_logarithmic_axis_says_where_it_cuts_intervals_off():
    rows, curves = synthetic(2, 1, 2)
    assert "down to a quarter of its mean" in convergence(settings(rows, curves)[0]).caption
    curves[f"kid@{EXTRACTOR}"] = 0.01
    assert "down to a quarter of its mean" not in convergence(settings(rows, curves)[0]).caption


def drawn_intervals(axes):
    """Bottom, top and place of each whisker."""
    (lines,) = (each for each in axes.collections if isinstance(each, LineCollection))
    return [(part[:, 1].min(), part[:, 1].max(), part[0, 0]) for part in lines.get_segments()]


def test_intervals_of_a_few_strategies_are_bands_and_of_many_stand_beside_their_last_points():
    few, many = (convergence(settings(*synthetic(count, 1, 3))[0]) for count in (8, 9))
    (axes,) = few.figure.axes
    assert [len(each.get_paths()) for each in axes.collections if isinstance(each, PolyCollection)] == [8]
    assert "last point" not in few.caption
    (axes,) = many.figure.axes
    assert not any(isinstance(each, PolyCollection) for each in axes.collections)
    last = many.data[many.data["x"] == many.data["x"].max()].sort_values("mean")
    found = drawn_intervals(axes)
    assert [top for _, top, _ in found] == pytest.approx(last["high"].tolist())
    assert [low for low, _, _ in found] == pytest.approx(np.maximum(last["low"], last["mean"] / 4).tolist())
    assert [x for _, _, x in found] == sorted(x for _, _, x in found)
    assert found[0][2] > many.data["x"].max()
    assert "at their last point only" in many.caption
    words = [tick.get_text() for tick in axes.get_xticklabels()]
    assert words[-1] == "end" and max(float(word) for word in words[:-1]) <= many.data["x"].max()


def test_many_strategies_stand_side_by_side_at_each_number_of_shots():
    rows, curves = synthetic(9, 1, 3)
    rows = pd.concat([rows, rows.assign(shots=100, key=rows["key"] + "x")])
    plot = shots_quality(settings(rows, curves, across_shots=True)[0])
    places = sorted({round(x, 6) for _, _, x in drawn_intervals(plot.figure.axes[0])})
    assert len(places) == 2 * 9
    assert places[0] > 5 and places[8] < 20 and places[9] > 50 and places[-1] < 200
    assert set(plot.data["shots"]) == {10, 100} and "side by side" in plot.caption
