"""``graftbench fetch``, and ``check`` of a domain: getting image sets, and looking at one before it is used."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UserError
from . import app

if TYPE_CHECKING:
    from ...datasets import Domain

Names = Annotated[list[str], typer.Argument(help="domains, as in obama, afhq:cat or folder:my/photos")]
NAMED = 10
"""Pairs of near-duplicates that are printed before they are only counted."""


@app.command()
def fetch(names: Names):
    """Download what is not here (going on where it stopped), verify it, and say where it lies."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from ...datasets import open_domain

    failed = 0
    for name in names:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        try:
            with Progress(*columns, TimeRemainingColumn()) as progress:
                tasks = {}

                def report(file: str, done: int, total: int | None, progress=progress, tasks=tasks) -> None:
                    if file not in tasks:
                        tasks[file] = progress.add_task(file)
                    progress.update(tasks[file], completed=done, total=total)

                domain = open_domain(name)
                place = domain.fetch(report)
            print(f"{name}: {_sizes(domain)}")
            print(f"  files: {place.resolve()}" if place else f"  nothing to fetch: {domain.about.how}")
            print(f"  licence: {domain.about.licence}")
        except UserError as error:
            failed += 1
            print(f"graftbench: {error}", file=sys.stderr)
    if failed:
        raise typer.Exit(2)


def check_domain(name: str) -> None:
    """Print what a domain holds: its splits, unreadable files, duplicates, leaks, and what can be reported."""
    from ...datasets import open_domain, reportable
    from ...datasets.image_set import ImageSet

    domain = open_domain(name)
    refuses = isinstance(domain, ImageSet) and domain.on_bad == "error"
    if isinstance(domain, ImageSet):
        domain.on_bad = "skip"  # unreadable files are what is to be shown
    print(f"{name}: {_sizes(domain)}")
    if isinstance(domain, ImageSet):
        for position, why in domain.survey.problems.items():
            print(f"  cannot be used: {domain.listed.names[position]} ({why})")
        if refuses and domain.survey.problems:
            print("  a run refuses this set as it is: mend or remove those files, or write folder:PATH?on_bad=skip")
        print(f"  exact duplicates left out: {domain.duplicates_of(domain.kept)}")
        leaks = domain.leaks()
        print(f"  near-duplicates across splits: {len(leaks)}")
        for leak in leaks[:NAMED]:
            print(f"    {leak}")
        print(f"  resize: {domain.resize}")
    print(f"  {reportable(domain)}")


def _sizes(domain: "Domain") -> str:
    sizes = domain.sizes()
    parts = ", ".join(f"{count:,} {split}" for split, count in sizes.items())
    return f"{sum(sizes.values()):,} images ({parts})"
