"""Which strategy is better, how sure that is, and what this sample could have shown at all.

One ``Ranking`` per stratum (see `reports.strata`): rows of another extractor, protocol, resolution, budget or backbone
are another ranking. Blocks are (source, target, shots); seeds are averaged inside a block and never counted as blocks.
"""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from ..bench.errors import UserError
from .aggregates import block_means, complete_blocks, improvements, imputed, iqm_interval, normalised
from .columns import measured, rankable
from .formats import counted
from .intervals import Interval
from .power import Power, blocks_for_gap, more_seeds, plan_power
from .scores import Scores, strata, where_scored
from .significance import ALPHA, Pair, RankTest, Verdict, rank_blocks, rank_test
from .standing import mean_rank_interval, probability_first

WORST = "missing cells count as the worst"
COMPLETE = "complete blocks only"


@dataclass(frozen=True)
class Standing:
    """One strategy's place, under the rule that missing cells count as the worst."""

    strategy: str
    mean_rank: Interval
    mean_rank_complete: float | None
    """Mean rank over the blocks that lack no cell where others have one; ``None`` if there are none."""
    probability_first: float | None
    """``None`` with one seed on one block: nothing was repeated, so nothing says how sure the place is."""
    iqm: Interval | None
    missing: int


@dataclass(frozen=True)
class Neighbours:
    """Two strategies next to each other in the ranking, and what would separate them."""

    better: str
    worse: str
    verdict: Verdict
    improvement: Interval
    """Probability that the better one beats the other on the same target with the same seed."""
    more_blocks: int | None
    """So many more blocks at the same difference of mean ranks; 0 if separated, ``None`` if no number would do."""
    more_seeds: int | None
    """So many more seeds for the mean difference on these very targets; ``None`` if the sample cannot say."""


@dataclass(frozen=True)
class Ranking:
    """A ranking of strategies by one metric in one stratum. ``standings`` run from best to worst."""

    metric: str
    direction: str
    stratum: dict[str, Any]
    blocks: tuple[str, ...]
    seeds: tuple[int, ...]
    completeness: str
    missing: tuple[str, ...]
    """Each missing cell: strategy, block, seed, why."""
    alpha: float
    scale: str
    """Of the IQM, or why there is none."""
    standings: tuple[Standing, ...]
    neighbours: tuple[Neighbours, ...]
    improvements: dict[Pair, Interval]
    worst: RankTest
    complete: RankTest
    power: Power
    references: dict[str, float | None]
    """Mean score of each reference line over the blocks; shown, never ranked."""
    notes: tuple[str, ...]

    @property
    def order(self) -> tuple[str, ...]:
        return tuple(standing.strategy for standing in self.standings)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; pairs become ``"a | b"``, and where there is no number there is ``None``, never NaN."""
        return plain(asdict(self) | {"power": self.power.to_dict()})


def plain(value: Any) -> Any:
    """JSON's types only: pairs as text, tuples as lists."""
    if isinstance(value, dict):
        return {" | ".join(key) if isinstance(key, tuple) else str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def rank(rows: pd.DataFrame, by: str = "kid", alpha: float = ALPHA) -> list[Ranking]:
    """All rankings by one metric: one per extractor (unless ``by`` names it) and stratum, in a fixed order.

    Raises ``UserError`` for an unknown metric, one without a better end, or rows that hold nothing to rank.
    """
    rankable(by)
    found = [
        rank_scores(scores, alpha)
        for metric in measured(rows, by)
        for scores in strata(rows, metric)
        if scores.strategies
    ]
    if not found:
        raise UserError(f"no strategy to rank by {by}: the rows hold reference lines only, or nothing")
    return found


def rank_scores(scores: Scores, alpha: float = ALPHA) -> Ranking:
    """Rank the strategies of one stratum, on the blocks and seeds that hold any score."""
    asked, scores = scores, where_scored(scores)
    means = block_means(scores)
    whole = complete_blocks(scores)
    worst = rank_test(means.T, scores.strategies, WORST, alpha)
    complete = rank_test(means.T[whole], scores.strategies, COMPLETE, alpha)
    ranks = rank_blocks(means.T)
    first = probability_first(np.where(np.isinf(means)[:, :, None], np.inf, imputed(scores)), scores.expected)
    scaled, scale = normalised(scores)
    standings = tuple(
        sorted(
            (
                Standing(
                    strategy=name,
                    mean_rank=mean_rank_interval(ranks[:, index], len(scores.strategies)),
                    mean_rank_complete=complete.mean_ranks.get(name),
                    probability_first=None if np.isnan(first[index]) else float(first[index]),
                    iqm=None
                    if scaled is None or np.isnan(scores.values[index]).all()
                    else iqm_interval(scaled[index], scores.expected),
                    missing=int(asked.missing[index].sum()),
                )
                for index, name in enumerate(scores.strategies)
            ),
            key=lambda standing: (standing.mean_rank.estimate, standing.strategy),
        )
    )
    better = improvements(scores)
    return Ranking(
        metric=scores.metric,
        direction=scores.column.direction,
        stratum=scores.stratum,
        blocks=tuple(scores.block_name(index) for index in range(len(scores.blocks))),
        seeds=scores.seeds,
        completeness=asked.completeness,
        missing=tuple(describe(asked, place) for place in np.argwhere(asked.missing)),
        alpha=alpha,
        scale=scale,
        standings=standings,
        neighbours=tuple(
            neighbours(scores, a.strategy, b.strategy, worst, better, alpha) for a, b in pairwise(standings)
        ),
        improvements=better,
        worst=worst,
        complete=complete,
        power=plan_power(len(scores.strategies), len(scores.blocks), fewest_seeds(scores), alpha),
        references={name: average(values) for name, values in scores.references.items()},
        notes=tuple(notes(asked, scores, worst, complete, by_target(scores, ranks))),
    )


def describe(scores: Scores, place: np.ndarray) -> str:
    strategy, block, seed = scores.strategies[place[0]], int(place[1]), scores.seeds[place[2]]
    reason = scores.reasons[strategy, scores.blocks[block], seed]
    return f"{strategy} on {scores.block_name(block)}, seed {seed}: {reason}"


def average(values: np.ndarray) -> float | None:
    """Mean over blocks of the mean over seeds, of what is there."""
    means = [row[~np.isnan(row)].mean() for row in values if not np.isnan(row).all()]
    return float(np.mean(means)) if means else None


def neighbours(
    scores: Scores, first: str, second: str, test: RankTest, better: dict[Pair, Interval], alpha: float
) -> Neighbours:
    """What is known about two strategies of which ``first`` has the lower mean rank."""
    key = (first, second) if (first, second) in better else (second, first)
    improvement = better[key]
    if key != (first, second):
        improvement = Interval(
            1 - improvement.estimate,
            None if improvement.high is None else 1 - improvement.high,
            None if improvement.low is None else 1 - improvement.low,
            improvement.n,
        )
    verdict = test.verdicts[key]
    gap = test.mean_ranks[second] - test.mean_ranks[first]
    needed = blocks_for_gap(len(scores.strategies), gap, alpha)
    more_blocks = 0 if verdict == "separated" else None if needed is None else max(1, needed - test.blocks)
    return Neighbours(
        first, second, verdict, improvement, more_blocks, more_seeds(paired_differences(scores, first, second))
    )


def fewest_seeds(scores: Scores) -> int:
    """On any block: as many as an interval has at least."""
    return int(scores.expected.sum(axis=1).min())


def paired_differences(scores: Scores, first: str, second: str) -> list[np.ndarray]:
    """By how much ``first`` is better, seed by seed on each block where both have scores, over its mean score."""
    a, b = (scores.losses[scores.strategies.index(name)] for name in (first, second))
    found = []
    for block in range(len(scores.blocks)):
        there = ~np.isnan(a[block]) & ~np.isnan(b[block])
        if there.any():
            size = float(np.abs(scores.values[:, block][~np.isnan(scores.values[:, block])]).mean())
            found.append((b[block] - a[block])[there] / (size or 1.0))
    return found


def by_target(scores: Scores, ranks: np.ndarray) -> RankTest:
    """The same test with one block a target: ``ranks`` (blocks x strategies) averaged over its numbers of shots.

    Blocks of one target share its images, so that they tend to agree, and a test that takes them as independent finds
    too much.
    """
    names = [f"{source} {target}" for source, target, _ in scores.blocks]
    return rank_test(pd.DataFrame(ranks).groupby(names).mean().to_numpy(), scores.strategies, WORST)


def notes(asked: Scores, scores: Scores, worst: RankTest, complete: RankTest, targets: RankTest) -> list[str]:
    """What a reader must know before trusting the order; ``asked`` holds what has no score at all too, ``targets`` has
    one block a target."""
    stratum = ", ".join(f"{name} {value}" for name, value in scores.stratum.items())
    lines = [asked.unfinished] if asked.unfinished else []
    lines += [
        f"Ranked by {scores.metric} ({scores.column.direction}) among rows with {stratum}; others are ranked apart.",
        f"A block is one (source, target, shots): {len(scores.blocks)}; seeds are averaged inside it.",
        *(sentence for sentence in (scores.left_out, scores.taught) if sentence),
    ]
    empty = [asked.block_name(place) for place, block in enumerate(asked.blocks) if block not in scores.blocks]
    if empty:
        lines.append(f"Not ranked, since no strategy has a score there: {', '.join(empty)}.")
    if targets.blocks < len(scores.blocks):
        p = targets.friedman_p
        said = f"{targets.names[0]} p = {p:.3g}" if p is not None else "no test"
        lines.append(
            f"Only {counted(targets.blocks, 'target')} behind {len(scores.blocks)} blocks (several numbers of shots):"
            " the tests take these as independent, which they are not, and so find too much. With one block a target,"
            f" its shots averaged: {said}."
        )
    lines += [f"{test.rule}: {test.note}" for test in (worst, complete) if test.note]
    if scores.missing.any() and complete.blocks and worst.mean_ranks:
        orders = [sorted(test.mean_ranks, key=lambda name: (test.mean_ranks[name], name)) for test in (worst, complete)]
        agree = "agree" if orders[0] == orders[1] else "do not agree"
        lines.append(f"The two rules for missing cells {agree} on the order.")
    return lines
