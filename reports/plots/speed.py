"""How soon quality targets are reached: runtime distributions over targets, seeds and rungs of the ladder."""

import numpy as np
import pandas as pd

from ..clock import clock_note
from ..convergence import runtime_distribution, timed_blocks
from ..ladder import REFERENCE, RUNGS, Ladder, ladder_key, ladders
from ..settings import Setting, present
from .axes import metric_title
from .figure import Absent, Plot, arrange, legend, panels


def runtime_ecdf(family: Setting, metric: str = "kid", targets: dict[str, Ladder] | None = None) -> Plot | Absent:
    """Share of (target, seed, rung) reached against the share of the budget spent, in kimg and in seconds.

    ``targets`` is the store's frozen ladder; without it, it is made from the fine-tuning runs among these rows.
    """
    name, column = family.named(f"runtime-ecdf-{metric}"), family.metric(metric)
    title = f"Runtime distribution to {metric_title(metric, False)} targets"
    if not present(family.curves, [column, "seconds"]):
        return Absent(name, title, f"no cell has a curve of {column}")
    curves = family.curves
    rungs = ladders(family.rows, curves, column) if targets is None else targets
    if not rungs:
        return Absent(name, title, "no fine-tuning run improves on its start, and the targets come from those")
    parts = [
        runtime_distribution(family.rows, curves, column, rungs, against).assign(against=against)
        for against in ("kimg", "seconds")
    ]
    parts = [part for part in parts if len(part)]
    if not parts:
        return Absent(name, title, "no run has targets")
    data = pd.concat(parts, ignore_index=True)
    figure, axes = panels(2, width=3.4, height=2.6)
    looks = family.looks(references=False)
    for against, each in zip(("kimg", "seconds"), axes, strict=True):
        for label, group in data[data["against"] == against].groupby("label", sort=True):
            places = _marks(len(group))
            each.step(group["x"], group["share"], where="post", markevery=places, **looks[str(label)].line_style())
        each.set(xlim=(0, 1.01), ylim=(-0.02, 1.02))
        each.set_xlabel(f"share of the budget in {'kimg' if against == 'kimg' else 'seconds'}")
    axes[0].set_ylabel("share of targets reached ↑")
    legend(figure, {label: look for label, look in looks.items() if label in set(data["label"])})
    arrange(figure)
    ran = family.rows[~family.rows["reference"].astype(bool)]
    blocks = timed_blocks(family.rows, curves, column, "kimg")
    counted = sum(len(runs) for block, _, runs, _ in blocks if ladder_key(block) in rungs)
    left_out = len(ran) - counted
    ended = ((ran["status"] == "ok") & (ran["label"] == REFERENCE)).groupby([ran["target"], ran["shots"]]).any().all()
    areas = data[data["against"] == "kimg"].groupby("label")["area"].first().sort_values(ascending=False)
    return Plot(
        name,
        title,
        f"Share of all (target, seed, rung) whose {metric_title(column)} was reached at two consecutive "
        f"evaluations; rungs at {', '.join(f'{share:.0%}' for share in RUNGS)} of the way from the start of "
        f"fine-tuning to its best. What starts above 0 had reached some before any training, as grey pictures may. "
        f"Runs that never arrive stay in the count. In seconds the budget is the training time of {REFERENCE}"
        f"{'' if ended else ', and targets where no such run ended are left out'}. "
        f"{f'{left_out} of {len(ran)} runs are on targets without a ladder, or to come. ' if left_out else ''}"
        f"{clock_note(family.rows)} {family.title}; {family.completeness}.",
        "Step chart. Mean share over the run (higher is better): "
        + ", ".join(f"{label} {area:.2f}" for label, area in list(areas.items())[:8])
        + ".",
        figure,
        data,
    )


def _marks(points: int) -> list[int]:
    return sorted({int(place) for place in np.linspace(0, points - 1, 5)[1:-1]})
