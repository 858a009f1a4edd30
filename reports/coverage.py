"""How often the intervals of `reports.intervals` cover the truth, by simulation, beside the naive percentile bootstrap.

``graftbench coverage`` runs it. Scores are normal, skewed (gamma with skewness 1, log-normal with 1.75, exponential
with 2) and heavy-tailed (Student's t with 3 degrees of freedom). The last shape, a log-normal with skewness 6, is
beyond what the interval promises and is shown to say so.
"""

import numpy as np
import pandas as pd
from scipy import stats

from .intervals import CONFIDENCE, Statistic, draw, iqm, student, studentise, truth, widening
from .table import Table, Value

SCORES = {
    "normal": stats.norm(),
    "gamma, skewness 1": stats.gamma(4, loc=-2, scale=0.5),
    "log-normal, skewness 1.75": stats.lognorm(0.5),
    "exponential, skewness 2": stats.expon(),
    "Student's t, 3 df": stats.t(3),
}
BEYOND = {"log-normal, skewness 6.2": stats.lognorm(1.0)}
DESIGNS: tuple[tuple[Statistic, int, float], ...] = (
    ("mean", 1, 0.0),
    ("mean", 4, 0.0),
    ("mean", 8, 0.0),
    ("iqm", 4, 0.0),
    ("iqm", 4, 2.0),
    ("iqm", 6, 20.0),
    ("iqm", 8, 0.0),
    ("iqm", 8, 2.0),
)
"""Statistic, number of targets, and how many deviations the outer targets lie from the middle."""


def coverage(
    seeds: tuple[int, ...] = (3, 5, 10),
    trials: int = 20_000,
    naive_trials: int = 1000,
    designs: tuple[tuple[Statistic, int, float], ...] = DESIGNS,
    rng: int = 1,
) -> pd.DataFrame:
    """One row per design, number of seeds and shape of scores: coverage and mean width (in standard deviations of a
    seed) of our interval and of the naive one at nominal 95 %. ``promised`` is false for the shape beyond the claim.
    """
    generator = np.random.default_rng(rng)
    found = []
    for statistic, targets, gap in designs:
        for count in seeds:
            for name, shape in (SCORES | BEYOND).items():
                sizes = (count,) * targets
                sample = draw(sizes, shape, gap * shape.std(), trials, generator)
                right = truth(sizes, statistic, shape, gap * shape.std())
                ours = covered(sample, statistic, right)
                naive = covered_naively([each[:naive_trials] for each in sample], statistic, right, generator)
                found.append(
                    {
                        "statistic": statistic,
                        "targets": targets,
                        "apart": gap,
                        "seeds": count,
                        "scores": name,
                        "promised": name in SCORES,
                        "coverage": ours[0],
                        "width": ours[1] / shape.std(),
                        "naive_coverage": naive[0],
                        "naive_width": naive[1] / shape.std(),
                        "times_wider": ours[1] / naive[1],
                    }
                )
    return pd.DataFrame(found)


def coverage_table(found: pd.DataFrame) -> Table:
    """One line per design and number of seeds: the worst and best coverage over the promised shapes of scores."""
    body: list[tuple[Value, ...]] = []
    for (statistic, targets, apart, seeds), group in found.groupby(
        ["statistic", "targets", "apart", "seeds"], sort=False
    ):
        promised = group[group["promised"]]
        body.append(
            (
                f"{'mean' if statistic == 'mean' else 'IQM'} over {targets} targets, {apart:g} apart",
                int(str(seeds)),
                share(promised["coverage"]),
                share(promised["naive_coverage"]),
                f"{promised['width'].mean():.2f}",
                f"{promised['naive_width'].mean():.2f}",
                f"{promised['times_wider'].mean():.2f}",
                share(group.loc[~group["promised"], "coverage"]),
            )
        )
    return Table(
        name="coverage",
        title=f"Coverage of intervals at nominal {CONFIDENCE:.0%}, simulated",
        head=("of", "seeds", "coverage", "bootstrap's", "width", "bootstrap's width", "times wider", "skewness 6.2"),
        body=tuple(body),
        notes=(
            f"Worst to best over {len(SCORES)} shapes of scores: {'; '.join(SCORES)}.",
            "Widths in standard deviations of a seed, averaged over these shapes.",
            "Targets lie up to so many standard deviations of a seed from their middle.",
            f"Last column: {', '.join(BEYOND)}, beyond what the interval promises.",
        ),
    )


def share(values: pd.Series) -> str:
    low, high = f"{values.min():.1%}", f"{values.max():.1%}"
    return low if low == high else f"{low} to {high}"


def covered(targets: list[np.ndarray], statistic: Statistic, right: float) -> tuple[float, float]:
    """Share of samples whose interval holds ``right``, and the mean width. Each target is (samples x seeds)."""
    estimate, variance, freedom = studentise(targets, statistic)
    wider = widening(tuple(each.shape[-1] for each in targets), statistic)
    half = wider * student(freedom) * np.sqrt(variance)
    return float((np.abs(estimate - right) <= half).mean()), float(2 * half.mean())


def covered_naively(
    targets: list[np.ndarray], statistic: Statistic, right: float, generator: np.random.Generator, resamples: int = 300
) -> tuple[float, float]:
    """The same for the percentile bootstrap, stratified by target."""
    values = []
    for _ in range(resamples):
        drawn = [each[:, generator.integers(each.shape[1], size=each.shape[1])] for each in targets]
        values.append(
            iqm(np.concatenate(drawn, -1)) if statistic == "iqm" else np.mean([each.mean(-1) for each in drawn], axis=0)
        )
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return float(((low <= right) & (right <= high)).mean()), float((high - low).mean())
