"""``graftbench import`` and ``sources``: trained source models from elsewhere."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from . import app
from .asked import here


class Layout(StrEnum):
    rosinality = "rosinality"
    cdc = "cdc"
    safetensors = "safetensors"


@app.command("import")
def import_source(
    file: Annotated[Path, typer.Argument(parser=here, help="the checkpoint")],
    layout: Annotated[Layout, typer.Option("--format", help="how its tensors are named")],
    domain: Annotated[str, typer.Option(help="the domain that it was trained on, as matrices name it")],
    out: Annotated[
        Path | None, typer.Option(parser=here, help="folder of the artefact; in the cache if left out")
    ] = None,
    backbone: Annotated[str | None, typer.Option(help="of a safetensors file")] = None,
    resolution: Annotated[int | None, typer.Option(min=1, max=4096, help="of a safetensors file, in pixels")] = None,
    width: Annotated[int | None, typer.Option(min=1, max=4096, help="of a safetensors file, in channels")] = None,
):
    """Turn a public checkpoint into a source model; every tensor must fit."""
    from ...datasets import open_domain
    from ..backbones import make_backbone
    from ..errors import UserError
    from ..files import cache_root, sha256_of
    from ..importing import import_checkpoint
    from ..source import SPEC

    given = {backbone is not None, resolution is not None, layout is Layout.safetensors}
    if len(given) > 1 or (width is not None and layout is not Layout.safetensors):
        raise UserError("--backbone and --resolution (and --width) go with --format safetensors, and only with it")
    open_domain(domain)
    known = make_backbone(backbone, resolution, width) if backbone and resolution else None
    folder = out or cache_root() / "sources" / f"imported-{file.stem}"
    if (folder / SPEC).is_file() and file.is_file() and _imported(folder) != (sha256_of(file), domain):
        raise UserError(f"{folder}: holds another source model already; give another folder with --out")
    imported = import_checkpoint(file, layout.value, folder, domain, known)
    found = imported.backbone
    print(f"{folder}: {', '.join(imported.networks)} at {found.resolution} px, width {found.width}")
    for note in imported.notes:
        print(f"  {note}")
    print(f"  use it in a matrix: source: {{domain: {domain}, model: {folder}}}")


def _imported(folder: Path) -> tuple[str, str]:
    """SHA-256 of the checkpoint that the source model in ``folder`` was imported from (empty for a trained one), and
    its domain."""
    from ..source import read_spec

    spec = read_spec(folder)
    imported = spec.get("imported")
    return imported.get("sha256", "") if isinstance(imported, dict) else "", spec.get("domain", "")


@app.command()
def sources():
    """Show the public source models that are known by name, where they are, and whether they are here."""
    from ..public_sources import public_sources

    for source in public_sources().values():
        pixels = f"{source.resolution} px" if source.resolution else "resolution as in the file"
        print(f"{source.name}: {source.domain}, {pixels}, size {source.size}, FID {source.fid}")
        print(f"  {source.url}")
        print(f"  licence: {source.licence} ({source.page})")
        if source.note:
            print(f"  {source.note}")
        if source.present:
            print(f"  here: {source.folder.resolve()}")
        elif source.readable:
            print(f"  get it: graftbench fetch {source.name}")
