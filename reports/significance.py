"""Rank tests over blocks: Friedman, Nemenyi, Holm, the critical difference, and the smallest p each can reach.

The tests come from scipy and scikit-posthocs. Both answer NaN, or a plausible number, to a table with holes, so the
tables here have none: see `reports.ranking` for what becomes of missing cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd
import scikit_posthocs
from scipy import stats

ALPHA = 0.05
Verdict = Literal["separated", "tied", "untestable"]
Pair = tuple[str, str]


@dataclass(frozen=True)
class RankTest:
    """What the blocks say under one rule for missing cells.

    ``mean_ranks`` is empty, and ``note`` says why, where no block is left. ``cliques`` are the largest groups of
    neighbours in rank that Nemenyi's test does not separate (the bars of a critical-difference diagram).
    """

    rule: str
    blocks: int
    mean_ranks: dict[str, float]
    friedman_statistic: float | None
    friedman_p: float | None
    critical_difference: float | None
    nemenyi: dict[Pair, float]
    holm: dict[Pair, float]
    verdicts: dict[Pair, Verdict]
    cliques: tuple[tuple[str, ...], ...]
    note: str = ""

    @property
    def names(self) -> tuple[str, str]:
        """Of the test of all strategies together, and of the one of pairs; two strategies are one pair."""
        return ("Friedman", "Nemenyi") if len(self.mean_ranks) > 2 else ("Wilcoxon", "Wilcoxon")

    @property
    def testable(self) -> bool:
        """Whether any pair at all could have been separated with so many blocks."""
        return bool(self.verdicts) and any(verdict != "untestable" for verdict in self.verdicts.values())


def rank_blocks(losses: np.ndarray) -> np.ndarray:
    """Ranks inside each block, 1 for the lowest loss, ties averaged. (blocks x strategies)."""
    return stats.rankdata(losses, axis=1)


def critical_difference(strategies: int, blocks: int, alpha: float = ALPHA) -> float:
    """Nemenyi's: how far apart two mean ranks must be (Demšar, 2006, section 3.2.2)."""
    quantile = stats.studentized_range.ppf(1 - alpha, strategies, np.inf) / np.sqrt(2)
    return float(quantile * rank_error(strategies, blocks))


def rank_error(strategies: int, blocks: int) -> float:
    """Standard error of the difference of two mean ranks if all strategies are alike."""
    return float(np.sqrt(strategies * (strategies + 1) / (6 * blocks)))


def friedman_floor(strategies: int, blocks: int) -> float:
    """Smallest p that all blocks in perfect agreement would give (two strategies: Wilcoxon's exact test)."""
    if strategies == 2:
        return float(min(1.0, 2.0 ** (1 - blocks)))
    return float(stats.chi2.sf(blocks * (strategies - 1), strategies - 1))


def nemenyi_floor(strategies: int, blocks: int) -> float:
    """Smallest p of any pair: always first against always last."""
    return floor_at(strategies - 1, strategies, blocks)


@lru_cache(maxsize=4096)
def floor_at(apart: int, strategies: int, blocks: int) -> float:
    """Nemenyi's p for two strategies that are ``apart`` places from each other in every block."""
    if strategies == 2:
        return friedman_floor(strategies, blocks)
    gap = apart / rank_error(strategies, blocks)
    return float(stats.studentized_range.sf(gap * np.sqrt(2), strategies, np.inf))


def holm_floor(strategies: int, blocks: int) -> float:
    """The same for Holm's first step over all pairs."""
    if strategies == 2:
        return friedman_floor(strategies, blocks)
    pairs = strategies * (strategies - 1) / 2
    return float(min(1.0, pairs * 2 * stats.norm.sf((strategies - 1) / rank_error(strategies, blocks))))


def rank_test(losses: np.ndarray, strategies: tuple[str, ...], rule: str, alpha: float = ALPHA) -> RankTest:
    """Test a table of block means (blocks x strategies; lower is better; infinite where a strategy never ran)."""
    blocks, count = losses.shape
    if blocks == 0 or count == 0:
        return RankTest(rule, 0, {}, None, None, None, {}, {}, {}, (), "no block is left to rank")
    ranks = rank_blocks(losses)
    mean_ranks = dict(zip(strategies, map(float, ranks.mean(0)), strict=True))
    if count == 1:
        return RankTest(rule, blocks, mean_ranks, None, None, None, {}, {}, {}, (strategies,), "one strategy only")
    pairs = list(combinations(strategies, 2))
    if blocks == 1:
        note = "one block: ranks without a test"
        untestable: dict[Pair, Verdict] = dict.fromkeys(pairs, "untestable")
        ordered = tuple(sorted(strategies, key=lambda name: (mean_ranks[name], name)))
        return RankTest(rule, 1, mean_ranks, None, None, None, {}, {}, untestable, (ordered,), note)
    if count == 2:
        statistic, p = wilcoxon(ranks[:, 0] - ranks[:, 1], losses)
        nemenyi = holm = {pairs[0]: p}
        difference = None
    else:
        statistic, p = friedman(ranks)
        nemenyi = pairwise(scikit_posthocs.posthoc_nemenyi_friedman(ranks), strategies)
        each = pairwise(scikit_posthocs.posthoc_siegel_friedman(ranks), strategies)
        # Adjusted here: statsmodels, which would do it, collects all of Python's garbage first.
        holm = dict(zip(each, holm_adjust(list(each.values())), strict=True))
        difference = critical_difference(count, blocks, alpha)
    verdicts = judge(nemenyi, mean_ranks, blocks, alpha)
    note = "" if nemenyi_floor(count, blocks) < alpha else f"too few blocks: no pair could reach p < {alpha:g}"
    return RankTest(
        rule, blocks, mean_ranks, statistic, p, difference, nemenyi, holm, verdicts, cliques(mean_ranks, verdicts), note
    )


def judge(nemenyi: dict[Pair, float], mean_ranks: dict[str, float], blocks: int, alpha: float) -> dict[Pair, Verdict]:
    """*Tied*: had every block agreed on the order found, the pair would have been separated. *Untestable*: not even."""
    order = sorted(mean_ranks, key=lambda name: (mean_ranks[name], name))
    place = {name: index for index, name in enumerate(order)}

    def verdict(pair: Pair) -> Verdict:
        if nemenyi[pair] < alpha:
            return "separated"
        apart = abs(place[pair[0]] - place[pair[1]])
        return "tied" if floor_at(apart, len(order), blocks) < alpha else "untestable"

    return {pair: verdict(pair) for pair in nemenyi}


def friedman(ranks: np.ndarray) -> tuple[float, float]:
    """Friedman's statistic and p; no difference at all gives 0 and 1 rather than scipy's NaN."""
    if (ranks == ranks[:, :1]).all():
        return 0.0, 1.0
    result = stats.friedmanchisquare(*ranks.T)
    return float(result.statistic), float(result.pvalue)


def wilcoxon(signs: np.ndarray, losses: np.ndarray) -> tuple[float, float]:
    """Signed-rank test of two strategies; a block where one never ran counts with the largest difference."""
    if not signs.any():
        return 0.0, 1.0
    with np.errstate(invalid="ignore"):
        sizes = np.abs(losses[:, 0] - losses[:, 1])
    finite = sizes[np.isfinite(sizes)]
    sizes = np.where(np.isfinite(sizes), sizes, 2 * finite.max() + 1 if len(finite) else 1.0)
    result: Any = stats.wilcoxon(np.sign(signs) * np.where(signs == 0, 0.0, sizes))
    return float(result.statistic), float(result.pvalue)


def pairwise(table: pd.DataFrame, strategies: tuple[str, ...]) -> dict[Pair, float]:
    """The upper triangle of scikit-posthocs' square of p values, by name. Refuses NaN."""
    values = table.to_numpy(dtype=float)
    found = {
        (strategies[i], strategies[j]): min(float(values[i, j]), 1.0)
        for i, j in combinations(range(len(strategies)), 2)
    }
    if not np.isfinite(list(found.values())).all():
        raise ValueError("a pairwise test gave no number")
    return found


def holm_adjust(values: Sequence[float]) -> np.ndarray:
    """Holm's step-down p values (1979), in the order given."""
    p = np.asarray(values, float)
    order = np.argsort(p, kind="stable")
    steps = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    adjusted = np.empty_like(steps)
    adjusted[order] = steps
    return adjusted


def cliques(mean_ranks: dict[str, float], verdicts: dict[Pair, Verdict]) -> tuple[tuple[str, ...], ...]:
    """The largest runs of strategies, in order of rank, of which none is separated from another."""
    order = sorted(mean_ranks, key=lambda name: (mean_ranks[name], name))

    def together(first: int, last: int) -> bool:
        return all(
            verdicts.get((a, b), verdicts.get((b, a))) != "separated"
            for a, b in combinations(order[first : last + 1], 2)
        )

    runs: list[tuple[int, int]] = []
    for first in range(len(order)):
        last = max(end for end in range(first, len(order)) if together(first, end))
        if last > first and not any(a <= first and last <= b for a, b in runs):
            runs.append((first, last))
    return tuple(tuple(order[a : b + 1]) for a, b in runs)
