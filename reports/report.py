"""The whole report of a store: tables, figures and one page, from rows and curves alone."""

import gc
import logging
import multiprocessing
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from .catalogue import Draw, Pictures, drawings
from .fonts import families
from .ladder import Ladder
from .page import Page, write_page
from .page_data import interactive
from .plots.figure import METADATA, Absent, Plot, save
from .published import published_tables
from .style import theme
from .table import Table
from .tables import WRITERS, all_tables, write_tables

log = logging.getLogger(__name__)

MANY_ROWS = 1000
"""From here on two processes share the work; below, their start would take longer than it saves."""


def write_report(
    rows: pd.DataFrame,
    curves: pd.DataFrame,
    folder: Path,
    *,
    pictures: Pictures | None = None,
    ladders: Mapping[str, dict[str, Ladder]] | None = None,
    environment: Mapping[str, object] | None = None,
    title: str = "graftbench report",
) -> Path:
    """Write ``folder/index.html``, ``folder/tables/`` and ``folder/figures/``; returns the page's path.

    Tables and figures of an earlier report that this one lacks are removed.

    ``ladders`` are the frozen convergence targets by metric column (made from these rows where missing);
    ``environment`` is shown as provenance (its ``packages`` folded). The same rows and pictures give the same bytes.
    """
    folder, rows = Path(folder), rows.reset_index(drop=True)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = list(drawings(rows, curves, pictures or Pictures(), ladders or {}))
    *figures, (tables, written), charts = do_all(
        [
            *(partial(draw_and_save, draw, folder / "figures") for _, draw in wanted),
            partial(make_and_write_tables, rows, curves, ladders, folder / "tables"),
            partial(interactive, rows, curves),
        ],
        processes=2 if len(rows) >= MANY_ROWS else 1,
    )
    page = Page(title, rows, charts, environment or {}, tables=tables)
    for (section, _), (drawn, files) in zip(wanted, figures, strict=True):
        if isinstance(drawn, Absent):
            page.absent.append(drawn)
        else:
            page.figures.append((section, drawn, files))
    _remove_others(folder / "tables", written, WRITERS)
    drawn = [path for _, _, files in page.figures for path in files.values()]
    _remove_others(folder / "figures", drawn, (*METADATA, "csv"))
    path = folder / "index.html"
    write_page(page, path)
    log.info("wrote %s", path)
    return path


def do_all(tasks: Sequence[Callable[[], Any]], processes: int) -> list[Any]:
    """What each of ``tasks`` returns, in their order.

    The same with any number of ``processes``; on a system other than Linux, and on one core, it is always one.
    """
    if processes == 1 or sys.platform != "linux" or os.cpu_count() == 1:
        with _no_garbage_collection():
            return [task() for task in tasks]
    families()  # made here: a forked process would leave its own behind
    forked = multiprocessing.get_context("fork")  # nothing is imported again
    with ProcessPoolExecutor(processes, forked, initializer=gc.disable) as pool:
        return [each.result() for each in [pool.submit(task) for task in tasks]]


def draw_and_save(draw: Draw, folder: Path) -> tuple[Plot | Absent, dict[str, Path]]:
    """The figure without its drawing, and its files by format."""
    with theme():
        drawn = draw()
    if isinstance(drawn, Absent):
        return drawn, {}
    files = save(drawn, folder)
    return replace(drawn, figure=Figure()), files


def make_and_write_tables(
    rows: pd.DataFrame, curves: pd.DataFrame, ladders: Mapping[str, dict[str, Ladder]] | None, folder: Path
) -> tuple[dict[str, list[Table]], list[Path]]:
    """All tables, with what others have published where there are any, and their files."""
    tables = all_tables(rows, curves, ladders)
    if tables:
        tables["published"] = published_tables()
    return tables, write_tables(tables, folder)


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
