"""``graftbench list``: what is registered."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ..registries import augmentations, backbones, domains, extractors, strategies
from . import app

if TYPE_CHECKING:
    from rich.console import Console


class Kind(StrEnum):
    strategies = "strategies"
    domains = "domains"
    backbones = "backbones"
    augmentations = "augmentations"
    extractors = "extractors"
    pairs = "pairs"


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
    from rich.table import Table

    from ...datasets.overview import overview

    for each in [kind] if kind else list(Kind):
        if each is Kind.pairs:
            _list_pairs()
            continue
        table = Table(title=each.value, title_justify="left", box=None, pad_edge=False)
        more = ("images", "here") if each is Kind.domains else ()
        for column in ("name", *more, "summary", "citation"):
            table.add_column(column, no_wrap=column in ("name", *more))
        for entry in REGISTRIES[each].entries().values():
            table.add_row(entry.name, *(overview(entry) if more else ()), entry.summary, entry.cite)
        _console().print(table)


def _list_pairs() -> None:
    from rich.table import Table

    from ...datasets.pairs import usual_pairs

    table = Table("target", "public source model", "numbers in", title="pairs", title_justify="left", box=None)
    for pair in usual_pairs().values():
        table.add_row(str(pair), pair.checkpoint, pair.used_by)
    _console().print(table)


def _console() -> "Console":
    """As wide as the terminal; into a pipe or file, wide enough that no name is cut."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=1000)
