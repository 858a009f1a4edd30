"""The five registries. Importing this module imports no torch, so that ``graftbench list`` is instant."""

from typing import TYPE_CHECKING

from .registry import Registry

if TYPE_CHECKING:
    from ..datasets.base import DomainFactory
    from ..strategies.base import Strategy
    from .augment.base import Augmentation
    from .backbones.base import Backbone
    from .metrics.extractor import ExtractorFactory

strategies: "Registry[type[Strategy]]" = Registry("strategy", "graftbench.strategies")
domains: "Registry[DomainFactory]" = Registry("domain", "graftbench.datasets")
backbones: "Registry[type[Backbone]]" = Registry("backbone", "graftbench.bench.backbones")
augmentations: "Registry[type[Augmentation]]" = Registry("augmentation", "graftbench.bench.augment")
extractors: "Registry[ExtractorFactory]" = Registry("feature extractor", "graftbench.bench.metrics")
