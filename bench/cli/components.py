"""``graftbench list``: what is registered."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ..registries import augmentations, backbones, domains, extractors, strategies
from . import app
from .asked import console

if TYPE_CHECKING:
    from ..public_sources import PublicSource


class Kind(StrEnum):
    strategies = "strategies"
    domains = "domains"
    backbones = "backbones"
    augmentations = "augmentations"
    extractors = "extractors"
    pairs = "pairs"
    sources = "sources"


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
        if each in OTHERS:
            OTHERS[each]()
            continue
        table = Table(title=each.value, title_justify="left", box=None, pad_edge=False)
        more = ("images", "here") if each is Kind.domains else ()
        last = ("licence", "citation") if each is Kind.domains else ("citation",)
        for column in ("name", *more, "summary", *last):
            table.add_column(column, no_wrap=column in ("name", *more))
        for entry in REGISTRIES[each].entries().values():
            if each is Kind.domains:
                images, here, licence = overview(entry)
                table.add_row(entry.name, images, here, entry.summary, licence, entry.cite)
            else:
                table.add_row(entry.name, entry.summary, entry.cite)
        console().print(table)


def _list_pairs() -> None:
    from rich.table import Table

    from ...datasets.catalogue import catalogue
    from ...datasets.pairs import usual_pairs
    from ..public_sources import public_sources

    columns = ("target", "protocol", "public source model", "here", "numbers in")
    table = Table(*columns, title="pairs", title_justify="left", box=None, pad_edge=False)
    for pair in usual_pairs().values():
        here = _here(public_sources()[pair.checkpoint]) if pair.checkpoint else ""
        # where every image is a shot, nothing is left to hold out
        whole = pair.target in catalogue() and catalogue()[pair.target].images == pair.shots
        table.add_row(str(pair), "literature" if whole else "any", pair.checkpoint, here, pair.used_by)
    console().print(table)


def _list_sources() -> None:
    from rich.table import Table

    from ..public_sources import public_sources

    columns = ("name", "domain", "px", "size", "FID", "here", "licence")
    table = Table(*columns, title="sources", title_justify="left", box=None, pad_edge=False)
    for source in public_sources().values():
        pixels = str(source.resolution or "as in the file")
        table.add_row(source.name, source.domain, pixels, source.size, source.fid, _here(source), source.licence)
    console().print(table)


def _here(source: "PublicSource") -> str:
    return "yes" if source.present else "fetch" if source.readable else "refused"


OTHERS = {Kind.pairs: _list_pairs, Kind.sources: _list_sources}
"""What is listed and is in no registry."""
