"""What the page shows beside its figures: facts, failures, provenance, and the data of its interactive charts."""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from .clock import clock_note
from .plots.axes import metric_title
from .plots.bounds import bounds
from .plots.convergence import curve_means
from .settings import Setting, present, settings
from .table import Table, Value

MOST_CELLS = 3000
"""Rows of the table of all cells; a larger store's table is in its CSV and Parquet files."""
CURVES = ("kid", "fid", "validation_kid", "precision", "recall", "coverage", "vendi")
MOST_CURVE_BYTES = 1_200_000
"""Further metrics' curves are left out of the page, which says so."""
SHOWN = ["target", "shots", "label", "seed", "status", "backbone", "extractor"]
MEASURED = {"kid": "KID ↓", "fid": "FID ↓", "precision": "precision ↑", "recall": "recall ↑"}
COSTS = {"seconds_per_kimg": "s/kimg", "peak_memory_mb": "memory (MB)"}


def facts(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Name and value of what a reader wants to know first."""
    if rows.empty:
        return [("cells", "0")]
    ok = int((rows["status"] == "ok").sum())
    compared = rows[~rows["reference"].astype(bool)]
    left = int((rows["status"] == "missing").sum())
    return [
        ("cells finished", f"{ok} of {len(rows)}"),
        *([("not run yet", str(left))] if left else []),
        ("strategies", str(compared["label"].nunique())),
        ("targets", str(rows["target"].nunique())),
        ("shots", _list(rows["shots"])),
        ("seeds", str(rows["seed"].nunique())),
        ("backbone", _list(rows["backbone"])),
        ("extractor", _list(rows["extractor"])),
    ]


def failures(rows: pd.DataFrame) -> list[dict[str, object]]:
    """Cells that ended without a result, with status and reason."""
    if rows.empty:
        return []
    failed = rows[~rows["status"].isin(["ok", "missing"])].sort_values(["target", "shots", "label", "seed"])
    columns = ["target", "shots", "label", "seed", "status", "reason", "key"]
    return [dict(zip(columns, row, strict=True)) for row in failed[columns].fillna("").itertuples(index=False)]


def waiting(rows: pd.DataFrame) -> list[tuple[str, int, str, str]]:
    """Target, shots, strategy and seeds of the cells that have not been run yet."""
    if rows.empty:
        return []
    left = rows[rows["status"] == "missing"].sort_values("seed").groupby(["target", "shots", "label"], sort=True)
    return [
        (str(target), int(str(shots)), str(label), ", ".join(map(str, part["seed"])))
        for (target, shots, label), part in left
    ]


def provenance(rows: pd.DataFrame, environment: Mapping[str, object]) -> list[tuple[str, str]]:
    """Hash of the cells' specs, digest, commit, hardware …, then what ``environment`` adds."""
    found = [("cells' specs", spec_hash(rows))]
    names = {"commit": "commit", "digest": "source digest", "hardware": "hardware", "device": "device"}
    names |= {"threads": "threads", "precision": "precision", "torch": "torch"}
    found += [(words, _list(rows[name])) for name, words in names.items() if name in rows and len(rows)]
    plain = {str(name): value for name, value in environment.items() if not isinstance(value, Mapping)}
    return found + [(name, str(value)) for name, value in sorted(plain.items()) if name not in names and value != ""]


def packages(environment: Mapping[str, object]) -> list[tuple[str, str]]:
    """Name and version of every package that the environment lists."""
    listed = environment.get("packages", {})
    return (
        [(str(name), str(version)) for name, version in sorted(listed.items())] if isinstance(listed, Mapping) else []
    )


def spec_hash(rows: pd.DataFrame) -> str:
    """Twelve digits that stand for the set of cells: a hash of their keys."""
    keys = sorted(map(str, rows["key"])) if "key" in rows else []
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:12]


def cell_table(rows: pd.DataFrame) -> Table:
    """One row per cell with its headline numbers."""
    ordered = rows.sort_values(["target", "shots", "label", "seed", "key"]).head(MOST_CELLS)
    columns: dict[str, list[Value]] = {}
    for column in SHOWN:
        if column not in ("backbone", "extractor") or rows[column].nunique() > 1:
            kind = int if column in ("shots", "seed") else str
            columns["strategy" if column == "label" else column] = [kind(value) for value in ordered[column]]
    for column, words in MEASURED.items():
        columns[words] = [_number(value) for value in _own(ordered, column)]
    for column, words in COSTS.items():
        columns[words] = [_number(value) for value in ordered.get(column, [None] * len(ordered))]
    left_out = f" The first {MOST_CELLS} of {len(rows)}." if len(rows) > MOST_CELLS else ""
    body = tuple(zip(*columns.values(), strict=True))
    return Table("cells", "All cells", tuple(columns), body, notes=(f"One row per cell, final iteration.{left_out}",))


def _number(value: object) -> float | None:
    number = float("nan") if value is None else float(value)  # type: ignore[arg-type]
    return number if math.isfinite(number) else None


def interactive(rows: pd.DataFrame, curves: pd.DataFrame) -> str:
    """JSON for the page's charts, safe inside a script element."""
    found = settings(rows, curves)
    looks = {label: look for setting in found for label, look in setting.looks(references=False).items()}
    strategies = [
        {
            "label": label,
            "colour": look.colour,
            "dark": look.on_dark,
            "symbol": look.symbol,
            "outline": look.outline(radius=4.5),
            "dash": look.line,
        }
        for label, look in looks.items()
    ]
    charts, left_out, size = [], [], 0
    for metric in CURVES:
        more = [chart for setting in found for chart in _charts(setting, metric)]
        grown = size + len(json.dumps(more))
        if more and size and grown > MOST_CURVE_BYTES:
            left_out.append(metric_title(metric, False))
        else:
            charts, size = charts + more, grown
    content = {"strategies": strategies, "charts": charts, "leftOut": left_out}
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _charts(setting: Setting, metric: str) -> list[dict[str, object]]:
    """One chart per target. Intervals are symmetric, so that half of the width says all."""
    column = setting.metric(metric)
    if not present(setting.curves, [column, "kimg", "seconds"]):
        return []
    means, lines = curve_means(setting, column, "seconds"), bounds(setting, metric)
    means = means.sort_values(["target", "label"], kind="stable", ignore_index=True)
    numbers = {
        "kimg": _digits(means["kimg"]),
        "seconds": _digits(means["x"]),
        "mean": _digits(means["mean"]),
        "half": _digits(means["high"] - means["mean"], 2),
        "n": means["n"].tolist(),
    }
    clock, found = clock_note(setting.rows), dict[str, list[dict[str, Any]]]()
    for (target, label), points in means["kimg"].groupby([means["target"], means["label"]]):
        part = slice(points.index[0], points.index[-1] + 1)
        line = {name: values[part] for name, values in numbers.items()}
        n = line["n"][0] if len(set(line["n"])) == 1 else line["n"]
        found.setdefault(str(target), []).append({"label": label, **line, "n": n})
    charts = []
    for target, series in found.items():
        common = series[0]["kimg"]
        if all(each["kimg"] == common for each in series):
            series = [{name: value for name, value in each.items() if name != "kimg"} for each in series]
        charts.append(
            {
                "setting": setting.title,
                "target": target,
                "metric": metric_title(column),
                "clock": clock,
                "floor": _rounded(lines["floor"][target]),
                "ceiling": _rounded(lines["ceiling"][target]),
                "kimg": common,
                "series": series,
            }
        )
    return charts


def _digits(values: pd.Series, digits: int = 4) -> list[float | None]:
    """Numbers with so many significant digits; None where there is none."""
    return [_rounded(value, digits) for value in values.astype(float).tolist()]


def _rounded(value: float, digits: int = 4) -> float | None:
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def _own(rows: pd.DataFrame, metric: str) -> pd.Series:
    """A metric under each row's own extractor."""
    own = pd.Series(np.nan, index=rows.index)
    for extractor, group in rows.groupby("extractor"):
        if f"{metric}@{extractor}" in rows:
            own[group.index] = group[f"{metric}@{extractor}"].astype(float)
    return own


def _list(values: pd.Series) -> str:
    return ", ".join(sorted({str(value) for value in values.dropna()}, key=lambda word: (len(word), word))) or "unknown"
