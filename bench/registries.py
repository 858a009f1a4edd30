"""The five registries. Importing this module imports no torch, so that ``graftbench list`` is instant."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .registry import Entry, Registry

if TYPE_CHECKING:
    from ..datasets.base import DomainFactory
    from ..strategies.base import Strategy
    from .augment.base import Augmentation
    from .backbones.base import Backbone
    from .metrics.extractor import ExtractorFactory


def _catalogued_domains() -> Iterable[tuple[Entry, "DomainFactory"]]:
    from ..datasets.catalogue import entries

    return entries()


strategies: "Registry[type[Strategy]]" = Registry("strategy", "graftbench.strategies", "graftbench.strategies")
domains: "Registry[DomainFactory]" = Registry(
    "domain", "graftbench.datasets", "graftbench.domains", _catalogued_domains
)
backbones: "Registry[type[Backbone]]" = Registry("backbone", "graftbench.bench.backbones", "graftbench.backbones")
augmentations: "Registry[type[Augmentation]]" = Registry(
    "augmentation", "graftbench.bench.augment", "graftbench.augmentations"
)
extractors: "Registry[ExtractorFactory]" = Registry(
    "feature extractor", "graftbench.bench.metrics", "graftbench.extractors"
)
