"""A ranking as tables: the standings, and what would separate neighbours."""

import hashlib

from .ranking import Neighbours, Ranking
from .table import Table, range_text


def table_name(*parts: object) -> str:
    """A name for files and links, no longer than a file's name may be."""
    joined = "-".join(str(part) for part in parts)
    kept = "".join(each if each.isascii() and each.isalnum() else "-" for each in joined.lower())
    name = "-".join(piece for piece in kept.split("-") if piece)
    return name if len(name) <= 200 else f"{name[:180]}-{hashlib.sha256(joined.encode()).hexdigest()[:8]}"


def stratum_words(stratum: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in stratum.items())


def standings_table(ranking: Ranking) -> Table:
    """Strategies from best to worst with mean rank under both rules, P(first), IQM and missing cells."""
    body = tuple(
        (
            standing.strategy,
            range_text(standing.mean_rank),
            None if standing.mean_rank_complete is None else f"{standing.mean_rank_complete:.2f}",
            None if standing.probability_first is None else f"{standing.probability_first:.2f}",
            None if standing.iqm is None else range_text(standing.iqm, 3),
            standing.missing,
        )
        for standing in ranking.standings
    )
    references = tuple((name, None, None, None, None, None) for name in ranking.references)
    return Table(
        name=table_name("ranking", ranking.metric, *ranking.stratum.values()),
        title=f"Ranking by {ranking.metric} ({ranking.direction})",
        head=("strategy", "mean rank", "mean rank, complete blocks", "P(rank 1)", "IQM", "missing"),
        body=body,
        references=references,
        notes=tuple(ranking_notes(ranking)),
    )


def ranking_notes(ranking: Ranking) -> list[str]:
    """Completeness, tests under both rules, power, and where the numbers come from."""
    several = any(standing.mean_rank.low is not None for standing in ranking.standings)
    over_blocks = " with its 95 % interval over blocks" if several else ", without an interval on one block"
    found = [standing.iqm for standing in ranking.standings if standing.iqm is not None]
    seeds = " with its 95 % interval over seeds" if any(each.low is not None for each in found) else ""
    iqm = f"IQM{seeds} on these blocks; scale: {ranking.scale}." if found else f"No IQM: {ranking.scale}."
    lines = [
        *ranking.notes,
        f"Completeness: {ranking.completeness}.",
        f"Mean rank{over_blocks}; missing cells count as the worst score of their block.",
        iqm,
    ]
    for test in (ranking.worst, ranking.complete):
        if test.friedman_p is not None:
            difference = (
                "" if test.critical_difference is None else f", critical difference {test.critical_difference:.2f}"
            )
            lines.append(f"{test.names[0]}, {test.rule} ({test.blocks} blocks): p = {test.friedman_p:.3g}{difference}.")
    tied = [group for group in ranking.worst.cliques if len(group) > 1]
    if tied and ranking.worst.testable:
        lines.append(
            f"Not separated ({ranking.worst.names[1]}): " + "; ".join(" ~ ".join(group) for group in tied) + "."
        )
    return lines + ranking.power.sentences()


def neighbours_table(ranking: Ranking) -> Table:
    """Each pair of neighbours: whether they are separated, tied or untestable, and what more would be needed."""
    return Table(
        name=table_name("neighbours", ranking.metric, *ranking.stratum.values()),
        title=f"What separates neighbours in the ranking by {ranking.metric}",
        head=("better", "worse", "verdict", "P(improvement)", "more blocks", "more seeds"),
        body=tuple(neighbour_row(pair) for pair in ranking.neighbours),
        notes=(
            f"Rows with {stratum_words(ranking.stratum)}.",
            f"Separated: {ranking.worst.names[1]} p < {ranking.alpha:g}. Tied: complete agreement of the blocks on this"
            " order would have separated the pair. Untestable: not even that would.",
            "P(improvement): on the same target with the same seed, with its 95 % interval (ties count half).",
            "More blocks: at the same difference of mean ranks. More seeds: for the mean difference on these very"
            " targets, which is a narrower claim than the ranking's; no number where it goes against the mean ranks."
            " Both take what was seen as true, and then suffice about every other time.",
        ),
    )


def neighbour_row(pair: Neighbours) -> tuple:
    return (
        pair.better,
        pair.worse,
        pair.verdict,
        range_text(pair.improvement),
        "beyond 1000" if pair.more_blocks is None else pair.more_blocks,
        "no number" if pair.more_seeds is None else pair.more_seeds,
    )
