"""The benchmark paper: every figure and table that ``figures.yaml`` names, rebuilt from a results bundle."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..bench.errors import UserError, nearest
from ..bench.files import write_atomically
from .bundle import Bundle
from .catalogue import Draw, ImageKind, images, rankings
from .latex import document, escape, to_latex
from .plots.convergence import convergence
from .plots.figure import Absent, Plot, save
from .plots.gain import gain_heatmap
from .plots.shots import shots_quality
from .plots.speed import runtime_ecdf
from .plots.throughput import throughput
from .plots.tradeoffs import diversity_memorisation, pareto, precision_recall
from .settings import settings
from .style import theme
from .table import Table
from .tables import all_tables

SETTINGS: dict[str, Callable[..., Plot | Absent]] = {
    "convergence": convergence,
    "pareto": pareto,
    "throughput": throughput,
    "precision-recall": precision_recall,
    "diversity-memorisation": diversity_memorisation,
}
"""Drawn from one setting."""
FAMILIES: dict[str, Callable[..., Plot | Absent]] = {
    "transfer-gain": gain_heatmap,
    "runtime-ecdf": runtime_ecdf,
    "shots": shots_quality,
}
"""Drawn across numbers of shots."""
RANKINGS = ("critical-difference", "performance-profile")
FILE = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""What a figure's or table's file, and LaTeX, can be named after."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FigureSpec(_Strict):
    """One figure of the paper."""

    name: str = Field(pattern=FILE)
    draw: str
    where: dict[str, str | int | float] = {}
    against: Literal["kimg", "seconds"] | None = None
    """For convergence."""


class TableSpec(_Strict):
    """The tables of one subject, or the one of a metric."""

    name: str = Field(pattern=FILE)
    subject: str
    metric: str | None = None


class Paper(_Strict):
    """The file's content. ``bundle`` is relative to the file."""

    bundle: str
    figures: list[FigureSpec] = []
    tables: list[TableSpec] = []
    images: list[ImageKind] = []


def read_paper(path: Path | None = None) -> tuple[Paper, Path]:
    """The paper's figures and the bundle's folder; without a path, those of the suite's own paper."""
    path = path or Path(str(resources.files("graftbench.reports") / "figures.yaml"))
    try:
        paper = Paper.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise UserError(f"{path}: no list of figures ({' '.join(str(error).split())})") from error
    known = [*SETTINGS, *FAMILIES, *RANKINGS]
    for spec in paper.figures:
        if spec.draw not in known:
            raise UserError(f"{path}: figure {spec.name!r} draws {spec.draw!r}; {nearest(spec.draw, known)}")
        if spec.against and spec.draw != "convergence":
            raise UserError(f"{path}: figure {spec.name!r}: `against` is for convergence, not for {spec.draw}")
    for kind, specs in (("figures", paper.figures), ("tables", paper.tables)):
        names = [spec.name for spec in specs]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise UserError(f"{path}: two {kind} are named {', '.join(twice)}")
    return paper, path.parent / paper.bundle


def rebuild(paper: Paper, bundle: Bundle, folder: Path) -> list[Path]:
    """Write every figure as PDF and CSV, every table as LaTeX, and ``paper.tex`` that shows them all.

    Twice the same bytes. Raises ``UserError`` naming the figures that the bundle cannot give, after making the others.
    """
    written, shown, missing = [], [], []
    for draw in _drawings(paper, bundle):
        with theme():
            drawn = draw()
        if isinstance(drawn, Absent):
            missing.append(f"{drawn.name} ({drawn.reason})")
            continue
        files = save(drawn, folder / "figures", ("pdf",))
        written += files.values()
        shown.append(_figure_tex(drawn))
    for spec, group in _tables(paper, bundle.rows):
        if not group:
            missing.append(f"table {spec.name} (nothing of {spec.metric or spec.subject} was measured)")
            continue
        path = folder / "tables" / f"{spec.name}.tex"
        write_atomically(path, "\n".join(map(to_latex, group)))
        written.append(path)
        shown.append(f"\\input{{tables/{spec.name}}}\n")
    path = folder / "paper.tex"
    write_atomically(path, document("\\clearpage\n".join(shown)))
    if missing:
        raise UserError(f"the bundle cannot give: {'; '.join(missing)}")
    return [*written, path]


def _drawings(paper: Paper, bundle: Bundle) -> Iterator[Draw]:
    for spec in paper.figures:
        yield partial(_named, spec, bundle)
    found = settings(bundle.rows, bundle.curves)
    for kind in paper.images:
        yield from images(kind, found, bundle.pictures)


def _named(spec: FigureSpec, bundle: Bundle) -> Plot | Absent:
    """The figure of a spec under the spec's name."""
    rows = _where(spec, bundle.rows)
    if spec.draw in RANKINGS:
        found = [draw for name, draw in rankings(rows) if name == spec.draw]
    elif spec.draw in FAMILIES:
        families = settings(rows, bundle.curves, across_shots=True)
        ladders: dict[str, Any] = bundle.ladders if spec.draw == "runtime-ecdf" else {}
        extra = [{"targets": ladders[each.metric("kid")]} if each.metric("kid") in ladders else {} for each in families]
        found = [partial(FAMILIES[spec.draw], each, **more) for each, more in zip(families, extra, strict=True)]
    else:
        more = {"against": spec.against} if spec.against else {}
        found = [partial(SETTINGS[spec.draw], each, **more) for each in settings(rows, bundle.curves)]
    if len(found) != 1:
        return Absent(spec.name, spec.name, f"{len(found)} settings fit it; narrow it with `where`")
    return replace(found[0](), name=spec.name)


def _where(spec: FigureSpec, rows: pd.DataFrame) -> pd.DataFrame:
    for column, value in spec.where.items():
        if column not in rows:
            raise UserError(f"figure {spec.name!r}: rows have no column {column!r}; {nearest(column, rows.columns)}")
        rows = rows[rows[column] == value]
    return rows


def _tables(paper: Paper, rows: pd.DataFrame) -> Iterator[tuple[TableSpec, list[Table]]]:
    found = all_tables(rows)
    for spec in paper.tables:
        group = found.get(spec.subject, [])
        if spec.metric:
            group = [table for table in group if table.name.startswith(f"{spec.subject}-{spec.metric}-")]
        yield spec, group


def _figure_tex(plot: Plot) -> str:
    return (
        "\\begin{figure}\\centering\n"
        f"\\includegraphics[width=\\linewidth,height=0.8\\textheight,keepaspectratio]{{figures/{plot.name}.pdf}}\n"
        f"\\caption{{{escape(plot.caption)}}}\n\\end{{figure}}\n"
    )
