"""``graftbench report``: a store's tables, figures and page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import app

if TYPE_CHECKING:
    from ..store import Store


@app.command()
def report(store: Annotated[Path, typer.Argument(help="folder of a benchmark's results")]):
    """Write the report of a store: index.html, tables and figures."""
    from ..store import Store

    print(f"report: {write_store_report(Store(store)).resolve()}")


def write_store_report(store: "Store") -> Path:
    """Write ``<store>/report/`` from what is stored; returns the page's path."""
    import json

    from ...reports.report import write_report
    from ..rows import read_curves, read_rows
    from ..store import reference_grid

    rows, curves = read_rows(store), read_curves(store)
    samples, real = {}, {}
    for key, target, resolution in zip(*(rows.get(name, []) for name in ("key", "target", "resolution")), strict=True):
        samples[key] = store.folder(key) / "samples.png"
        real[key] = store.references / f"{reference_grid(target, resolution)}.png"
    described = store.root / "environment.json"
    return write_report(
        rows,
        curves,
        store.report,
        sample_images={key: path for key, path in samples.items() if path.is_file()},
        real_images={key: path for key, path in real.items() if path.is_file()},
        environment=json.loads(described.read_text(encoding="utf-8")) if described.is_file() else None,
        title=f"graftbench: {store.root.resolve().name}",
    )
