"""One self-contained HTML page: interactive curves, tables that sort and filter, every figure with its data.

It loads nothing: scripts, styles, pictures and data are inside, and a content security policy that names its own
scripts by hash keeps everything else from running. All names are escaped by Jinja2.
"""

import base64
import functools
import hashlib
import io
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup
from PIL import Image

from ..bench.files import write_atomically
from .formats import SUFFIX, sort_key
from .page_data import cell_table, facts, failures, packages, provenance, waiting
from .plots.figure import Absent, Plot
from .table import Measured, Table, marked, text

BUDGET = 7_900_000
"""Bytes that the page may have. Where its figures are more, they are shown small; what does not fit even then is linked
beside it, and the page says so."""
LARGEST_SVG = 160_000
"""A larger vector drawing is shown as its PNG."""
SMALL_WIDTH, SMALL_QUALITY = 700, 50
"""Of a grid of pictures as a small WebP, an eighth of its PNG; charts keep their width, or their words would blur."""
LARGEST_CSV = 120_000
GENERATOR = b'<meta name="generator" content="graftbench">'
"""What tells a page of ours from another ``index.html``."""
PLACE = "<!-- figures -->"
"""Where the page's frame has its figures."""


@dataclass
class Page:
    """What a page shows."""

    title: str
    rows: pd.DataFrame
    charts: str
    """What ``interactive`` gives for the rows and their curves."""
    environment: Mapping[str, object]
    figures: list[tuple[str, Plot, dict[str, Path]]] = field(default_factory=list)
    absent: list[Absent] = field(default_factory=list)
    tables: dict[str, list[Table]] = field(default_factory=dict)
    """By subject."""


@dataclass(frozen=True)
class Shown:
    """A figure as the template needs it. ``source`` and ``data`` are data: links, or empty where over budget."""

    plot: Plot
    source: str
    data: str
    files: dict[str, str]
    """Paths relative to the page, by format."""


def write_page(page: Page, path: Path) -> None:
    """Render the page to ``path``; figures' files must lie below its folder."""
    script, style, plotly = _template_text("page.js"), _template_text("page.css"), _plotly()
    tables = page.tables | ({"cells": [cell_table(page.rows)]} if len(page.rows) else {})
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    facts_of_origin = provenance(page.rows, page.environment)
    frame = environment.from_string(_template_text("index.html")).render(
        title=page.title,
        facts=facts(page.rows),
        provenance=facts_of_origin,
        packages=packages(page.environment),
        absent=page.absent,
        tables=tables,
        sections=bool(page.figures),
        failures=failures(page.rows),
        waiting=waiting(page.rows),
        not_run=int((page.rows["status"] == "missing").sum()) if len(page.rows) else 0,
        data=Markup(page.charts),
        style=Markup(style),
        script=Markup(script),
        plotly=Markup(plotly),
        text=text,
        sort_key=sort_key,
        numeric=_numeric_columns,
        marked=marked,
        suffix=SUFFIX,
        policy=_policy(script, plotly),
    )
    figures = functools.partial(
        environment.from_string(_template_text("figures.html")).render, provenance=facts_of_origin
    )
    sections: dict[str, list[Shown]] = {}
    for section, plot, files in page.figures:
        sections.setdefault(section, []).append(_linked(plot, files, path.parent))
    room = BUDGET - len(frame.encode()) - len(figures(sections=sections).encode())
    embed(sections, path.parent, room)
    # The frame, with thousands of cells, is rendered once; every name in it is escaped, so that none can be the place.
    write_atomically(path, frame.replace(PLACE, figures(sections=sections)))


def is_page(path: Path) -> bool:
    """Whether a report's page is there."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return GENERATOR in file.read(500)


def _linked(plot: Plot, files: dict[str, Path], folder: Path) -> Shown:
    return Shown(plot, "", "", {kind: file.relative_to(folder).as_posix() for kind, file in files.items()})


def embed(sections: dict[str, list[Shown]], folder: Path, room: int) -> None:
    """Put pictures, then data, inside the page, one after the other as far as they fit into ``room`` bytes."""
    every = [(group, place) for group in sections.values() for place in range(len(group))]
    shown = [group[place] for group, place in every]
    pictures = [_picture(each, folder) for each in shown]
    for charts in (False, True):  # lines and words are sharper as they are
        if sum(map(len, pictures)) > room:
            chosen = [place for place, each in enumerate(shown) if _is_chart(each, folder) == charts]
            with ThreadPoolExecutor() as pool:  # Pillow computes without the interpreter's lock
                small = pool.map(lambda place: _small_picture(shown[place], folder), chosen)
                for place, picture in zip(chosen, small, strict=True):
                    pictures[place] = min(pictures[place], picture, key=len)
    data = [_data(each, folder) for each in shown]
    for name, links in (("source", pictures), ("data", data)):
        for (group, place), link in zip(every, links, strict=True):
            if len(link) <= room:
                group[place] = replace(group[place], **{name: link})
                room -= len(link)


def _is_chart(each: Shown, folder: Path) -> bool:
    """Whether it is lines and words, not a grid of pictures."""
    return (folder / each.files["svg"]).stat().st_size <= LARGEST_SVG


def _picture(each: Shown, folder: Path) -> str:
    if _is_chart(each, folder):
        return _data_link((folder / each.files["svg"]).read_bytes(), "image/svg+xml")
    return _data_link((folder / each.files["png"]).read_bytes(), "image/png")


def _small_picture(each: Shown, folder: Path) -> str:
    small = io.BytesIO()
    with Image.open(folder / each.files["png"]) as picture:
        if not _is_chart(each, folder):
            picture.thumbnail((SMALL_WIDTH, picture.height))
        picture.convert("RGB").save(small, "WEBP", quality=SMALL_QUALITY)
    return _data_link(small.getvalue(), "image/webp")


def _data(each: Shown, folder: Path) -> str:
    csv = folder / each.files["csv"]
    return _data_link(csv.read_bytes(), "text/csv") if csv.stat().st_size <= LARGEST_CSV else ""


def _numeric_columns(table: Table) -> list[bool]:
    """Which columns hold numbers, with or without an interval behind them, and are set to the right."""
    columns = zip(*table.rows, strict=True)
    found = [all(isinstance(v, Measured) or re.match(r"-?\d|–", text(v)) for v in column) for column in columns]
    return found or [False] * len(table.head)


def _data_link(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _policy(*scripts: str) -> str:
    allowed = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _template_text(name: str) -> str:
    return (resources.files("graftbench.reports") / "templates" / name).read_text(encoding="utf-8")


@functools.cache
def _plotly() -> str:
    """Plotly's bundled script, as the package ships it."""
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()
