"""``graftbench report``: a store's tables, figures and page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import app

if TYPE_CHECKING:
    import pandas as pd

    from ..store import Store


@app.command()
def report(store: Annotated[Path, typer.Argument(help="folder of a benchmark's results")]):
    """Write the report of a store: index.html, tables and figures."""
    from ..store import Store

    print(f"report: {write_store_report(Store(store)).resolve()}")


def write_store_report(store: "Store") -> Path:
    """Write ``<store>/report/`` from what is stored; returns the page's path."""
    import json

    from ...reports.ladder import frozen_ladders
    from ...reports.report import write_report
    from ..rows import read_curves, read_rows

    rows, curves = read_rows(store), read_curves(store)
    metrics = [f"kid@{extractor}" for extractor in sorted(set(rows.get("extractor", [])))]
    targets = {m: frozen_ladders(store.root / "targets.json", rows, curves, m) for m in metrics if m in curves}
    described = store.root / "environment.json"
    return write_report(
        rows,
        curves,
        store.report,
        **pictures(store, rows),
        ladders=targets,
        environment=json.loads(described.read_text(encoding="utf-8")) if described.is_file() else None,
        title=f"graftbench: {store.root.resolve().name}",
    )


def pictures(store: "Store", rows: "pd.DataFrame") -> dict[str, dict[str, Path]]:
    """The pictures that a store has, by kind and cell key, as ``write_report`` takes them."""
    from ..pictures import reference_grid

    found = {kind: {} for kind in ("sample_images", "real_images", "shot_images", "interpolation_images")}
    for row in rows.itertuples():
        grid = reference_grid(str(row.target), int(row.resolution))
        key = str(row.key)
        found["sample_images"][key] = store.folder(key) / "samples.png"
        found["interpolation_images"][key] = store.folder(key) / "interpolations.png"
        found["real_images"][key] = store.references / f"{grid}.png"
        found["shot_images"][key] = store.references / f"{grid}-shots{row.shots}-seed{row.seed}.png"
    return {kind: {key: path for key, path in paths.items() if path.is_file()} for kind, paths in found.items()}
