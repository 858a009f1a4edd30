"""``graftbench fetch``, and ``check`` of a domain: getting image sets and models, and looking at a set first."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UserError, nearest
from . import app

if TYPE_CHECKING:
    from ...datasets import Domain
    from ...datasets.downloads import Report

Names = Annotated[
    list[str],
    typer.Argument(help="domains, as in obama or afhq:cat, and public source models, as in ffhq256-cdc"),
]
NAMED = 10
"""Pairs of near-duplicates that are printed before they are only counted."""


@app.command()
def fetch(names: Names):
    """Download what is not here (going on where it stopped), verify it, and say where it lies."""
    failed = 0
    for name in names:
        try:
            with _progress() as report:
                lines = _fetch(name, report)
            print("\n".join(lines))
        except UserError as error:
            failed += 1
            print(f"graftbench: {error}", file=sys.stderr)
    if failed:
        raise typer.Exit(2)


@contextmanager
def _progress() -> "Iterator[Report]":
    """A report that draws a bar for each file that it is told of."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    progress = Progress(*columns, TimeRemainingColumn())
    tasks = {}

    def report(file: str, done: int, total: int | None) -> None:
        if not tasks:
            progress.start()
        if file not in tasks:
            tasks[file] = progress.add_task(file)
        progress.update(tasks[file], completed=done, total=total)

    try:
        yield report
    finally:
        if tasks:
            progress.stop()


def _fetch(name: str, report: "Report") -> list[str]:
    """Get a domain or a public source model; what is to be said about it."""
    from ...datasets import open_domain
    from ..public_sources import fetch_source, public_sources
    from ..registries import domains

    if source := public_sources().get(name):
        notes = fetch_source(source, report)
        use = f"use it in a matrix: source: {{domain: {source.domain}, model: {name}}}"
        return [
            f"{name}: source model of {source.domain}",
            f"  files: {source.folder.resolve()}",
            f"  licence: {source.licence}",
            *(f"  {line}" for line in [*notes, use]),
        ]
    known = [*domains.names(), *public_sources()]
    if name.partition(":")[0] not in known:
        raise UserError(f"no domain or public source model {name!r}; {nearest(name, known)}")
    domain = open_domain(name)
    place = domain.fetch(report)
    return [
        f"{name}: {_sizes(domain)}",
        f"  files: {place.resolve()}" if place else f"  nothing to fetch: {domain.about.how}",
        f"  licence: {domain.about.licence}",
    ]


def check_domain(name: str) -> bool:
    """Print what a domain holds: its splits, unreadable files, duplicates, leaks, and what can be reported.

    Returns whether a run takes it as it is.
    """
    from ...datasets import open_domain, reportable
    from ...datasets.collection import displayed
    from ...datasets.image_set import ImageSet
    from ..metrics.prdc import SMALLEST_SET

    domain = open_domain(name)
    strict = isinstance(domain, ImageSet) and domain.on_bad == "error"
    refused = False
    if isinstance(domain, ImageSet):
        domain.on_bad = "skip"  # unreadable files are what is to be shown
    print(f"{displayed(name)}: {_sizes(domain)}")
    if isinstance(domain, ImageSet):
        for position, why in domain.survey.problems.items():
            print(f"  cannot be used: {domain.listed.names[position]} ({why})")
        if strict and domain.survey.problems:
            refused = True
            print("  a run refuses this set as it is: mend or remove those files, or write folder:PATH?on_bad=skip")
        print(f"  exact duplicates left out: {domain.duplicates_of(domain.kept)}")
        leaks = domain.leaks()
        print(f"  near-duplicates across splits: {len(leaks)}")
        for leak in leaks[:NAMED]:
            print(f"    {leak}")
        print(f"  resize: {domain.resize}")
    sizes = domain.sizes()
    whole, smallest = sum(sizes.values()), min(sizes["validation"], sizes["reference"])
    if smallest < SMALLEST_SET:
        refused = True
        fewer = "does with fewer" if whole >= SMALLEST_SET else f"needs {SMALLEST_SET} in all"
        print(
            f"  a run refuses this set as it is: {smallest} images are too few to measure with, {SMALLEST_SET} are "
            f"needed in the validation and in the reference split (28 images of one class do); protocol: literature "
            f"{fewer}"
        )
    if whole >= SMALLEST_SET:
        print(f"  {reportable(domain)}")
    return not refused


def _sizes(domain: "Domain") -> str:
    sizes = domain.sizes()
    parts = ", ".join(f"{count:,} {split}" for split, count in sizes.items())
    return f"{sum(sizes.values()):,} images ({parts})"
