"""A plot with everything that belongs to it (caption, alternative text, data), and its files."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from pandas.api.types import is_numeric_dtype

from ...bench.files import write_atomically
from ..formats import safe
from ..style import Look, theme

METADATA: dict[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": "graftbench"},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": "graftbench"},
    "png": {"Software": None},
}
"""No dates and no versions, so that the same rows give the same bytes."""


LONGEST_NAME = 40


@dataclass(frozen=True)
class Plot:
    """One figure of a report."""

    name: str
    """Stem of its files: letters, digits and hyphens."""
    title: str
    caption: str
    alt: str
    """What a reader who cannot see it should know."""
    figure: Figure
    data: pd.DataFrame
    """The numbers that are drawn."""


@dataclass(frozen=True)
class Absent:
    """A figure that these rows cannot give, and why."""

    name: str
    title: str
    reason: str


def save(plot: Plot, folder: Path, formats: tuple[str, ...] = ("svg", "pdf", "png")) -> dict[str, Path]:
    """Write the figure in each format and its data as CSV; returns the paths by format (``csv`` among them).

    Each file whole or not at all: of a full disk matplotlib's PDF writer says nothing but an error of its own.
    """
    files = {}
    with theme():
        for kind in formats:
            files[kind] = folder / f"{plot.name}.{kind}"
            drawn = io.BytesIO()
            plot.figure.savefig(drawn, format=kind, metadata=METADATA[kind])
            write_atomically(files[kind], drawn.getvalue())
    files["csv"] = folder / f"{plot.name}.csv"
    harmless = plot.data.apply(lambda column: column if is_numeric_dtype(column) else column.map(safe))
    write_atomically(files["csv"], harmless.to_csv(index=False, float_format="%.8g", lineterminator="\n"))
    return files


def panels(count: int, width: float = 2.9, height: float = 2.2) -> tuple[Figure, list[Axes]]:
    """A figure with ``count`` panels of ``width`` x ``height`` inches in rows of at most four."""
    columns = min(4, count) if count != 4 else 2
    rows = -(-count // columns)
    figure = Figure(figsize=(max(width * columns, 3.6), height * rows))
    grid = figure.subplots(rows, columns, squeeze=False)
    axes = list(grid.flat)
    for spare in axes[count:]:
        spare.remove()
    return figure, axes[:count]


def arrange(figure: Figure) -> None:
    """Give every panel, title and legend its place, once: a layout engine would do it again for each format."""
    for axes in figure.axes:
        _keep_title_down(axes)
        for axis in (axes.xaxis, axes.yaxis):
            if not axis.get_label_text():
                axis.set_label_coords(0, 0)  # else all ticks are measured for where an empty label would be
    ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.05, rect=(0.01, 0.01, 0.98, 0.98)).execute(figure)


def _keep_title_down(axes: Axes) -> None:
    """Fix the title where it is, unless the axis has a multiplier above it, such as 1e-5, that it must not cover.

    Else every drawing measures all ticks to see whether they stand in its way.
    """
    formatter = axes.yaxis.get_major_formatter()
    formatter.format_ticks(axes.yaxis.get_majorticklocs().tolist())  # settles the multiplier
    if not formatter.get_offset():
        axes.set_title(axes.get_title("left"), y=1.0)


def left_margin(names: Iterable[str]) -> float:
    """Inches that the longest name takes beside a panel."""
    return 0.15 + 0.068 * max((len(plain(name)) for name in names), default=0)


def legend(figure: Figure, looks: dict[str, Look], extra: dict[str, dict] | None = None, lines: bool = True) -> None:
    """One legend below all panels: a line with a marker for each label, then ``extra`` line styles by name."""
    handles = []
    for name, each in looks.items():
        style = each.line_style() if lines else {**each.marker_style(), "linestyle": "none"}
        handles.append(Line2D([], [], label=plain(name), **style))
    handles += [Line2D([], [], label=name, **style) for name, style in (extra or {}).items()]
    widest = max((len(handle.get_label()) for handle in handles), default=1)  # type: ignore[arg-type]
    per_row = max(1, int(figure.get_figwidth() / (0.062 * widest + 0.55)))
    count = min(per_row, len(handles))
    figure.set_figheight(figure.get_figheight() + 0.05 + 0.165 * -(-len(handles) // count))  # panels keep their size
    figure.legend(handles=handles, loc="outside lower center", ncols=count, handlelength=2.8)


def plain(name: str, most: int = LONGEST_NAME) -> str:
    """A name as matplotlib shall show it: a dollar sign starts no formula, and a very long name is cut. Of a path the
    end is kept, which tells it from its neighbours."""
    if len(name) > most:
        name = f"…{name[1 - most :]}" if "/" in name else f"{name[: most - 1]}…"
    return name.replace("$", r"\$")


def heading(name: str) -> str:
    """The same over a panel, which is narrower."""
    return plain(name, 30)
