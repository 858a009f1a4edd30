"""``graftbench status``, ``rows``, ``merge``, ``push`` and ``export``: what is stored, and how it travels."""

from pathlib import Path
from typing import Annotated

import typer

from . import app
from .asked import here

StoreName = Annotated[str, typer.Argument(help="folder of a benchmark, or the URL that it was pushed to")]


@app.command()
def status(store: Annotated[Path, typer.Argument(parser=here, help="folder of a benchmark")]):
    """Show how the cells of a store ended."""
    from ..rows import read_statuses
    from ..store import Store

    opened = Store(store)
    rows = read_statuses(opened)
    print(f"{opened.root}: {len(rows)} cells")
    if rows.empty:
        return
    for name, count in rows["status"].value_counts().items():
        print(f"  {name}: {count}")
    for row in rows[~rows["status"].isin(["ok", "missing"])].to_dict("records"):
        print(f"  {row['key']} {row['status']}: {row['reason']}")


@app.command()
def rows(
    store: StoreName,
    out: Annotated[
        str | None, typer.Option(help="a .csv or .parquet file, or its URL; a short table if left out")
    ] = None,
    curves: Annotated[bool, typer.Option("--curves", help="one row per evaluation instead of per cell")] = False,
    conflicts: Annotated[bool, typer.Option("--conflicts", help="the other outcomes that merging kept")] = False,
):
    """Show or write what a store holds, one row per cell."""
    from ..errors import UserError
    from ..files import is_url
    from ..remote import local, read_rows_at, write_table_at
    from ..rows import read_conflicts, read_curves, read_rows
    from ..store import Store

    if curves and conflicts:
        raise UserError("--curves and --conflicts are two tables; ask for one of them")
    if is_url(store) and not conflicts:
        table = read_rows_at(store, "curves.parquet" if curves else "rows.parquet")
    else:
        read = read_conflicts if conflicts else read_curves if curves else read_rows
        with local(store) as folder:
            table = read(Store(folder))
    if out is not None:
        write_table_at(table, out)
        print(f"{len(table)} rows: {out}")
        return
    shown = [name for name in SHOWN if name in table] + [
        name for name in table if str(name).startswith(("kid@", "fid@"))
    ]
    print(table[shown].to_string(index=False, max_rows=200) if len(table) else "no rows")


SHOWN = ("key", "kimg", "seconds", "label", "target", "shots", "seed", "status", "hardware", "reason")


@app.command()
def merge(
    stores: Annotated[list[str], typer.Argument(help="folders of benchmarks, or URLs that they were pushed to")],
    out: Annotated[
        Path, typer.Option(parser=here, help="folder of the merged store; what it holds already counts first")
    ],
):
    """Join stores made on different machines; they are only read, and nothing of them is left behind.

    Where two outcomes of a cell differ in more than timings, both are kept and reported; tables and rankings count one.
    """
    from contextlib import ExitStack

    from ..merging import merge as merge_stores
    from ..remote import local
    from ..rows import read_curves, read_rows
    from ..store import Store

    with ExitStack() as copies:
        merged = merge_stores([Store(copies.enter_context(local(store))) for store in stores], out)
    read_rows(Store(out))
    read_curves(Store(out))
    print(
        f"{out}: {merged.added} cells added, {merged.unfinished} unfinished ones added, {merged.same} were there with"
        f" the same numbers, {len(merged.conflicts)} differ"
    )
    for conflict in merged.conflicts:
        print(f"  {conflict.sentence()}")
    for key in merged.busy:
        print(f"  {key}: a run is working on it; merge again when it has ended")
    if merged.busy:
        raise typer.Exit(1)


@app.command()
def export(
    store: StoreName,
    cell: Annotated[str, typer.Argument(help="a cell's key, or how it begins; `graftbench rows STORE` lists them")],
    out: Annotated[Path, typer.Argument(parser=here, help="a new folder")],
    plugin: Annotated[
        list[Path], typer.Option("--plugin", parser=here, help="the Python file of the cell's own components")
    ] = [],
):
    """Write a cell's generator as a folder to take away: weights, spec, samples and a model card with a snippet."""
    from ..export import export_cell
    from ..plugins import load_plugins
    from ..remote import local
    from ..store import Store

    load_plugins(plugin)
    with local(store) as folder:
        print(f"model: {export_cell(Store(folder), cell, out).resolve()}")


@app.command()
def push(
    folder: Annotated[Path, typer.Argument(parser=here, help="folder of a benchmark or of a results bundle")],
    url: Annotated[str, typer.Argument(help="where it goes: s3://bucket/name, or what else fsspec knows")],
):
    """Bring what has ended of a store, with its tables and report, to a URL. Nothing that is there is lost.

    `rows`, `merge`, `rank`, `compare`, `verify` and `export` take the URL in place of a folder.
    """
    from ..errors import UserError
    from ..files import is_url
    from ..remote import push as push_to

    if not is_url(url):
        raise UserError(f"{url}: is no URL (such as s3://bucket/name); `graftbench merge` joins folders")
    print(f"{url}: {push_to(folder, url)} files pushed")
