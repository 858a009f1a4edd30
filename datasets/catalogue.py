"""The domains that are described by data (``catalogue.yaml``) and read by one class per family."""

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from ..bench.registry import Entry

if TYPE_CHECKING:
    from .base import Domain, DomainFactory

CATALOGUE = Path(__file__).with_name("catalogue.yaml")
FAMILIES = {
    "zip": ("zip_sets", "ZipSet"),
    "hub": ("hub", "HubSet"),
    "cifar": ("cifar", "CIFAR"),
    "torchvision": ("torchvision_sets", "TorchvisionSet"),
}
"""Module and class that read each family's entries."""


@dataclass(frozen=True)
class Facts:
    """What the catalogue says of a domain."""

    name: str
    family: str
    summary: str
    licence: str
    homepage: str
    cite: str
    images: int | None = None
    url: str = ""
    """Where its file is downloaded from; empty where it is got by hand or through a library."""
    file: str = ""
    """Name of its file under ``downloads`` in the cache; the last part of ``url`` if left out."""
    sha256: str = ""
    md5: str = ""
    """What its publisher states of the file."""
    page: str = ""
    """Where a person finds the file."""
    by_hand: str = ""
    """What a person does there."""
    layout: str = ""
    """``train-test-class`` where the folders say part and class."""
    classes: tuple[str, ...] = ()
    """Names of its classes by number, where a publisher states them; otherwise they are known once it is here."""
    dataset: str = ""
    """OWNER/NAME on the Hugging Face hub."""


@cache
def catalogue() -> dict[str, Facts]:
    """What is known of each domain, by name."""
    families = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    return {
        name: Facts(name=name, family=family, **facts)
        for family, described in families.items()
        for name, facts in described.items()
    }


def entries() -> Iterable[tuple[Entry, "DomainFactory"]]:
    """The catalogue as the registry wants it; imports no family, and no torch."""
    for facts in catalogue().values():
        module = f"{__package__}.{FAMILIES[facts.family][0]}"
        yield Entry(facts.name, facts.summary, facts.cite, module, str(CATALOGUE), 0), partial(_open, facts)


def _open(facts: Facts, name: str) -> "Domain":
    module, kind = FAMILIES[facts.family]
    return getattr(importlib.import_module(f".{module}", __package__), kind)(name, facts)
