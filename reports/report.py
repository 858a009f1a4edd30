"""The whole report of a store: tables, figures and one page, from rows and curves alone."""

import logging
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from .catalogue import Pictures, drawings
from .ladder import Ladder
from .page import Page, write_page
from .plots.figure import Absent, save
from .published import published_tables
from .style import theme
from .tables import all_tables, write_tables

log = logging.getLogger(__name__)


def write_report(
    rows: pd.DataFrame,
    curves: pd.DataFrame,
    folder: Path,
    *,
    sample_images: Mapping[str, Path] | None = None,
    real_images: Mapping[str, Path] | None = None,
    shot_images: Mapping[str, Path] | None = None,
    interpolation_images: Mapping[str, Path] | None = None,
    ladders: Mapping[str, dict[str, Ladder]] | None = None,
    environment: Mapping[str, object] | None = None,
    title: str = "graftbench report",
) -> Path:
    """Write ``folder/index.html``, ``folder/tables/`` and ``folder/figures/``; returns the page's path.

    The pictures are PNG files by cell key (see ``Pictures``), ``ladders`` the frozen convergence targets by metric
    column (made from these rows where missing), ``environment`` is shown as provenance (its ``packages`` folded). The
    same rows and pictures give the same bytes.
    """
    folder, rows = Path(folder), rows.reset_index(drop=True)
    folder.mkdir(parents=True, exist_ok=True)
    page = Page(title, rows, curves, environment or {})
    pictures = Pictures(sample_images or {}, real_images or {}, shot_images or {}, interpolation_images or {})
    for section, draw in drawings(rows, curves, pictures, ladders or {}):
        with theme():
            drawn = draw()
        if isinstance(drawn, Absent):
            page.absent.append(drawn)
        else:
            page.figures.append((section, drawn, save(drawn, folder / "figures")))
    page.tables = all_tables(rows, curves, ladders)
    if page.tables:
        page.tables["published"] = published_tables()
    write_tables(page.tables, folder / "tables")
    path = folder / "index.html"
    write_page(page, path)
    log.info("wrote %s", path)
    return path
