"""The whole report of a store: tables, figures and one page, from rows and curves alone."""

import gc
import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from .catalogue import Pictures, drawings
from .ladder import Ladder
from .page import Page, write_page
from .plots.figure import METADATA, Absent, save
from .published import published_tables
from .style import theme
from .tables import WRITERS, all_tables, write_tables

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

    Tables and figures of an earlier report that this one lacks are removed.

    The pictures are PNG files by cell key (see ``Pictures``), ``ladders`` the frozen convergence targets by metric
    column (made from these rows where missing), ``environment`` is shown as provenance (its ``packages`` folded). The
    same rows and pictures give the same bytes.
    """
    folder, rows = Path(folder), rows.reset_index(drop=True)
    folder.mkdir(parents=True, exist_ok=True)
    page = Page(title, rows, curves, environment or {})
    pictures = Pictures(sample_images or {}, real_images or {}, shot_images or {}, interpolation_images or {})
    with _no_garbage_collection():
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
    written = write_tables(page.tables, folder / "tables")
    _remove_others(folder / "tables", written, WRITERS)
    drawn = [path for _, _, files in page.figures for path in files.values()]
    _remove_others(folder / "figures", drawn, (*METADATA, "csv"))
    path = folder / "index.html"
    write_page(page, path)
    log.info("wrote %s", path)
    return path


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Figures are full of cycles and are kept to the report's end; to search them took a tenth of its time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _remove_others(folder: Path, written: Collection[Path], endings: Collection[str]) -> None:
    """What an earlier report left here and this one does not give would be taken for current."""
    for ending in endings:
        for path in set(folder.glob(f"*.{ending}")) - set(written):
            path.unlink()
