"""Strategy x target tables: mean, 95 % interval and number of seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from .plots.axes import metric_title
from .plots.means import mean_intervals
from .settings import Setting


@dataclass(frozen=True)
class Table:
    """A table to show: texts, and the number behind each (NaN where there is none) to sort by."""

    name: str
    title: str
    caption: str
    texts: pd.DataFrame
    values: pd.DataFrame
    labels: list[str] = field(default_factory=list)
    """The strategy that each row belongs to; empty where rows belong to none."""


def write_comparisons(found: Sequence[Setting], folder: Path, metric: str = "kid") -> list[Table]:
    """One comparison table per setting, written as CSV, Markdown and LaTeX."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = []
    for setting in found:
        table = comparison(setting, metric)
        table.values.to_csv(folder / f"{table.name}.csv", float_format="%.8g", lineterminator="\n")
        (folder / f"{table.name}.md").write_text(_markdown(table), encoding="utf-8")
        (folder / f"{table.name}.tex").write_text(_latex(table), encoding="utf-8")
        tables.append(table)
    return tables


def comparison(setting: Setting, metric: str = "kid") -> Table:
    """Mean of the final ``metric`` per strategy (rows) and target (columns), over the seeds."""
    column = setting.metric(metric)
    rows = setting.rows[setting.rows["status"] == "ok"]
    labels = list(setting.looks())
    values = pd.DataFrame(np.nan, index=pd.Index(labels, name="strategy"), columns=setting.targets)
    texts = pd.DataFrame("–", index=values.index, columns=values.columns, dtype=object)
    if column in rows:
        for row in mean_intervals(rows, ["target", "label"], column).itertuples():
            values.loc[row.label, row.target] = row.mean
            half = f" ± {row.high - row.mean:.2g}" if row.n > 1 else ""
            texts.loc[row.label, row.target] = f"{row.mean:.4g}{half} ({row.n})"
    caption = f"{metric_title(column)}: mean ± 95 % interval (seeds). {setting.title}; {setting.completeness}."
    return Table(setting.named(f"comparison-{metric}"), f"Comparison: {metric.upper()}", caption, texts, values, labels)


def _markdown(table: Table) -> str:
    def line(cells: Sequence[object]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |\n"

    head = line(["strategy", *table.texts.columns]) + "|---" * (len(table.texts.columns) + 1) + "|\n"
    return f"{table.caption}\n\n" + head + "".join(line([label, *row]) for label, row in _rows(table))


def _latex(table: Table) -> str:
    def escape(text: object) -> str:
        special = {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}", "±": r"$\pm$"}
        special |= {"\\": r"\textbackslash{}", "<": r"\textless{}", ">": r"\textgreater{}", "–": "--"}
        special |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
        return "".join(special.get(letter, letter) for letter in str(text))

    def line(cells: Sequence[object]) -> str:
        return " & ".join(escape(cell) for cell in cells) + r" \\" + "\n"

    columns = "l" + "r" * len(table.texts.columns)
    body = "".join(line([label, *row]) for label, row in _rows(table))
    head = line(["strategy", *table.texts.columns])
    return f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{head}\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n"


def _rows(table: Table) -> list[tuple[str, list[str]]]:
    return [(str(label), list(row)) for label, row in zip(table.texts.index, table.texts.to_numpy(), strict=True)]
