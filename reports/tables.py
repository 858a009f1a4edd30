"""Every table of a report: strategy x target, by subject, with intervals, ties, direction and completeness."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

from .aggregates import block_means
from .columns import COLUMNS, Column, Subject, present
from .convergence_tables import Ladders, convergence_tables
from .formats import to_csv, to_html, to_markdown
from .intervals import mean_interval
from .latex import to_latex
from .ranking import rank
from .ranking_tables import neighbours_table, standings_table, table_name
from .scores import Scores, strata, where_scored
from .significance import ALPHA, holm_adjust, rank_blocks
from .table import MARKS, Mark, Measured, Table, Value

SUBJECTS: tuple[Subject, ...] = ("quality", "diversity", "memorisation", "convergence", "throughput")
WRITERS = {"md": to_markdown, "csv": to_csv, "tex": to_latex, "html": to_html}


def all_tables(
    rows: pd.DataFrame, curves: pd.DataFrame | None = None, ladders: Ladders | None = None
) -> dict[str, list[Table]]:
    """By subject, in reading order; a subject that nothing was measured for is left out.

    ``curves`` and the frozen targets of `reports.ladder`, by metric column, add the tables of convergence speed.
    """
    if rows.empty:
        return {}
    found = {"ranking": list(ranking_tables(rows))}
    found |= {subject: list(subject_tables(rows, subject)) for subject in SUBJECTS}
    if curves is not None and ladders:
        found["convergence"] += convergence_tables(rows, curves, ladders)
    found["hyper-parameters"] = list(parameter_tables(rows))
    return _named_apart({subject: tables for subject, tables in found.items() if tables})


def _named_apart(tables: dict[str, list[Table]]) -> dict[str, list[Table]]:
    """The same, numbered where a name was taken: extractors `a+b` and `a-b` have one name, and files are never lost."""
    used: Counter[str] = Counter()

    def numbered(table: Table) -> Table:
        used[table.name] += 1
        return table if used[table.name] == 1 else replace(table, name=f"{table.name}-{used[table.name]}")

    return {subject: [numbered(table) for table in group] for subject, group in tables.items()}


def write_tables(tables: dict[str, list[Table]], folder: Path) -> list[Path]:
    """Write each table as Markdown, CSV, LaTeX and HTML below ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for table in (table for group in tables.values() for table in group):
        for ending, writer in WRITERS.items():
            path = folder / f"{table.name}.{ending}"
            path.write_text(writer(table), encoding="utf-8")
            paths.append(path)
    return paths


def ranking_tables(rows: pd.DataFrame) -> Iterator[Table]:
    """Standings and neighbours by KID, where KID was measured."""
    if not present(rows, "kid") or rows["reference"].astype(bool).all():
        return
    for ranking in rank(rows, "kid"):
        yield standings_table(ranking)
        if ranking.neighbours:
            yield neighbours_table(ranking)


def subject_tables(rows: pd.DataFrame, subject: Subject) -> Iterator[Table]:
    """One table per metric of the subject, extractor and stratum."""
    for name, column in COLUMNS.items():
        for metric in present(rows, name) if column.subject == subject else ():
            for scores in strata(rows, metric):
                if scores.strategies:
                    yield strategy_table(scores)


def strategy_table(scores: Scores, alpha: float = ALPHA) -> Table:
    """Strategies x blocks: mean over seeds with its 95 % interval and n; best and tied-with-best marked per block."""
    column = scores.column
    marks = np.array([block_marks(scores, block, alpha) for block in range(len(scores.blocks))], object).T
    ranked = column.ranked
    order = list(range(len(scores.strategies)))
    ranks = np.zeros(len(order))
    if ranked:
        ranks = rank_blocks(block_means(where_scored(scores)).T).mean(0)
        order.sort(key=lambda index: (ranks[index], scores.strategies[index]))
    body = []
    for index in order:
        cells: list[Value] = [cell(scores, index, block, marks[index, block]) for block in range(len(scores.blocks))]
        body.append((scores.strategies[index], *cells, *([f"{ranks[index]:.2f}"] if ranked else [])))
    references = [
        (
            name,
            *(
                reference_cell(values[block][scores.expected[block]], scores.step)
                for block in range(len(scores.blocks))
            ),
            *([None] if ranked else []),
        )
        for name, values in scores.references.items()
    ]
    title = " ".join(part for part in (column.title, f"({column.unit})" if column.unit else "", column.arrow) if part)
    return Table(
        name=table_name(column.subject, scores.metric, *scores.stratum.values()),
        title=title,
        head=(
            "strategy",
            *(scores.block_name(block) for block in range(len(scores.blocks))),
            *(["mean rank"] if ranked else []),
        ),
        body=tuple(body),
        references=tuple(references),
        notes=tuple(table_notes(scores, column, marks, alpha)),
    )


def cell(scores: Scores, strategy: int, block: int, mark: Mark) -> Measured:
    values = scores.values[strategy, block, scores.expected[block]]
    there = values[~np.isnan(values)]
    if len(there):
        return Measured(mean_interval(there, scores.step), len(values), mark)
    name, which = scores.strategies[strategy], scores.blocks[block]
    reasons = sorted({why for (label, at, _), why in scores.reasons.items() if (label, at) == (name, which)})
    return Measured(None, len(values), "", ", ".join(reasons))


def reference_cell(values: np.ndarray, step: float) -> Measured:
    there = values[~np.isnan(values)]
    return Measured(mean_interval(there, step) if len(there) else None, len(values))


def block_marks(scores: Scores, block: int, alpha: float) -> list[Mark]:
    """One mark per strategy. Best and tied need all seeds of the block: a mean over survivors flatters.

    What equals the best seed by seed is best too.

    A strategy is tied unless its paired differences from the best, seed by seed, are significant (t test, Holm over
    the strategies compared on the block).
    """
    marks: list[Mark] = [""] * len(scores.strategies)
    if not scores.column.ranked:
        return marks
    losses = scores.losses[:, block, scores.expected[block]]
    complete = [index for index in range(len(marks)) if not np.isnan(losses[index]).any()]
    if not complete:
        return marks
    best = min(complete, key=lambda index: (losses[index].mean(), scores.strategies[index]))
    equal = [index for index in complete if np.array_equal(losses[index], losses[best])]
    for index in equal:
        marks[index] = "best"
    others = [index for index in complete if index not in equal]
    if losses.shape[1] < 2:
        for index in others:
            marks[index] = "untestable"
    elif others:
        p = [paired_p(losses[index] - losses[best], scores.step) for index in others]
        for index, adjusted in zip(others, holm_adjust(p), strict=True):
            marks[index] = "worse" if adjusted < alpha else "tied"
    return marks


def paired_p(differences: np.ndarray, step: float = 0.0) -> float:
    """Two-sided p of Student's paired test; equal differences everywhere are certain, none at all is p = 1.

    A score that is counted in steps says no more than that: each of the two adds its rounding, step^2 / 12 (Sheppard),
    to the variance. Without it, one more image in each of three seeds would be certain too.
    """
    if not differences.any():
        return 1.0
    variance = differences.var(ddof=1) + step**2 / 6
    if variance == 0:
        return 0.0
    count = len(differences)
    return float(2 * special.stdtr(count - 1, -abs(differences.mean()) / np.sqrt(variance / count)))


def table_notes(scores: Scores, column: Column, marks: np.ndarray, alpha: float) -> Iterator[str]:
    """What every table states."""
    stratum = ", ".join(f"{name} {value}" for name, value in scores.stratum.items())
    yield f"{scores.metric}: {column.direction}. {stratum}."
    if scores.sizes:
        yield f"Measured on {scores.sizes}."
    if column.name.endswith("fid") and scores.sizes:
        yield "FID of few images is too high, the more so the fewer they are: compare it only at the same numbers."
    if column.subject != "throughput" and scores.stratum.get("protocol") == "literature":
        yield "The literature's protocol: shots are among the images compared with, which flatters copies of them."
    if column.name.startswith("best_") and column.subject == "quality":
        yield (
            "The best checkpoint was chosen on the very images that it is scored with."
            if scores.stratum.get("protocol") == "literature"
            else "Of the checkpoint whose KID to the validation split is lowest, which need not be the lowest here."
        )
        yield "The state before any training is a checkpoint too: the source's own, or a fresh network's."
    if column.name == "peak_memory_mb":
        yield "On a CPU of the cell's whole process, libraries too; on a GPU what was allocated. Evaluation counts."
    if column.better != "none" and not column.ranked:
        yield "An alarm, not a merit: nothing is marked or ranked."
    if scores.clock:
        yield scores.clock
    if scores.taught:
        yield scores.taught
    yield f"Completeness: {scores.completeness}."
    if scores.left_out:
        yield scores.left_out
    if scores.expected.sum(1).max(initial=0) < 2:
        yield "One value each: no interval, and nothing can be told apart."
    else:
        yield "Mean over seeds ± half of its 95 % interval (Student's, widened so that skewed scores are covered too)."
    if scores.step:
        yield f"Counted in steps of {scores.step:.2g}, which intervals and tests allow for."
    if (marks == "best").any():
        others = [words for mark, words in MARKS.items() if (marks == mark).any()]
        if not others:
            others = ["none is tied with it"] if (marks == "worse").any() else ["all are equal there"]
        yield (
            f"Bold: best on the target; {'; '.join(others)} (paired by seed, Holm, {alpha:g}). Strategies that"
            " lack a seed there are not marked, whatever their mean: the missing one might have been bad."
        )
    if column.ranked and scores.missing.any():
        yield scores.unfinished or "A mean rank counts a missing cell as the worst score of its block."


def parameter_tables(rows: pd.DataFrame) -> Iterator[Table]:
    """Which hyper-parameters and augmentation were set for each label; the others have the strategy's defaults."""
    ran = rows[~rows["reference"].astype(bool)] if len(rows) else rows
    if ran.empty:
        return
    lines = ran.groupby(["label", "strategy", "params", "augment"], sort=True).agg(
        targets=("target", "nunique"), cells=("key", "nunique")
    )
    yield Table(
        name="hyper-parameters",
        title="Hyper-parameters that differ from the strategies' defaults",
        head=("strategy", "registered as", "set", "augmentation", "targets", "cells"),
        body=tuple(
            (str(label), str(strategy), settings_text(str(params)), str(augment), int(targets), int(cells))
            for (label, strategy, params, augment), targets, cells in zip(
                lines.index, lines["targets"], lines["cells"], strict=True
            )
        ),
        notes=(
            "Set in the matrix, or chosen on the validation split where the matrix asks for tuning; under the "
            "literature's protocol that split is the very images that are compared with.",
            f"Protocol: {', '.join(sorted(ran['protocol'].astype(str).unique()))}.",
        ),
    )


def settings_text(params: str) -> str:
    """``{"strength": 0.1}`` -> ``strength = 0.1``."""
    return ", ".join(f"{name} = {value}" for name, value in sorted(json.loads(params or "{}").items())) or "defaults"
