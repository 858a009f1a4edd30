"""The whole report of a store: tables, figures and one page, from rows and curves alone."""

import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pandas as pd

from .comparison import write_comparisons
from .page import Page, write_page
from .plots.convergence import convergence
from .plots.figure import Absent, Plot, save
from .plots.samples import samples
from .plots.throughput import throughput
from .settings import settings
from .style import theme

log = logging.getLogger(__name__)


def write_report(
    rows: pd.DataFrame,
    curves: pd.DataFrame,
    folder: Path,
    *,
    sample_images: Mapping[str, Path] | None = None,
    real_images: Mapping[str, Path] | None = None,
    environment: Mapping[str, object] | None = None,
    title: str = "graftbench report",
) -> Path:
    """Write ``folder/index.html``, ``folder/tables/`` and ``folder/figures/``; returns the page's path.

    ``sample_images`` and ``real_images`` map a cell's key to a PNG of its samples and of its target's held-out
    images: square tiles of the cell's resolution in rows, without gaps. ``environment`` is shown as provenance (its
    ``packages`` folded). The same rows and pictures give the same bytes.
    """
    folder, rows = Path(folder), rows.reset_index(drop=True)
    folder.mkdir(parents=True, exist_ok=True)
    page = Page(title, rows, curves, environment or {})
    for draw in drawings(rows, curves, sample_images or {}, real_images or {}):
        with theme():
            drawn = draw()
        if isinstance(drawn, Absent):
            page.absent.append(drawn)
        else:
            page.figures.append((drawn, save(drawn, folder / "figures")))
    page.tables += write_comparisons(settings(rows, curves), folder / "tables")
    path = folder / "index.html"
    write_page(page, path)
    log.info("wrote %s", path)
    return path


def drawings(
    rows: pd.DataFrame, curves: pd.DataFrame, sample_images: Mapping[str, Path], real_images: Mapping[str, Path]
) -> Iterator[Callable[[], Plot | Absent]]:
    """Every figure of a report, in reading order, not yet drawn."""
    for setting in settings(rows, curves):
        yield partial(convergence, setting)
        yield partial(convergence, setting, against="seconds")
        for target in setting.targets:
            yield partial(samples, setting, target, sample_images, real_images)
        yield partial(throughput, setting)
