"""Convergence as tables: time to target with censoring, hits, anytime quality. Strategy x target, like the others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .clock import clock_note
from .convergence import Run, anytime, speed, time_to_target, timed_blocks
from .intervals import Interval, mean_interval
from .ladder import REFERENCE, RUNGS, Ladder, ladder_key, shared_columns
from .ranking_tables import stratum_words, table_name
from .scores import Block, block_name
from .strata import MACHINE, STRATUM, strata_of
from .table import Measured, Table, Value, number

SHOWN = (0.5, 0.9)
"""The rungs that have a table of times; `hits_table` shows all."""

UNITS = {"kimg": "kimg", "seconds": "s"}
BUDGETS = {"kimg": "its kimg", "seconds": f"the training time of {REFERENCE} on the target"}
"""Up to where times count."""
Ladders = Mapping[str, Mapping[str, Ladder]]


@dataclass(frozen=True)
class Subject:
    """What a table is about: a metric on comparable rows, against kimg or seconds."""

    metric: str
    stratum: dict[str, object]
    against: str
    clock: str = ""
    """Where the seconds come from, as a sentence with a space before it."""
    completeness: str = ""

    @property
    def unit(self) -> str:
        return UNITS[self.against]

    @property
    def budget(self) -> str:
        return BUDGETS[self.against]

    def name(self, *parts: str) -> str:
        return table_name("convergence", *parts, self.against, self.metric, *self.stratum.values())


@dataclass(frozen=True)
class Watched:
    """The runs of one block, up to where times count, and its frozen targets."""

    block: Block
    runs: list[Run]
    horizon: float
    ladder: Ladder


def convergence_tables(rows: pd.DataFrame, curves: pd.DataFrame, ladders: Ladders) -> Iterator[Table]:
    """For each metric with frozen targets, each stratum: times, hits and anytime quality, in kimg and in seconds."""
    ranked = rows[~rows["reference"].astype(bool)]
    for metric, targets in ladders.items():
        chosen = ranked[ranked["extractor"] == metric.partition("@")[2]]
        if metric not in curves.columns or not targets or chosen.empty:
            continue
        for against in ("kimg", "seconds"):
            # Seconds of different machines are different quantities.
            for stratum, group in strata_of(chosen, STRATUM + (MACHINE if against == "seconds" else ())):
                ran = group[group["status"] != "missing"]
                if ran.empty:
                    continue
                watched = list(watch(ran, curves, metric, targets, against))
                clock = f" {clock_note(ran)}".rstrip() if against == "seconds" else ""
                subject = Subject(metric, stratum, against, clock, _completeness(ran, chosen, stratum))
                for rung in SHOWN:
                    yield time_table(watched, rung, subject)
                yield hits_table(ran, speed(ran, curves, metric, dict(targets), against), subject)
                yield anytime_table(ran, anytime(ran, curves, metric, dict(targets), against), subject)


def _completeness(ran: pd.DataFrame, asked: pd.DataFrame, stratum: dict[str, object]) -> str:
    """Of what ran, and what is still to run in the same stratum, on whichever machine."""
    waiting = asked[asked["status"] == "missing"]
    for name, value in stratum.items():
        waiting = waiting if name in MACHINE else waiting[waiting[name] == value]
    left = "; the others have not been run yet and count nowhere here" if len(waiting) else ""
    return f"Completeness: {len(ran)} of {len(ran) + len(waiting)} cells{left}."


def watch(
    rows: pd.DataFrame, curves: pd.DataFrame, metric: str, targets: Mapping[str, Ladder], against: str
) -> Iterator[Watched]:
    """The blocks that have frozen targets and a horizon."""
    names = shared_columns(rows)
    for shared, _, runs, horizon in timed_blocks(rows, curves, metric, against):
        if ladder := targets.get(ladder_key(shared)):
            found = dict(zip(names, shared, strict=True))
            yield Watched((str(found["source"]), str(found["target"]), int(str(found["shots"]))), runs, horizon, ladder)


def time_table(watched: list[Watched], rung: float, subject: Subject) -> Table:
    """Mean time to one rung over seeds, each run censored at the horizon (RMST), with its interval."""
    cells: dict[str, dict[Block, Measured]] = {}
    for each in watched:
        target = each.ladder.rungs[RUNGS.index(rung)]
        for label in {run.label for run in each.runs}:
            mine = [run for run in each.runs if run.label == label]
            cells.setdefault(label, {})[each.block] = _restricted(mine, target, each.horizon)
    order = sorted(cells, key=lambda label: (mean_share(cells[label], watched), label))
    blocks = [each.block for each in watched]
    horizons = [each.horizon for each in watched]
    longest = " to ".join(dict.fromkeys(number(end(horizons)) for end in (min, max))) if horizons else "–"
    return Table(
        name=subject.name("time", f"{rung:.0%}"),
        title=f"Time to {rung:.0%} of fine-tuning's gain in {subject.metric} ({subject.unit}) ↓",
        head=("strategy", *(block_name(block, blocks) for block in blocks)),
        body=tuple((label, *(cells[label].get(block) for block in blocks)) for label in order),
        notes=(
            f"Restricted mean time in {subject.against}, lower is better: a run that does not hit, or died, counts with"
            f" the whole time ({longest}: {subject.budget}). Where none hits, the mean is over the time that they were"
            " watched.",
            "The target lies between where naive fine-tuning starts and the best it reaches; it is frozen, and hit at"
            " the first of two consecutive evaluations: times are known no better than those lie apart, whatever an"
            " interval says. There is none where that gain is within the metric's standard error. 0 is reached before"
            " any training, as grey pictures may. Training time only." + subject.clock,
            subject.completeness,
            stratum_words(subject.stratum) + ".",
        ),
    )


def _restricted(runs: list[Run], target: float, horizon: float) -> Measured:
    """The mean time of the runs, each at most the horizon; where none hits, all that is known is a bound."""
    watched = [run.x[-1] for run in runs if len(run.x)]
    if not watched:
        return Measured(None, len(runs), reason="none was watched")
    times = [time_to_target(run, target, horizon) for run in runs]
    if not np.isfinite(times).any():
        bound = float(min(max(watched), horizon))
        return Measured(Interval(bound, None, None, len(times)), len(times), exceeded=True)
    return Measured(mean_interval(np.minimum(times, horizon)), len(times))


def mean_share(cells: Mapping[Block, Measured], watched: list[Watched]) -> float:
    """Mean time as a share of the horizon, for the order of rows; all of it where none hit, or none was watched."""
    shares = [
        found.interval.estimate / each.horizon if found.interval and not found.exceeded else 1.0
        for each in watched
        if (found := cells.get(each.block))
    ]
    return float(np.mean(shares)) if shares else np.inf


def hits_table(rows: pd.DataFrame, found: pd.DataFrame, subject: Subject) -> Table:
    """How many runs hit each rung over all targets, and what a hit costs (ERT, PAR-10 as shares of the budget)."""
    body: list[tuple[Value, ...]] = []
    if len(found):
        for label, group in found.groupby("label", sort=True):
            hits = group.groupby("rung")[["hits", "runs"]].sum()
            last = group[group["rung"] == max(SHOWN)]
            spent = float((last["spent"] / last["horizon"]).sum())
            counted = int(last["hits"].sum())
            body.append(
                (
                    str(label),
                    *(f"{hits['hits'][rung]:.0f}/{hits['runs'][rung]:.0f}" for rung in RUNGS),
                    f"{spent / counted:.2f}" if counted else "∞",
                    f"{float(np.average(last['par10'] / last['horizon'], weights=last['runs'])):.2f}",
                )
            )
    grid = number(float(found["grid"].max())) if len(found) else "–"
    return Table(
        name=subject.name("hits"),
        title=f"Runs that reach fine-tuning's quality in {subject.metric} ({subject.unit})",
        head=("strategy", *(f"{rung:.0%}" for rung in RUNGS), f"ERT {max(SHOWN):.0%}", f"PAR-10 {max(SHOWN):.0%}"),
        body=tuple(body),
        notes=(
            f"Hits of all runs, failed ones included{_left_out(rows, found)}. ERT: what all runs spent per hit;"
            f" PAR-10: a miss counts as ten budgets; both in budgets of one run ({subject.budget}), lower is better.",
            f"The last rung is the best single evaluation of {REFERENCE}. What is reached at the last evaluation alone"
            f" is no hit, as no second one confirms it, so that even {REFERENCE} seldom hits that rung.",
            f"Times are known no better than the evaluation grid, {grid} {subject.unit} wide." + subject.clock,
            subject.completeness,
            stratum_words(subject.stratum) + ".",
        ),
    )


def _left_out(rows: pd.DataFrame, found: pd.DataFrame) -> str:
    """In words, how many of the runs have no place in ``found`` (one row a block and label, or some, with ``runs``)."""
    there = found.drop_duplicates([*shared_columns(rows), "label"])["runs"].sum() if len(found) else 0
    missing = len(rows) - int(there)
    return (
        f", but for {missing} in blocks that have no frozen target or no run of {REFERENCE} that ended"
        if missing
        else ""
    )


def anytime_table(rows: pd.DataFrame, found: pd.DataFrame, subject: Subject) -> Table:
    """Area under the best-so-far curve, final over best, and where the best was, as means over targets."""
    body: list[tuple[Value, ...]] = []
    if len(found):
        by_label = found.groupby("label")
        means = by_label[["auc", "final_over_best", "x_of_best"]].mean()
        ended, runs = (by_label[name].sum().to_dict() for name in ("ended", "runs"))
        for label, line in means.sort_values(["auc", "x_of_best"], kind="stable").iterrows():
            values = (None if np.isnan(value) else f"{value:.3f}" for value in line)
            body.append((str(label), *values, f"{ended[label]}/{runs[label]}"))
    return Table(
        name=subject.name("anytime"),
        title=f"Quality over the whole run in {subject.metric} ({subject.unit})",
        head=("strategy", "area under best so far", "final / best", f"best at {subject.unit}", "runs that ended"),
        body=tuple(body),
        notes=(
            f"Of all runs{_left_out(rows, found)}. Area over {subject.budget}: lower is better; 0 where the"
            " reference's best is reached at once. What is measured before the training counts too: grey pictures may"
            " score better than the source's. Final / best: 1 where a run ends at its best, above where it has become"
            " worse since; it and the best's place are those of the runs that ended. Means over targets of means over"
            " seeds." + subject.clock,
            subject.completeness,
            stratum_words(subject.stratum) + ".",
        ),
    )
