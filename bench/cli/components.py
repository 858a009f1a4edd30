"""``graftbench list``: what is registered."""

from enum import StrEnum
from typing import Annotated

import typer

from ..registries import augmentations, backbones, domains, extractors, strategies
from . import app


class Kind(StrEnum):
    strategies = "strategies"
    domains = "domains"
    backbones = "backbones"
    augmentations = "augmentations"
    extractors = "extractors"


REGISTRIES = {
    Kind.strategies: strategies,
    Kind.domains: domains,
    Kind.backbones: backbones,
    Kind.augmentations: augmentations,
    Kind.extractors: extractors,
}


@app.command("list")
def list_components(kind: Annotated[Kind | None, typer.Argument(help="what to list; everything if left out")] = None):
    """Show the registered components: name, one-line summary, citation."""
    from rich.console import Console
    from rich.table import Table

    for each in [kind] if kind else list(Kind):
        table = Table(title=each.value, title_justify="left", box=None, pad_edge=False)
        for column in ("name", "summary", "citation"):
            table.add_column(column, no_wrap=column == "name")
        for entry in REGISTRIES[each].entries().values():
            table.add_row(entry.name, entry.summary, entry.cite)
        Console().print(table)
