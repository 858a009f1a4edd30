"""What moved between two stores: cells paired by identity and seed, a gate that knows the noise, no mixed hardware."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from ..bench.errors import UserError
from .columns import COLUMNS, Column, column, present, split, step
from .intervals import Interval, mean_interval
from .ranking_tables import table_name
from .significance import ALPHA, holm_adjust
from .strata import BLOCK, MACHINE, SETTINGS, STRATUM
from .table import Table, Value, estimate_text, number, text
from .tables import paired_p

IDENTITY = (*STRATUM, "extractor", *BLOCK, "label", "seed")
"""What makes two cells the same run in two stores. The key is no part of it: it changes with the code."""
Change = Literal["identical", "rounding", "better", "worse", "changed", "no change shown", "one pair, cannot tell"]
SIDES = (".before", ".after")
ROUNDING = 1e-5
"""What a score of images moves by, relative to itself, when another processor adds float32 in another order: those of
fresh networks moved by up to 3.4e-6. Every seed moves alike then, and a paired test would call it certain."""


@dataclass(frozen=True)
class Difference:
    """One strategy on one block: the second store minus the first, over the seeds that both have."""

    label: str
    block: str
    before: float
    after: float
    difference: Interval
    change: Change


def compare(before: pd.DataFrame, after: pd.DataFrame, by: str | None = None) -> list[Table]:
    """Tables of what moved: which cells, then each metric that both stores measured (or ``by`` alone).

    Speeds and memory need the same hardware, device and threads on both sides: asked for by name they raise
    ``UserError`` where these differ; else the first table says why they are left out.
    """
    for name, rows in (("first", before), ("second", after)):
        if rows.empty or not {*IDENTITY, "status"} <= set(rows.columns):
            raise UserError(f"the {name} store holds no cells to compare")
    refusal = machine_refusal(before, after)
    wanted = metrics(before, after, by)
    if by is not None and refusal and needs_machine(column(by)):
        raise UserError(f"{by} cannot be compared: {refusal}")
    kept = [metric for metric in wanted if not (refusal and needs_machine(column(metric)))]
    paired = pair(before, after)
    tables = [cells_table(before, after, paired, refusal if by is None and len(kept) < len(wanted) else "")]
    return tables + [metric_table(paired, metric) for metric in kept]


def needs_machine(found: Column) -> bool:
    return found.subject == "throughput" and found.better != "none"


def metrics(before: pd.DataFrame, after: pd.DataFrame, by: str | None) -> list[str]:
    """The metrics to compare: those with a better end, measured on both sides."""
    names = [by] if by else [name for name, each in COLUMNS.items() if each.better != "none"]
    if by:
        column(by)
    found = [metric for name in names for metric in present(before, name) if metric in after.columns]
    if not found:
        raise UserError(f"no metric{f' {by!r}' if by else ''} was measured in both stores")
    return found


def machine_refusal(before: pd.DataFrame, after: pd.DataFrame) -> str:
    """Why speeds cannot be compared; empty if both stores ran on the same machine."""
    for name in MACHINE:
        known = [sorted(map(text, rows[name].dropna().unique())) if name in rows else [] for rows in (before, after)]
        if not known[0] or not known[1]:
            return f"the {name} is not recorded on both sides"
        if known[0] != known[1] or len(known[0]) > 1:
            differs = "differs" if known[0] != known[1] else "is not one"
            return f"{name} {differs}: {', '.join(known[0])} against {', '.join(known[1])}"
    return ""


def pair(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Cells of both stores side by side, columns with ``.before`` and ``.after``; refuses repeated cells."""
    keys = [*IDENTITY, *(name for name in SETTINGS if name in before and name in after)]
    for name, rows in (("first", before), ("second", after)):
        if (repeated := rows[rows.duplicated(keys)]).shape[0]:
            each = repeated.iloc[0]
            raise UserError(f"the {name} store holds {each['label']!r} on {each['target']!r} twice with one seed")
    paired = before.merge(after, on=keys, how="outer", suffixes=SIDES, indicator=True)
    return paired.sort_values(keys, ignore_index=True)


def one_side(paired: pd.DataFrame, side: str) -> pd.DataFrame:
    """What came from one store under its own names."""
    return paired.rename(columns=lambda name: name.removesuffix(side))


def cells_table(before: pd.DataFrame, after: pd.DataFrame, paired: pd.DataFrame, refusal: str) -> Table:
    """Cells that only one store has, or whose status changed; the notes say what else differs."""
    body: list[tuple[Value, ...]] = []
    for row in paired.to_dict("records"):
        statuses = {"left_only": (row["status.before"], "absent"), "right_only": ("absent", row["status.after"])}
        was, now = statuses.get(row["_merge"], (row["status.before"], row["status.after"]))
        if was != now:
            body.append((row["label"], block_text(row), int(row["seed"]), str(was), str(now)))
    both = int((paired["_merge"] == "both").sum())
    notes = [f"{both} cells are in both stores, {len(before)} in the first, {len(after)} in the second."]
    for name in ("digest", "commit", "torch", *MACHINE):
        known = [sorted(map(text, rows[name].dropna().unique())) if name in rows else [] for rows in (before, after)]
        if known[0] != known[1]:
            notes.append(f"{name}: {', '.join(known[0]) or 'unknown'} -> {', '.join(known[1]) or 'unknown'}")
    if refusal:
        notes.append(f"Speeds and memory are not compared: {refusal}.")
    head = ("strategy", "target", "seed", "before", "after")
    return Table("compare-cells", f"Cells whose status changed: {len(body)}", head, tuple(body), notes=tuple(notes))


def block_text(row: dict) -> str:
    return f"{row['source']} → {row['target']}, {row['shots']} shots"


def differences(paired: pd.DataFrame, metric: str, alpha: float = ALPHA) -> list[Difference]:
    """One per strategy and block that both stores measured; Holm over those that moved by more than rounding."""
    names = [metric + side for side in SIDES]
    good = paired[(paired["_merge"] == "both") & paired[names].notna().all(axis=1)]
    good = good[(good["status.before"] == "ok") & (good["status.after"] == "ok")]
    same = [name for name in (*IDENTITY, *SETTINGS) if name in good and name != "seed"]
    groups = list(good.groupby(same, sort=True, dropna=False))
    sides = [tuple(group[name].to_numpy(float) for name in names) for _, group in groups]
    shifts = [after - before for before, after in sides]
    rounding = ROUNDING if split(metric)[1] else 0
    moved = [not np.allclose(after, before, rtol=rounding, atol=0) for before, after in sides]
    testable = [index for index, shift in enumerate(shifts) if len(shift) > 1 and moved[index]]
    coarse = max(step(metric, one_side(good, side)) for side in SIDES)
    adjusted = dict(zip(testable, holm_adjust([paired_p(shifts[index], coarse) for index in testable]), strict=True))
    found = []
    for index, ((_, group), shift) in enumerate(zip(groups, shifts, strict=True)):
        first = group.iloc[0].to_dict()
        was, now = (float(group[name].mean()) for name in names)
        change = judge(shift, moved[index], adjusted.get(index), column(metric), alpha)
        found.append(
            Difference(str(first["label"]), block_text(first), was, now, mean_interval(shift, 2**0.5 * coarse), change)
        )
    return found


def judge(shift: np.ndarray, moved: bool, adjusted: float | None, found: Column, alpha: float) -> Change:
    """What the paired differences say, given whether they exceed rounding and their adjusted p."""
    if not moved:
        return "rounding" if shift.any() else "identical"
    if adjusted is None:
        return "one pair, cannot tell"
    if adjusted >= alpha:
        return "no change shown"
    if found.better == "none":
        return "changed"
    return "better" if (shift.mean() < 0) == (found.better == "lower") else "worse"


def metric_table(paired: pd.DataFrame, metric: str) -> Table:
    """One line per strategy and block, in the order of names."""
    found = column(metric)
    moved = differences(paired, metric)
    counts = dict.fromkeys(("better", "worse", "identical", "rounding"), 0) | Counter(each.change for each in moved)
    return Table(
        name=table_name("compare", metric),
        title=f"{found.title} {found.arrow}: " + ", ".join(f"{count} {change}" for change, count in counts.items()),
        head=("strategy", "target", "before", "after", "after − before", "n", "change"),
        body=tuple(
            (
                each.label,
                each.block,
                number(each.before),
                number(each.after),
                estimate_text(each.difference),
                each.difference.n,
                each.change,
            )
            for each in moved
        ),
        notes=(
            f"{metric}: {found.direction}; cells paired by identity and seed, only where both ended ok.",
            "Difference with its 95 % interval; better or worse by the paired t test (Holm over those that moved by"
            f" more than rounding, {ROUNDING:g} of an image metric; {ALPHA:g})"
            f"{'; it is a count, whose steps the test allows for' if found.counts else ''}.",
        ),
    )
