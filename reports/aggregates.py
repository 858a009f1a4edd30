"""Scores over targets: a common scale, the interquartile mean, performance profiles, probability of improvement.

The estimands are those of Agarwal et al. (NeurIPS 2021). Everything is stratified by target and paired by seed. A
missing cell counts as the worst score seen on its block, so that a strategy cannot win by failing where it is bad.
"""

from itertools import combinations

import numpy as np

from .intervals import Interval, proportion_interval, stratified_interval
from .scores import Scores
from .significance import Pair


def imputed(scores: Scores) -> np.ndarray:
    """Losses (strategies x blocks x seeds) with each missing cell at the worst loss of its block; NaN where nothing is
    expected, infinite where a block holds no score at all."""
    losses = scores.losses.copy()
    with np.errstate(invalid="ignore"):
        worst = np.where(np.isnan(losses), -np.inf, losses).max(axis=(0, 2))
    worst = np.where(np.isfinite(worst), worst, np.inf)
    return np.where(scores.missing, worst[None, :, None], losses)


def block_means(scores: Scores) -> np.ndarray:
    """Mean imputed loss over seeds (strategies x blocks); infinite where a strategy has no score on the block, so
    that it takes the last rank there."""
    means = np.nanmean(np.where(scores.expected[None], imputed(scores), np.nan), axis=2)
    nothing = np.isnan(scores.values).all(axis=2)
    return np.where(nothing, np.inf, means)


def complete_blocks(scores: Scores) -> np.ndarray:
    """Which blocks lack no cell of any strategy."""
    return np.asarray(~scores.missing.any(axis=(0, 2)))


def normalised(scores: Scores) -> tuple[np.ndarray | None, str]:
    """Scores on one scale for all blocks, higher is better, missing cells imputed; and what the scale is.

    KID and FID: 0 is the unadapted source, 1 the real-vs-real floor. Metrics between 0 and 1 are their own scale.
    ``None``, with the reason, where there is neither.
    """
    values = -imputed(scores)
    if scores.column.better == "higher" and scores.column.low == 0 and scores.column.high == 1:
        return usable(values, "the metric itself, between 0 and 1")
    if scores.column.better != "lower":
        return None, f"{scores.column.title} has no common scale over targets"
    if np.isnan(scores.floor).all():
        return None, f"{scores.column.title} has no real-vs-real floor"
    if "source-only" not in scores.references:
        return None, "no source-only cells, which would give the zero of the scale"
    with np.errstate(invalid="ignore"):
        found = ~np.isnan(scores.references["source-only"])
        source = np.where(found, scores.references["source-only"], 0).sum(1) / np.maximum(found.sum(1), 1)
    if not found.any(1).all() or np.isnan(scores.floor).any():
        return None, "the source-only score or the real-vs-real floor is missing on some block"
    span = source - scores.floor
    if (span <= 0).any():
        return None, "on some block the unadapted source is no worse than the real-vs-real floor"
    scaled = (source[None, :, None] + values) / span[None, :, None]
    return usable(scaled, "0 = unadapted source, 1 = real-vs-real floor")


def usable(values: np.ndarray, scale: str) -> tuple[np.ndarray | None, str]:
    """Refuse values that hold an infinity: a block without any score."""
    return (None, "some block holds no score at all") if np.isinf(values).any() else (values, scale)


def iqm_interval(values: np.ndarray, expected: np.ndarray) -> Interval:
    """IQM over blocks and seeds of one strategy's normalised scores (blocks x seeds)."""
    return stratified_interval([row[there] for row, there in zip(values, expected, strict=True)], "iqm")


def performance_profile(
    values: np.ndarray, expected: np.ndarray, thresholds: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Share of one strategy's runs (blocks x seeds, higher is better) above each threshold, with its interval.

    Returns share, low, high; pointwise Clopper-Pearson. Every block weighs the same if it has as many seeds.
    """
    runs = values[expected]
    points = [proportion_interval(float((runs > threshold).sum()), len(runs)) for threshold in thresholds]
    return (
        np.array([point.estimate for point in points]),
        np.array([point.low for point in points], float),
        np.array([point.high for point in points], float),
    )


def probability_of_improvement(first: np.ndarray, second: np.ndarray, expected: np.ndarray) -> Interval:
    """P(first is better than second) on the same block and seed; losses (blocks x seeds), ties count half."""
    a, b = first[expected], second[expected]
    return proportion_interval(float((a < b).sum() + 0.5 * (a == b).sum()), len(a))


def improvements(scores: Scores) -> dict[Pair, Interval]:
    """The same for all pairs; a missing cell loses against a present one and ties with another missing one."""
    losses = np.where(scores.missing, np.inf, scores.losses)
    return {
        (scores.strategies[i], scores.strategies[j]): probability_of_improvement(losses[i], losses[j], scores.expected)
        for i, j in combinations(range(len(scores.strategies)), 2)
    }
