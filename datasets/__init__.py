"""Image domains, one file per family."""

from ..bench.registries import domains
from .base import SPLITS, About, Domain, Split
from .protocol import Protocol, evaluation_images, reportable, under_protocol
from .shots import draw_shots

register = domains.register


def open_domain(name: str) -> Domain:
    """The domain called ``name``: a registered name, or ``family:argument`` such as ``folder:/my/photos``."""
    return domains.get(name.partition(":")[0])(name)


__all__ = [
    "SPLITS",
    "About",
    "Domain",
    "Protocol",
    "Split",
    "draw_shots",
    "evaluation_images",
    "open_domain",
    "register",
    "reportable",
    "under_protocol",
]
