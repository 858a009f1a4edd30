"""Rows -> scores by strategy, block and seed, with what is missing kept visible."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ..bench.errors import UserError
from .clock import clock_note, once_per_strategy
from .columns import Column, column, split, step
from .strata import BLOCK, strata_of, stratum_columns

NEEDED = (*BLOCK, "label", "seed", "extractor", "reference", "status")
"""Columns without which a table cannot be scored."""
Block = tuple[str, str, int]

NOT_YET = "not run yet"
"""Why a cell has no score that the store knows of and that has not ended: it may wait, run, or have been stopped."""


@dataclass(frozen=True)
class Scores:
    """One metric in one stratum.

    ``values[i, b, s]`` is the score of ``strategies[i]`` on ``blocks[b]`` with ``seeds[s]``, NaN where ``missing``;
    ``expected[b, s]`` says whether any strategy of the stratum was run on that block with that seed: only there
    can a cell be missing. ``references`` has the same shape of values for the reference lines, which are never ranked.
    """

    metric: str
    stratum: dict[str, object]
    strategies: tuple[str, ...]
    blocks: tuple[Block, ...]
    seeds: tuple[int, ...]
    values: np.ndarray
    expected: np.ndarray
    reasons: dict[tuple[str, Block, int], str]
    references: dict[str, np.ndarray]
    floor: np.ndarray
    clock: str = ""
    """Where the seconds come from, in words; empty for what is not in seconds."""
    taught: str = ""
    """A sentence on reference lines that were trained by the network which the metric looks through, if there are."""
    left_out: str = ""
    """A sentence on seeds that some strategies were run with and others not, if there are: see ``on_shared_seeds``."""
    sizes: str = ""
    """How many real and generated images the metric saw, in words."""
    step: float = 0.0
    """Smallest difference that a counted metric can show; 0 for what is no count."""

    @property
    def column(self) -> Column:
        return column(self.metric)

    @property
    def missing(self) -> np.ndarray:
        """Boolean, like ``values``: expected, but failed, not measured or never run."""
        return self.expected[None] & np.isnan(self.values)

    @property
    def completeness(self) -> str:
        """In words, as every table prints it."""
        total = int(self.expected.sum()) * len(self.strategies)
        lost = int(self.missing.sum())
        kinds = Counter(why for (_, block, _), why in self.reasons.items() if block in self.blocks)
        why = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        return f"{total - lost} of {total} cells" + (" (complete)" if not lost else f", {lost} missing ({why})")

    @property
    def unfinished(self) -> str:
        """A sentence where cells have not been run yet; empty where all have ended, well or not."""
        waiting = [label for (label, block, _), why in self.reasons.items() if why == NOT_YET and block in self.blocks]
        if not waiting:
            return ""
        share = int(self.expected.sum())
        none = [label for label, count in sorted(Counter(waiting).items()) if count == share]
        never = f"; of {', '.join(none)} none has" if none else ""
        return (
            f"Preliminary: {len(waiting)} of {share * len(self.strategies)} cells have not been run yet{never}. Where "
            "others have a score they count like failed ones, as the worst of their block, so that a place far down "
            "may only mean that."
        )

    @property
    def losses(self) -> np.ndarray:
        """``values`` turned so that lower is better."""
        return -self.values if self.column.better == "higher" else self.values

    def block_name(self, index: int) -> str:
        return block_name(self.blocks[index], self.blocks)


def where_scored(scores: Scores) -> Scores:
    """Without the blocks, and the seeds inside them, that hold no score of any strategy: such a place, not run yet or
    failed by all, says nothing about an order, and filled up it would pass for data."""
    there = np.asarray(~np.isnan(scores.values).all(axis=0))
    some = np.asarray(there.any(axis=1))
    if not some.any():
        return scores
    return replace(
        scores,
        blocks=tuple(block for block, kept in zip(scores.blocks, some, strict=True) if kept),
        values=scores.values[:, some],
        expected=(scores.expected & there)[some],
        references={name: values[some] for name, values in scores.references.items()},
        floor=scores.floor[some],
    )


def block_name(block: Block, blocks: Collection[Block]) -> str:
    """The shortest name that tells a block from the others."""
    varying = [len({each[axis] for each in blocks}) > 1 for axis in range(3)]
    source, target, shots = block
    name = f"{source} → {target}" if varying[0] else target
    return f"{name}, {shots} shots" if varying[2] else name


def strata(rows: pd.DataFrame, metric: str) -> Iterator[Scores]:
    """One ``Scores`` for each stratum of ``rows``, in a fixed order; ``metric`` names its extractor."""
    rows = relevant(rows, metric)
    for stratum, group in strata_of(rows, stratum_columns(metric)):
        yield scores(group, metric, stratum)


def sample_sizes(rows: pd.DataFrame, metric: str) -> str:
    """``500 real and 1000 generated images``, or the range; empty for what is no image metric."""
    if not split(metric)[1] or not {"n_real", "n_fake"} <= set(rows.columns):
        return ""
    real = {"references": [("n_real", "real")], "shots": [("shots", "training")], "nothing": []}
    texts = []
    for name, kind in (*real[column(metric).against], ("n_fake", "generated")):
        found = rows[name].dropna()
        if found.empty:
            return ""
        low, high = int(found.min()), int(found.max())
        texts.append(f"{low if low == high else f'{low} to {high}'} {kind}")
    return " and ".join(texts) + " images"


def taught_by_the_judge(lines: pd.DataFrame) -> str:
    """A sentence if some of the reference ``lines`` were trained by the network that measures them."""
    if "taught_by" not in lines or not (taught := lines[lines["taught_by"] != ""]).size:
        return ""
    names = ", ".join(sorted(taught["label"].unique()))
    networks = ", ".join(sorted(taught["taught_by"].unique()))
    return (
        f"Not ranked: {names}, whose discriminator is made of {networks}, the network that measures here; it was "
        "trained to please this very judge. An extractor of another network ranks it."
    )


def relevant(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows that could hold ``metric``: those measured with its extractor, failed ones included.

    Raises ``UserError`` where no row holds it, or the table is none of a store's cells."""
    if metric not in rows.columns:
        raise UserError(f"no row holds the metric {metric!r}")
    if lacking := [name for name in NEEDED if name not in rows.columns]:
        raise UserError(f"the rows lack {', '.join(lacking)}; `graftbench rows STORE --out FILE` writes whole ones")
    if empty := [name for name in NEEDED if rows[name].isna().any()]:
        raise UserError(f"some rows have no {', '.join(empty)}; `graftbench rows STORE --out FILE` writes whole ones")
    for name in ("shots", "seed", metric):
        try:
            pd.to_numeric(rows[name])
        except (ValueError, TypeError) as error:
            raise UserError(f"the rows have a {name} that is no number ({error})") from error
    _, extractor = split(metric)
    return rows[rows["extractor"] == extractor] if extractor else rows


def scores(rows: pd.DataFrame, metric: str, stratum: dict[str, object]) -> Scores:
    """Put the rows of one stratum into arrays. Raises ``UserError`` where two rows claim the same place."""
    timed = column(metric).unit in ("s", "s/kimg") and metric != "tuning_seconds"
    if timed:
        rows = once_per_strategy(rows, metric)
    rows = rows.assign(block=pd.Series(list(zip(*(rows[name] for name in BLOCK), strict=True)), rows.index, object))
    refuse_duplicates(rows, stratum)
    rows, left_out = on_shared_seeds(rows)
    ranked = rows[~rows["reference"].astype(bool)]
    lines = rows[rows["reference"].astype(bool)]
    strategies = tuple(sorted(ranked["label"].unique()))
    blocks = tuple(sorted(ranked["block"].unique()))
    seeds = tuple(sorted(int(seed) for seed in ranked["seed"].unique()))
    place = {block: index for index, block in enumerate(blocks)}, {seed: index for index, seed in enumerate(seeds)}
    expected = np.zeros((len(blocks), len(seeds)), bool)
    for block, seed in zip(ranked["block"], ranked["seed"], strict=True):
        expected[place[0][block], place[1][int(seed)]] = True
    values, reasons = {}, {}
    by_label = {str(label): group for label, group in ranked.groupby("label")}
    for label in strategies:
        values[label], found = array(by_label[label], metric, place, expected)
        reasons |= {(label, blocks[b], seeds[s]): reason for (b, s), reason in found.items()}
    references = {
        str(label): array(lines[lines["label"] == label], metric, place, expected)[0]
        for label in sorted(lines["label"].unique())
    }
    floor_column = "floor_" + metric
    floors = rows.groupby("block")[floor_column].mean() if floor_column in rows.columns else pd.Series(dtype=float)
    return Scores(
        metric=metric,
        stratum={name: value.item() if isinstance(value, np.generic) else value for name, value in stratum.items()},
        strategies=strategies,
        blocks=blocks,
        seeds=seeds,
        values=np.stack([values[label] for label in strategies]) if strategies else np.zeros((0, 0, 0)),
        expected=expected,
        reasons=reasons,
        references=references,
        left_out=left_out,
        sizes=sample_sizes(rows, metric),
        step=step(metric, rows),
        taught=taught_by_the_judge(lines) if split(metric)[1] else "",
        clock=clock_note(rows) if timed else "",
        floor=np.array([floors.get(block, np.nan) for block in blocks], dtype=float),
    )


def on_shared_seeds(rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rows of seeds that every ranked strategy was run with, on any target, and a sentence on what that leaves out.

    Seeds are paired: a mean over easier ones would win, and a seed that a strategy was never asked for is no failure
    of it. Where no seed is shared, all rows stay.
    """
    ranked = rows[~rows["reference"].astype(bool)]
    own = {str(label): set(seeds.astype(int)) for label, seeds in ranked.groupby("label")["seed"]}
    shared = set.intersection(*own.values()) if own else set()
    more = {label: sorted(seeds - shared) for label, seeds in own.items() if seeds - shared}
    if not more or not shared:
        return rows, ""
    others = "; ".join(f"{label}: {', '.join(map(str, seeds))}" for label, seeds in sorted(more.items()))
    these = ", ".join(map(str, sorted(shared)))
    return rows[rows["seed"].astype(int).isin(shared)], (
        f"Compared on the seeds that all strategies were run with ({these}), since seeds are paired. Left out are the "
        f"seeds that others lack ({others}): run those too, or leave out who lacks them."
    )


def array(
    rows: pd.DataFrame, metric: str, place: tuple[dict, dict], expected: np.ndarray
) -> tuple[np.ndarray, dict[tuple[int, int], str]]:
    """The scores of one strategy, blocks x seeds, NaN where there is none, and why for each expected place."""
    values = np.full(expected.shape, np.nan)
    reasons = {(int(b), int(s)): "never run" for b, s in np.argwhere(expected)}
    for block, seed, status, value in zip(rows["block"], rows["seed"], rows["status"], rows[metric], strict=True):
        if block not in place[0] or int(seed) not in place[1]:
            continue
        where = place[0][block], place[1][int(seed)]
        if status != "ok":
            reasons[where] = NOT_YET if status == "missing" else str(status)
        elif pd.isna(value) or not np.isfinite(value):
            reasons[where] = "not measured"
        else:
            values[where] = value
            reasons.pop(where, None)
    return values, reasons


def refuse_duplicates(rows: pd.DataFrame, stratum: dict[str, object]) -> None:
    """Two rows for one strategy, block and seed would be averaged silently; say what tells them apart instead."""
    repeated = rows[rows.duplicated(["label", "block", "seed"], keep=False)]
    if repeated.empty:
        return
    first = repeated.iloc[0]
    same = repeated[
        (repeated["label"] == first["label"])
        & (repeated["block"] == first["block"])
        & (repeated["seed"] == first["seed"])
    ]
    differing = [
        name
        for name in ("params", "augment", "data", "digest", "hardware", "torch", "commit")
        if name in same and same[name].nunique() > 1
    ]
    raise UserError(
        f"{len(same)} rows for strategy {first['label']!r} on {first['target']!r} with seed {first['seed']}"
        f" (they differ in {', '.join(differing) or 'nothing that is named'}): give them different labels or drop one"
    )
