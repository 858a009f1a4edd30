"""How sure a place in the ranking is: intervals of mean ranks, and the probability of being first."""

import numpy as np
from scipy import stats

from .intervals import Interval, student

FEWEST_BLOCKS = 6
"""With one seed each: being better on all of so many is the fewest that a sign test takes for more than chance."""


def mean_rank_interval(ranks: np.ndarray, strategies: int) -> Interval:
    """Of one strategy's expected rank on a target like these, from its ranks on the blocks (1 is best).

    Student's, with one made-up block one rank away added to the spread: a strategy that was first on three targets of
    three is not certain to be first on the fourth.
    """
    blocks = len(ranks)
    mean = float(ranks.mean())
    if blocks < 2:
        return Interval(mean, None, None, blocks)
    spread = (((ranks - mean) ** 2).sum() + 1) / (blocks - 1)
    half = float(student(blocks - 1) * np.sqrt(spread / blocks))
    return Interval(mean, max(1.0, mean - half), min(float(strategies), mean + half), blocks)


def probability_first(losses: np.ndarray, expected: np.ndarray, resamples: int = 2000, seed: int = 0) -> np.ndarray:
    """Share of resampled experiments in which each strategy has the lowest mean rank (shared places split it).

    Losses are (strategies x blocks x seeds), all there where ``expected`` (blocks x seeds). Blocks are resampled, and
    inside each its seeds, the same for all strategies since runs are paired. One made-up block with the strategies in
    a random order stands among them, as in ``mean_rank_interval``: a strategy that was first on a few blocks would
    else be certain to be first again. Seeded. NaN where there is too little to resample: one seed in each of a few
    blocks, or no score at all.
    """
    generator = np.random.default_rng(seed)
    strategies, blocks, _ = losses.shape
    too_few = expected.sum(1).max() == 1 and blocks < FEWEST_BLOCKS
    if too_few or not np.isfinite(losses[:, expected]).any():
        return np.full(strategies, np.nan)
    ranks = []
    for block in range(blocks):
        present = losses[:, block, expected[block]]
        drawn = generator.integers(present.shape[1], size=(resamples, present.shape[1]))
        ranks.append(stats.rankdata(present[:, drawn].mean(-1).T, axis=1))
    ranks.append(generator.permuted(np.tile(np.arange(1.0, strategies + 1), (resamples, 1)), axis=1))
    table = np.stack(ranks)
    chosen = generator.integers(blocks + 1, size=(resamples, blocks + 1))
    version = generator.integers(resamples, size=(resamples, blocks + 1))
    means = table[chosen, version].mean(1)
    first = np.isclose(means, means.min(1, keepdims=True))
    return (first / first.sum(1, keepdims=True)).mean(0).reshape(strategies)
