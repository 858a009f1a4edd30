"""The public source models that are known by name (``sources/public.yaml``)."""

from dataclasses import dataclass
from pathlib import Path

import yaml

CATALOGUE = Path(__file__).parent / "sources" / "public.yaml"


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
    fid: str = "not stated"
    note: str = ""


def public_sources() -> dict[str, PublicSource]:
    """All of them by name."""
    content = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    return {name: PublicSource(name, **fields) for name, fields in content.items()}
