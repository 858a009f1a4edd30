"""How fast a strategy gets how far: time to target with censoring, and anytime quality.

A run hits a target at the first of two consecutive evaluations that reach it (one alone may be noise). A run that
never hits, diverges or fails is right-censored at the horizon: it is counted, and can only lengthen the mean times.
The horizon is the budget in kimg, and in seconds the time that fine-tuning takes for it: like the targets, it depends
on no run that is compared. Times are counted on the evaluation grid, whose width the tables state, and nothing is
interpolated; the area alone joins the grid's points by straight lines.
Metrics: Hansen et al. (COCO, 2021) for ERT and runtime distributions, Hutter et al. (2009) for PAR-10.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .ladder import REFERENCE, RUNGS, Ladder, is_fid, ladder_key, shared_columns, signed


@dataclass(frozen=True)
class Run:
    """One run of one block: its learning curve as (x, signed value), lower is better; empty if nothing was measured."""

    label: str
    seed: int
    x: np.ndarray
    value: np.ndarray
    ended: bool = True
    """Whether it went through its budget; the last point of one that did not is no final value."""


def time_to_target(run: Run, target: float, horizon: float) -> float:
    """x of the first of two consecutive evaluations at or below ``target``; infinite if none is by ``horizon``."""
    reached = run.value <= target  # NaN reaches nothing
    both = reached[:-1] & reached[1:]
    if not both.any():
        return np.inf
    x = float(run.x[int(both.argmax())])
    return x if x <= horizon else np.inf


def restricted_mean(times: np.ndarray, horizon: float) -> float:
    """RMST: mean time to target, capped at the horizon: the area under the Kaplan-Meier curve.

    All runs are censored at the horizon and none before, so the area is a plain mean.
    """
    return float(np.minimum(times, horizon).mean())


def cost_of_a_miss(run: Run, horizon: float) -> float:
    """What a run spends if it hits nothing: its own budget, which a quick one goes through before the horizon. One that
    died costs the whole horizon, or an early death would be cheap."""
    return min(float(run.x[-1]), horizon) if run.ended and len(run.x) else horizon


def expected_running_time(times: np.ndarray, misses: np.ndarray) -> float:
    """ERT: x spent by all runs for each hit, if runs are restarted until one hits; infinite without a hit.

    ``misses`` is what each run costs if it does not hit.
    """
    hits = int(np.isfinite(times).sum())
    return float(np.minimum(times, misses).sum() / hits) if hits else np.inf


def penalised_average(times: np.ndarray, horizon: float) -> float:
    """PAR-10: mean time with each miss counted as ten horizons."""
    return float(np.where(np.isfinite(times), times, 10 * horizon).mean())


def area_under_best(run: Run, ladder: Ladder, horizon: float, metric: str) -> float:
    """Mean over [0, horizon] of the best value so far, on a scale that is 0 at the reference's median ``best``.

    FID: natural logarithm of the ratio to ``best``. Others: share of the way from ``start`` to ``best`` that is left.
    Trapezoids between the measurements: a curve begins at ``start`` and stays at its last value. A value
    above ``start`` counts as ``start``, or a run that dies would do better than one that goes on badly. What lies
    beyond the horizon does not count.
    """
    start, best = ladder.start, ladder.best
    measured = np.isfinite(run.value) & (run.x <= horizon)
    x = np.concatenate([[0.0], run.x[measured], [horizon]])
    value = np.concatenate([[start], run.value[measured], [np.inf]])
    if measured.any() and run.x[measured][0] == 0:
        x, value = x[1:], value[1:]
    so_far = np.minimum.accumulate(np.minimum(value, start))
    if is_fid(metric):
        left = np.log(np.maximum(so_far, np.finfo(float).tiny) / best)
    else:
        left = (so_far - best) / (start - best)
    return float(np.trapezoid(left, x) / horizon)


def runs_of(rows: pd.DataFrame, curves: pd.DataFrame, metric: str, against: str = "kimg") -> list[Run]:
    """One run per row, reference lines excepted; rows without a curve give empty runs, so that none is dropped."""
    mine = curves[curves["key"].isin(rows["key"])].sort_values("kimg", kind="stable")
    x, value = mine[against].to_numpy(float), signed(mine[metric], metric)
    points = mine.groupby("key").indices
    nothing = np.empty(0, int)
    found = []
    ranked = rows[~rows["reference"].astype(bool)]
    for key, label, seed, status in zip(*(ranked[name] for name in ("key", "label", "seed", "status")), strict=True):
        where = points.get(key, nothing)
        found.append(Run(str(label), int(seed), x[where], value[where], status == "ok"))
    return found


def horizon_of(rows: pd.DataFrame, runs: list[Run], against: str) -> float:
    """Up to where times count: the budget in kimg; in seconds, what the reference strategy's longest run takes for it.

    Were it the time of any other run, a quick one that hits nothing would hide what the slower ones reach, and shorten
    their mean times. NaN without a run of the reference that ended.
    """
    ends = [float(run.x[-1]) for run in runs if run.label == REFERENCE and run.ended and len(run.x)]
    if against == "kimg":
        return max([float(rows["kimg"].iloc[0]), *ends])  # a training ends with a whole batch
    return max(ends, default=np.nan)


def speed(
    rows: pd.DataFrame, curves: pd.DataFrame, metric: str, targets: dict[str, Ladder], against: str = "kimg"
) -> pd.DataFrame:
    """Time to each rung: one row per block, label and rung with runs, hits, spent, rmst, ert, par10, horizon, grid.

    ``targets`` come from ``ladder.frozen_ladders``; blocks without any are absent. ``against`` is kimg or seconds.
    """
    table, sign = [], float(signed([1.0], metric)[0])
    for block, group, runs, horizon in timed_blocks(rows, curves, metric, against):
        for label in dict.fromkeys(run.label for run in runs):
            mine = [run for run in runs if run.label == label]
            misses = np.array([cost_of_a_miss(run, horizon) for run in mine])
            ladder = targets.get(ladder_key(block))
            for rung, target in zip(RUNGS, ladder.rungs, strict=True) if ladder else ():
                times = np.array([time_to_target(run, target, horizon) for run in mine])
                table.append(
                    {
                        **dict(zip(shared_columns(group), block, strict=True)),
                        "label": label,
                        "rung": rung,
                        "target_value": target * sign,
                        "runs": len(times),
                        "hits": int(np.isfinite(times).sum()),
                        "spent": float(np.minimum(times, misses).sum()),
                        "rmst": restricted_mean(times, horizon),
                        "ert": expected_running_time(times, misses),
                        "par10": penalised_average(times, horizon),
                        "horizon": horizon,
                        "grid": _grid_width(runs),
                    }
                )
    return pd.DataFrame(table)


def anytime(
    rows: pd.DataFrame, curves: pd.DataFrame, metric: str, targets: dict[str, Ladder], against: str = "kimg"
) -> pd.DataFrame:
    """Quality over the whole run: one row per block and label with runs, ended, auc, final_over_best and x_of_best.

    ``auc`` is the mean over all runs, the other two over the ``ended`` ones, since a run that died has no final value.
    ``final_over_best`` is 1 where a run ends at its best; NaN where the best value is not positive (as KID's may be).
    """
    table = []
    for block, group, runs, horizon in timed_blocks(rows, curves, metric, against):
        ladder = targets.get(ladder_key(block))
        if ladder is None:
            continue
        for label in dict.fromkeys(run.label for run in runs):
            mine = [run for run in runs if run.label == label]
            ended = [run for run in mine if run.ended and np.isfinite(run.value).any()]
            tops = [(run, int(np.nanargmin(run.value))) for run in ended]
            ratios = [run.value[-1] / run.value[top] if run.value[top] > 0 else np.nan for run, top in tops]
            table.append(
                {
                    **dict(zip(shared_columns(group), block, strict=True)),
                    "label": label,
                    "runs": len(mine),
                    "ended": len(ended),
                    "auc": float(np.mean([area_under_best(run, ladder, horizon, metric) for run in mine])),
                    "final_over_best": float(np.mean(ratios)) if ratios else np.nan,
                    "x_of_best": float(np.mean([run.x[top] for run, top in tops])) if tops else np.nan,
                }
            )
    return pd.DataFrame(table)


def runtime_distribution(
    rows: pd.DataFrame, curves: pd.DataFrame, metric: str, targets: dict[str, Ladder], against: str = "kimg"
) -> pd.DataFrame:
    """ECDF of times to target over all (block, seed, rung): label, x as a share of the horizon, share reached by then.

    Misses stay in the denominator. A block without a horizon is left out.
    ``area`` is the mean share over the run (the COCO anytime score; higher is better).
    """
    times: dict[str, list[float]] = {}
    for block, _, runs, horizon in timed_blocks(rows, curves, metric, against):
        ladder = targets.get(ladder_key(block))
        rungs = ladder.rungs if ladder else ()
        for run in runs:
            for target in rungs:
                times.setdefault(run.label, []).append(time_to_target(run, target, horizon) / horizon)
    parts = []
    for label, values in times.items():
        values = np.sort(values)
        reached = values[np.isfinite(values)]
        x = np.concatenate([[0.0], reached, [1.0]])
        share = np.concatenate([[0.0], np.arange(1, len(reached) + 1), [len(reached)]]) / len(values)
        area = float((1 - np.minimum(values, 1.0)).mean())
        parts.append(pd.DataFrame({"label": label, "x": x, "share": share, "area": area}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["label", "x", "share", "area"])


def timed_blocks(
    rows: pd.DataFrame, curves: pd.DataFrame, metric: str, against: str
) -> Iterator[tuple[tuple, pd.DataFrame, list[Run], float]]:
    """What its rows share, the rows, their runs and the horizon, of each group that has a horizon.

    Cells that have not been run are no runs.
    """
    for shared, group in rows[rows["status"] != "missing"].groupby(shared_columns(rows), sort=True, dropna=False):
        runs = runs_of(group, curves, metric, against)
        horizon = horizon_of(group, runs, against)
        if runs and np.isfinite(horizon):
            yield shared, group, runs, horizon


def _grid_width(runs: list[Run]) -> float:
    """The widest gap between two evaluations: a hit is known no better than that."""
    return float(max((np.diff(run.x).max() for run in runs if len(run.x) > 1), default=np.nan))
