"""``graftbench report``, ``bundle``, ``readme`` and ``figures``: what is made of a store's results."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import app
from .asked import here

if TYPE_CHECKING:
    import pandas as pd

    from ...reports.bundle import Bundle
    from ...reports.catalogue import Pictures
    from ..store import Store

log = logging.getLogger(__name__)

TARGETS = "targets.json"
"""File of a store with its frozen convergence targets."""
BUNDLE = Path("reports/results")


@app.command()
def report(
    store: Annotated[Path, typer.Argument(parser=here, help="folder of a benchmark's results, or of a results bundle")],
    to: Annotated[Path | None, typer.Option(parser=here, help="folder of the report; STORE/report if left out")] = None,
):
    """Write the report of a store or of a results bundle: index.html, tables and figures.

    Seconds are the cells' own, or those that `graftbench throughput --out STORE/throughput` measured exclusively.
    """
    from ...reports.bundle import MANIFEST
    from ..store import Store

    if to is not None:
        _require_report_folder(to)
    is_bundle = (store / MANIFEST).is_file()
    page = _write_bundle_report(store, to) if is_bundle else write_store_report(Store(store), to)
    print(f"report: {page.resolve()}")


@app.command()
def bundle(
    store: Annotated[Path, typer.Argument(parser=here, help="folder of a benchmark's results")],
    to: Annotated[
        Path, typer.Option(parser=here, help="where the bundle goes; one that is there is replaced")
    ] = BUNDLE,
):
    """Pack a store's rows, curves, environment and a few pictures: what the paper's figures are rebuilt from."""
    from ...reports.bundle import write_bundle
    from ...reports.ladder import frozen_ladders
    from ..outcome import read_json
    from ..store import Store

    opened = Store(store)
    rows, curves = read_reported(opened)
    targets, described = opened.root / TARGETS, opened.root / "environment.json"
    for metric in kid_columns(rows, curves):
        frozen_ladders(targets, rows, curves, metric)
    environment = read_json(described) if described.is_file() else {}
    write_bundle(to, rows, curves, environment, _pictures(opened, rows), targets)
    size = sum(path.stat().st_size for path in to.rglob("*") if path.is_file())
    print(f"bundle: {to.resolve()} ({len(rows)} cells, {size / 1e6:.1f} MB)")


@app.command()
def readme(
    file: Annotated[
        Path, typer.Argument(parser=here, help="the README with the markers <!-- results --> and <!-- /results -->")
    ] = Path("README.md"),
    results: Annotated[Path, typer.Option("--bundle", parser=here, help="the results bundle")] = BUNDLE,
):
    """Put the table of a results bundle into the README."""
    from ...reports.bundle import read_bundle
    from ...reports.readme import update_readme

    read = read_bundle(results)
    update_readme(file, read, results)
    print(f"{file}: results of {results}")
    _say_behind(read)


@app.command()
def figures(
    results: Annotated[
        Path | None, typer.Option("--bundle", parser=here, help="another bundle than the file names")
    ] = None,
    spec: Annotated[Path | None, typer.Option(parser=here, help="another list than reports/figures.yaml")] = None,
    to: Annotated[Path, typer.Option(parser=here, help="where figures, tables and paper.tex go")] = Path("paper"),
):
    """Rebuild every figure and table of the benchmark paper from a results bundle."""
    from ...reports.bundle import read_bundle
    from ...reports.figures import read_paper, rebuild

    paper, named = read_paper(spec)
    read = read_bundle(results or named)
    written = rebuild(paper, read, to)
    print(f"{len(written)} files: {to.resolve()}")
    _say_behind(read)


def _say_behind(bundle: "Bundle") -> None:
    from ..behind import behind

    if sentence := behind(bundle.rows, str(bundle.environment.get("commit", ""))):
        print(f"note: {sentence}")


def _require_report_folder(folder: Path) -> None:
    """Refuse one that holds something else, since a report deletes the tables and figures of the one before it, and
    one inside a bundle or among a store's cells."""
    from ...reports.bundle import MANIFEST
    from ...reports.page import is_page
    from ..errors import UserError
    from ..store import store_around

    if folder.is_dir() and any(folder.iterdir()) and not is_page(folder / "index.html"):
        raise UserError(f"{folder}: holds something that is no report of graftbench; give another folder")
    above = (folder.resolve(), *folder.resolve().parents)
    if within := store_around(folder) or next((each for each in above if (each / MANIFEST).is_file()), None):
        raise UserError(f"{folder}: lies in {within}, whose files stay as they are; give another folder")


def _write_bundle_report(bundle: Path, folder: Path | None) -> Path:
    """Write the report of a results bundle to ``folder``: the bundle itself holds its own files only."""
    from ...reports.bundle import read_bundle
    from ...reports.report import write_report
    from ..errors import UserError

    if folder is None:
        raise UserError(f"{bundle}: is a results bundle, whose files stay as they are; give --to another folder")
    read = read_bundle(bundle)
    return write_report(
        read.rows,
        read.curves,
        folder,
        pictures=read.pictures,
        ladders=read.ladders,
        environment=read.environment,
        title=f"graftbench: {_shown(bundle)}",
    )


def _shown(folder: Path) -> str:
    """A folder's name as it is shown: it need not be UTF-8."""
    from ...datasets.collection import displayed

    return displayed(folder.resolve().name)


def write_store_report(store: "Store", folder: Path | None = None) -> Path:
    """Write the report of a store to ``folder``, its own if None; returns the page's path."""
    from ...reports.ladder import frozen_ladders
    from ...reports.report import write_report
    from ..outcome import read_json

    rows, curves = read_reported(store)
    targets = {m: frozen_ladders(store.root / TARGETS, rows, curves, m) for m in kid_columns(rows, curves)}
    described = store.root / "environment.json"
    return write_report(
        rows,
        curves,
        folder or store.report,
        pictures=_pictures(store, rows),
        ladders=targets,
        environment=read_json(described) if described.is_file() else None,
        title=f"graftbench: {_shown(store.root)}",
    )


def read_reported(store: "Store") -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Rows and their curves as reported: seconds from the store's exclusive measurements where these cover them."""
    from ...reports.clock import EXCLUSIVE, with_exclusive_clock
    from ..rows import read_curves, read_rows
    from ..throughput.stored import FOLDER, stored_speeds

    measured = store.root / FOLDER
    rows, curves = read_rows(store), read_curves(store)
    if len(rows):  # a table of none has no columns
        curves = curves[curves["key"].isin(rows["key"])]  # without those of results that do not count any more
    rows, curves = with_exclusive_clock(rows, curves, stored_speeds(measured))
    if measured.is_dir() and len(rows) and not (rows["clock"] == EXCLUSIVE).any():
        log.warning(
            "%s does not cover the cells (every strategy, their width, batch, precision, compilation, threads, torch "
            "and machine, idle): reported seconds are the cells' own",
            measured,
        )
    return rows, curves


def _pictures(store: "Store", rows: "pd.DataFrame") -> "Pictures":
    """Those that a store has."""
    from ...reports.catalogue import Pictures
    from ..pictures import reference_grid

    samples, real, shown_shots, walks = {}, {}, {}, {}
    columns = ("key", "target", "resolution", "shots", "seed")
    if rows.empty:  # has no columns
        return Pictures()
    for key, target, resolution, shots, seed in zip(*(rows[name] for name in columns), strict=True):
        grid = reference_grid(target, int(resolution))
        samples[key] = store.folder(key) / "samples.png"
        real[key] = store.references / f"{grid}.png"
        shown_shots[key] = store.references / f"{grid}-shots{shots}-seed{seed}.png"
        walks[key] = store.folder(key) / "interpolations.png"

    def there(paths: dict[str, Path]) -> dict[str, Path]:
        return {key: path for key, path in paths.items() if path.is_file()}

    return Pictures(there(samples), there(real), there(shown_shots), there(walks))


def kid_columns(rows: "pd.DataFrame", curves: "pd.DataFrame") -> list[str]:
    columns = [f"kid@{extractor}" for extractor in sorted(set(rows.get("extractor", [])))]
    return [column for column in columns if column in curves]
