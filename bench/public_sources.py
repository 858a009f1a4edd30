"""The public source models that are known by name (``sources/public.yaml``), and getting them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from .errors import UserError
from .files import cache_root, sha256_of

CATALOGUE = Path(__file__).parent / "sources" / "public.yaml"
NVIDIA = "nvidia-pickle"
BACKBONE = "stylegan2"
"""What every public source here is."""


@dataclass(frozen=True)
class PublicSource:
    """Where a public checkpoint is, and what its publisher says of it."""

    name: str
    domain: str
    url: str
    page: str
    format: str
    """That of ``graftbench import``, or ``nvidia-pickle``, which it refuses."""
    licence: str
    resolution: int | None = None
    size: str = "not stated"
    sha256: str = ""
    fid: str = "not stated"
    note: str = ""

    @property
    def readable(self) -> bool:
        return self.format != NVIDIA

    @property
    def folder(self) -> Path:
        """Where its artefact is once it was fetched."""
        return cache_root() / "sources" / self.name

    @property
    def file(self) -> Path:
        """Where its checkpoint is kept, and where a user puts one that was got by hand."""
        return cache_root() / "downloads" / "sources" / f"{self.name}.pt"

    @property
    def present(self) -> bool:
        return (self.folder / "spec.json").is_file()  # written last

    @property
    def way(self) -> str:
        """How to get it, as a part of a sentence."""
        if self.readable:
            return f"run `graftbench fetch {self.name}`"
        return f"it is not fetched: {self.note}"


@cache
def public_sources() -> dict[str, PublicSource]:
    """All of them by name."""
    content = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    return {name: PublicSource(name, **fields) for name, fields in content.items()}


def fetch_source(source: PublicSource, report: Callable[[str, int, int | None], None]) -> list[str]:
    """Download the checkpoint (going on where it stopped), verify it, and import it; says what is to be said about it.

    The SHA-256 of the first download is recorded and enforced from then on. Raises ``UserError`` if the file cannot be
    had or does not hold the model, tensor by tensor; a user may then put it where the message says.
    """
    from ..datasets.downloads import check_file, download
    from .importing import import_checkpoint
    from .source import read_spec

    if not source.readable:
        raise UserError(f"{source.name}: {source.note}; see {source.page}")
    by_hand = f"or by hand: open {source.url}, download the file and save it as {source.file}"
    download(source.url, source.file, report, by_hand, expected={"sha256": source.sha256})
    check_file(source.file, source.sha256, f"sources/{source.file.name}", thorough=True)
    if source.present and read_spec(source.folder)["imported"]["sha256"] == sha256_of(source.file):
        return read_spec(source.folder)["imported"]["notes"]
    kind = "cdc" if source.format == "cdc" else "rosinality"
    try:
        imported = import_checkpoint(
            source.file, kind, source.folder, source.domain, resolution=source.resolution, url=source.url
        )
    except UserError as error:
        raise UserError(f"{error}; if the download is damaged, delete {source.file} and fetch it again") from error
    return imported.notes


def model_folder(model: str) -> Path:
    """The artefact that a matrix calls ``model``: a folder, or a public source by name.

    Raises ``UserError`` that says how to get a public source that is not here.
    """
    known = public_sources().get(model)
    if known is None or Path(model).is_dir():
        return Path(model)
    if not known.present:
        raise UserError(f"the source model {model} is not here; {known.way}")
    return known.folder
