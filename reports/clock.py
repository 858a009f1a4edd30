"""Which clock the reported seconds come from: an exclusive measurement of the machine, or each cell's own.

Cells may run side by side and slow each other down. Where ``graftbench throughput`` has measured every strategy that is
compared, alone on the same machine and in the same setting, reported seconds are kimg times its seconds per kimg.
"""

from collections.abc import Iterable

import pandas as pd

EXCLUSIVE, OWN = "exclusive", "own"
COMPARED = ("backbone", "resolution", "width", "batch", "precision", "compile")
"""Rows that share these get one clock: of two, each would tell of another thing than the other."""
MEASURED_ON = ("hardware", "device", "threads", "torch")
WORDS = {
    EXCLUSIVE: "Seconds are kimg times the seconds per kimg of one exclusive measurement of the strategy on the same "
    "hardware; those that do the same work differ by its noise.",
    OWN: "Seconds are each cell's own training clock; other cells may have run beside it.",
}


def with_exclusive_clock(
    rows: pd.DataFrame, curves: pd.DataFrame, speeds: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows with the column ``clock``, and rows and curves with the seconds of that clock.

    ``speeds`` has ``seconds_per_kimg`` by strategy, `COMPARED` and `MEASURED_ON`; of equal ones the last counts. A
    group keeps its cells' own clock unless each of its strategies was measured as it ran: cells with
    hyper-parameters, augmentation or optimiser settings of their own were not.
    """
    rows = rows.assign(clock=OWN)
    placed = rows if "compile" in rows else rows.assign(compile=False)
    known = {*COMPARED, *MEASURED_ON, "train_seconds", "seconds_per_kimg"} <= set(placed.columns)
    if speeds.empty or not known:
        return rows, curves
    matching = ["strategy", *COMPARED, *MEASURED_ON]
    speeds = speeds.drop_duplicates(matching, keep="last")[[*matching, "seconds_per_kimg"]]
    found = []
    for _, group in placed.groupby(list(COMPARED)):
        ran = group[~group["reference"].astype(bool)]
        joined = (
            with_machine(ran, MEASURED_ON)[["key", *matching]]
            .merge(speeds, on=matching, how="left")
            .set_index("key")["seconds_per_kimg"]
        )
        if len(ran) and joined.notna().all() and _as_measured(ran).all():
            found.append(joined)
    if not found:
        return rows, curves
    speed = pd.concat(found)
    return _reclocked(rows, curves, speed)


def once_per_strategy(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """One row for each strategy where ``column`` is in seconds of an exclusive measurement; else ``rows`` as they are.

    Its one number was copied to all cells of the strategy, whatever their target and seed, which are no repetitions of
    it. Reference lines, whose seconds are their own clock's, are left out.
    """
    ran = rows[~rows["reference"].astype(bool)]
    if "clock" not in rows or set(ran["clock"]) != {EXCLUSIVE} or ran.groupby("label")[column].nunique().max() > 1:
        return rows  # of several measurements, as of two versions of torch, none stands for all
    measured = (ran["status"] == "ok") & ran[column].notna()
    first = pd.concat([ran[measured], ran[~measured]]).drop_duplicates("label")
    return first.assign(source="", target="all targets", shots=0, seed=0)


def clock_note(rows: pd.DataFrame) -> str:
    """For captions: which clock the seconds of these rows come from."""
    ran = rows[~rows["reference"].astype(bool)]
    kinds = sorted(set(ran["clock"])) if "clock" in ran else [OWN]
    return " Or: ".join(WORDS[kind] for kind in kinds)


def with_machine(rows: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """Cells that died before they could say where they ran belong to the machine of all others, if it is one.

    ``names`` are the columns that say which machine it was.
    """
    known = {name: rows[name].dropna().unique() for name in names}
    return rows.assign(**{name: rows[name].fillna(found[0]) for name, found in known.items() if len(found) == 1})


def _as_measured(rows: pd.DataFrame) -> pd.Series:
    """Whether a row's strategy ran as it is registered, which is what is measured."""
    plain = (rows["augment"] == "none") & (rows["params"] == "{}")
    if "optimisation" in rows:
        plain &= rows["optimisation"] == "{}"
    return plain


def _reclocked(rows: pd.DataFrame, curves: pd.DataFrame, speed: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
    """With the seconds of ``speed`` (seconds per kimg by key) for the keys that it holds."""
    per_kimg = curves["key"].map(speed)
    curves = curves.assign(seconds=(curves["kimg"] * per_kimg).where(per_kimg.notna(), curves["seconds"]))
    mine = rows["key"].isin(speed.index)
    ended = mine & rows["train_seconds"].notna()
    rows = rows.assign(clock=rows["clock"].mask(mine, EXCLUSIVE))
    last = rows["key"].map(curves.groupby("key")["seconds"].max())
    rows["train_seconds"] = rows["train_seconds"].mask(ended, last)
    rows["seconds_per_kimg"] = rows["seconds_per_kimg"].mask(ended, rows["key"].map(speed))
    return rows, curves
