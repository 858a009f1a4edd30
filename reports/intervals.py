"""Confidence intervals that cover with three to ten seeds.

The percentile bootstrap does not: it knows nothing of how badly three values tell their own spread. Student's t does
for normal scores, but not for skewed ones, where mean and spread err together. So the interval here is Student's, with
Welch's degrees of freedom over targets, widened by a factor that is found by simulation for the design at hand (how
many targets, how many seeds): the smallest one with which both normal and exponential scores are covered at the
nominal rate. `reports.coverage` simulates what that gives for other scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from scipy import special, stats

Statistic = Literal["mean", "iqm"]
CONFIDENCE = 0.95
TRIM = 0.25
SIMULATIONS = 8000
MOST_TARGETS = 12
"""The widening factor falls with the number of targets; beyond so many it is taken from here (slightly too wide)."""


@dataclass(frozen=True)
class Interval:
    """A point estimate with its interval; both ends are ``None`` where the sample allows none (one seed, say)."""

    estimate: float
    low: float | None
    high: float | None
    n: int
    """Number of values, over all targets."""

    @property
    def half_width(self) -> float | None:
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


def iqm(values: np.ndarray) -> np.ndarray:
    """Interquartile mean along the last axis: without the lowest and highest quarter, each rounded down to whole
    values."""
    count = values.shape[-1]
    cut = int(TRIM * count)
    return np.sort(values, axis=-1)[..., cut : count - cut].mean(axis=-1)


def mean_interval(values: Sequence[float] | np.ndarray, step: float = 0.0) -> Interval:
    """Of the mean over seeds on one target.

    A score that is counted in steps says no more than that: its rounding, step^2 / 12 (Sheppard), is added to the
    variance, or equal counts would have an interval of no width.
    """
    values = np.asarray(values, float)
    if not len(values) or not np.isfinite(values).all():
        raise ValueError("an interval needs finite scores")
    mean = float(values.mean())
    if len(values) < 2:
        return Interval(mean, None, None, 1)
    half = mean_multiplier(len(values)) * float(np.sqrt(values.var(ddof=1) + step**2 / 12))
    return Interval(mean, mean - half, mean + half, len(values))


@lru_cache(maxsize=512)
def mean_multiplier(seeds: int) -> float:
    """Half-width of `mean_interval` in sample standard deviations."""
    return float(widening((seeds,), "mean") * student(seeds - 1) / np.sqrt(seeds))


def student(freedom: float | np.ndarray) -> np.ndarray:
    """Two-sided quantile of Student's t."""
    return special.stdtrit(freedom, (1 + CONFIDENCE) / 2)


def stratified_interval(targets: Sequence[np.ndarray], statistic: Statistic = "mean") -> Interval:
    """Of the mean over targets of the means over seeds, or of the IQM of all scores.

    ``targets`` holds the scores of each target's seeds. The targets are taken as given (the statement is about these
    targets, with new seeds), so only the spread inside a target counts. Every target needs two seeds for an interval.
    """
    targets = [np.asarray(target, float) for target in targets]
    sizes = tuple(len(target) for target in targets)
    if not targets or min(sizes) == 0 or not all(np.isfinite(target).all() for target in targets):
        raise ValueError("every target needs finite scores")
    estimate, variance, freedom = studentise([target[None] for target in targets], statistic)
    if min(sizes) < 2:
        return Interval(float(estimate[0]), None, None, sum(sizes))
    wider = widening(tuple(sorted(sizes)), statistic)
    if not np.isfinite(wider):
        return Interval(float(estimate[0]), None, None, sum(sizes))
    half = wider * student(freedom[0]) * np.sqrt(variance[0])
    return Interval(float(estimate[0]), float(estimate[0] - half), float(estimate[0] + half), sum(sizes))


def studentise(targets: list[np.ndarray], statistic: Statistic) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Estimate, variance and Welch-Satterthwaite degrees of freedom. Each target is (samples x seeds).

    The IQM's variance is the trimmed mean's: that of the winsorised scores inside each target (Tukey & McLaughlin,
    1963), which is larger, and covers better, than its jackknife.
    """
    if statistic == "mean":
        weight = len(targets)
        estimate = np.stack([target.mean(-1) for target in targets]).mean(0)
        clipped = targets
    else:
        pooled = np.concatenate(targets, axis=-1)
        estimate = iqm(pooled)
        count = pooled.shape[-1]
        cut = int(TRIM * count)
        ordered = np.sort(pooled, axis=-1)
        ends = ordered[:, cut, None], ordered[:, count - cut - 1, None]
        clipped = [np.clip(target, *ends) for target in targets]
        weight = count - 2 * cut
    parts = np.stack([part(target, statistic) for target in clipped]) / weight**2
    freedoms = np.array([max(target.shape[-1] - 1, 1) for target in targets])[:, None]
    variance = parts.sum(0)
    with np.errstate(invalid="ignore"):
        freedom = variance**2 / (parts**2 / freedoms).sum(0)
    return estimate, variance, np.where(variance > 0, freedom, freedoms.sum())


def part(target: np.ndarray, statistic: Statistic) -> np.ndarray:
    """What one target adds to the variance, before the common weight: of its mean, or of the sum of its scores."""
    seeds = target.shape[-1]
    if seeds < 2:
        return np.zeros(len(target))
    return target.var(-1, ddof=1) * (1 / seeds if statistic == "mean" else seeds)


SHAPES = (stats.norm(), stats.expon(loc=-1))
"""The scores that the interval is calibrated for: symmetric, and with a skewness of 2. Mean 0, deviation 1."""


@lru_cache(maxsize=512)
def widening(sizes: tuple[int, ...], statistic: Statistic) -> float:
    """How much wider than Student's the interval must be for targets with ``sizes`` seeds. At least 1; seeded.

    For the IQM, whose error also depends on how far the targets lie apart, the worst of four spacings counts.
    Infinite where the spread is too often invisible (an IQM over two targets with two seeds).
    """
    if len(sizes) > MOST_TARGETS:
        sizes = sizes[:MOST_TARGETS]
    generator = np.random.default_rng(20180706)
    spacings = (0.0, 1.0, 3.0, 40.0) if statistic == "iqm" and len(sizes) > 1 else (0.0,)
    return max(1.0, *(factor(sizes, statistic, shape, gap, generator) for shape in SHAPES for gap in spacings))


def factor(
    sizes: tuple[int, ...], statistic: Statistic, shape: Any, gap: float, generator: np.random.Generator
) -> float:
    """The factor for one shape of scores, with targets up to ``gap`` deviations either side of the middle."""
    targets = draw(sizes, shape, gap, SIMULATIONS, generator)
    estimate, variance, freedom = studentise(targets, statistic)
    error = np.abs(estimate - truth(sizes, statistic, shape, gap))
    half = np.sqrt(variance) * student(freedom)
    ratio = np.divide(error, half, out=np.full_like(error, np.inf), where=half > 0)
    return float(np.quantile(ratio, CONFIDENCE, method="higher"))


def draw(
    sizes: tuple[int, ...], shape: Any, gap: float, samples: int, generator: np.random.Generator
) -> list[np.ndarray]:
    """Simulated scores: for each target (samples x seeds)."""
    return [
        place + shape.rvs((samples, size), random_state=generator)
        for place, size in zip(places(sizes, gap), sizes, strict=True)
    ]


def places(sizes: tuple[int, ...], gap: float) -> np.ndarray:
    """Where the targets lie, in standard deviations of a seed."""
    return gap * np.linspace(-1, 1, len(sizes)) if len(sizes) > 1 else np.zeros(1)


@lru_cache(maxsize=512)
def truth(sizes: tuple[int, ...], statistic: Statistic, shape: Any, gap: float) -> float:
    """What the simulated interval should cover, from 20,000 quantiles of each target's scores."""
    middle = places(sizes, gap)
    if statistic == "mean":
        return float(shape.mean() + middle.mean())
    base = shape.ppf((np.arange(20_000) + 0.5) / 20_000)
    pooled = np.concatenate([place + base for place in middle])
    weights = np.repeat(np.asarray(sizes, float), len(base))
    order = np.argsort(pooled)
    level = np.cumsum(weights[order]) / weights.sum()
    inside = (level > TRIM) & (level <= 1 - TRIM)
    return float(np.average(pooled[order][inside], weights=weights[order][inside]))


def proportion_interval(successes: float, n: int) -> Interval:
    """Clopper-Pearson for a share; ``successes`` may hold halves (ties). Never too narrow, also over unequal targets,
    since a sum of unequal Bernoulli variables varies less than the binomial with the same mean (Hoeffding, 1956)."""
    tail = (1 - CONFIDENCE) / 2
    low = float(stats.beta.ppf(tail, successes, n - successes + 1)) if successes > 0 else 0.0
    high = float(stats.beta.ppf(1 - tail, successes + 1, n - successes)) if successes < n else 1.0
    return Interval(successes / n, low, high, n)
