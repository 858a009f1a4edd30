"""Figures that compare strategies say of each what its rows say."""

import numpy as np
from graftbench.reports.aggregates import normalised
from graftbench.reports.plots.ranking import profile
from graftbench.reports.plots.tradeoffs import precision_recall
from graftbench.reports.scores import scores
from graftbench.reports.settings import settings
from synthetic import EXTRACTOR, synthetic


def test_a_performance_profile_steps_at_each_run_and_nowhere_else():
    rows, curves = synthetic(["finetune", "scratch"], targets=2, seeds=3)
    held = scores(rows, f"kid@{EXTRACTOR}", {})
    plot = profile(held, settings(rows, curves)[0].looks())
    values, _ = normalised(held)
    assert values is not None
    for line, label, each, there in zip(plot.figure.axes[0].lines, held.strategies, values, held.expected, strict=True):
        assert line.get_drawstyle() == "steps-post"
        drawn = plot.data[plot.data["label"] == label]
        for before, at, after in zip(drawn["threshold"], drawn["share"], drawn["threshold"][1:], strict=False):
            for threshold in (before, (before + after) / 2):
                assert at == (each[there] > threshold).mean()
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
