"""``graftbench rank``, ``compare``, ``coverage`` and ``published``: what stored results say, and how sure that is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import app
from .asked import console

if TYPE_CHECKING:
    import pandas as pd

    from ...reports.table import Table

Stored = Annotated[str, typer.Argument(help="folder of a benchmark or bundle, a Parquet file of its rows, or a URL")]


@app.command()
def rank(
    store: Stored,
    by: Annotated[str, typer.Option(help="metric, with or without @extractor")] = "kid",
    as_json: Annotated[bool, typer.Option("--json", help="everything as JSON")] = False,
):
    """Rank the strategies, say what is tied or untestable, and what would separate them."""
    from ...reports.ranking import rank as rank_rows
    from ...reports.ranking_tables import neighbours_table, standings_table

    rankings = rank_rows(stored_rows(store), by)
    if as_json:
        import json

        typer.echo(json.dumps([each.to_dict() for each in rankings], indent=2, ensure_ascii=False, allow_nan=False))
        return
    for ranking in rankings:
        show(standings_table(ranking))
        if ranking.neighbours:
            show(neighbours_table(ranking))


@app.command()
def compare(
    before: Stored,
    after: Stored,
    by: Annotated[str | None, typer.Option(help="one metric only, such as kid or seconds_per_kimg")] = None,
):
    """Show what moved from one store to another; speeds only if both ran on the same hardware."""
    from ...reports.compare import compare as compare_rows

    for table in compare_rows(stored_rows(before), stored_rows(after), by):
        show(table)


@app.command()
def coverage(
    trials: Annotated[int, typer.Option(min=100, help="simulated experiments per line")] = 20_000,
    as_json: Annotated[bool, typer.Option("--json", help="all lines as JSON")] = False,
):
    """Simulate how often the reports' intervals hold the truth, beside the naive percentile bootstrap."""
    from ...reports.coverage import coverage as simulate
    from ...reports.coverage import coverage_table

    found = simulate(trials=trials)
    if as_json:
        typer.echo(found.to_json(orient="records", indent=2))
    else:
        show(coverage_table(found))


@app.command("published")
def published_numbers():
    """Show numbers that others published, with their protocols; never merged with measured ones."""
    from ...reports.published import published_tables

    for table in published_tables():
        show(table)


def stored_rows(given: str) -> "pd.DataFrame":
    """The rows of a store or of a Parquet file. Other outcomes that merging kept are not counted, which is said."""
    from ...reports.bundle import MANIFEST, read_bundle
    from ..errors import UserError
    from ..files import is_url
    from ..remote import read_rows_at
    from ..rows import conflict_folders, read_rows, without_superseded
    from ..store import Store

    if is_url(given):
        return read_rows_at(given)
    path = Path(given)
    if path.is_file():
        import pandas as pd
        import pyarrow

        try:
            return without_superseded(pd.read_parquet(path))
        except pyarrow.ArrowException as error:
            raise UserError(f"{path}: no Parquet file of rows ({str(error).splitlines()[0]})") from None
    if (path / MANIFEST).is_file():
        return read_bundle(path).rows
    store = Store(path)
    if others := len(conflict_folders(store)):
        note = (
            f"note: {others} other outcomes, kept by merging, are not counted; `graftbench rows --conflicts` shows them"
        )
        typer.echo(note, err=True)
    return read_rows(store)


def show(table: "Table") -> None:
    """A table on the terminal; piped, it is as wide as its content."""
    from rich.table import Table as Grid
    from rich.text import Text

    from ...reports.formats import SUFFIX
    from ...reports.table import marked, text

    grid = Grid(title=Text(table.title), title_justify="left", box=None, pad_edge=False)
    for index, name in enumerate(table.head):
        grid.add_column(Text(name), justify="right" if index else "left", no_wrap=True)
    for row in table.rows:
        style = "dim" if row in table.references else ""
        grid.add_row(
            *(Text(text(value) + SUFFIX[marked(value)], "bold" if marked(value) == "best" else style) for value in row)
        )
    shown = console()
    shown.print(grid)
    for note in table.notes:
        shown.print(Text(f"  {note}"), style="dim")
    shown.print()
