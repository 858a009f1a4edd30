"""Image domains, one file per family."""

from ..bench.errors import UserError
from ..bench.registries import domains
from .base import SPLITS, About, Domain, Split
from .protocol import Protocol, evaluation_images, reportable, under_protocol
from .shots import draw_shots

register = domains.register


def open_domain(name: str) -> Domain:
    """The domain called ``name``: a registered name, or ``family:option`` such as ``folder:/my/photos``.

    Raises ``UserError`` for an unknown name, and for an option that the family does not take or cannot use.
    """
    family, colon, option = name.partition(":")
    domain = domains.get(family)(name)
    if colon and not domain.option:
        raise UserError(f"domain {name!r}: {family} takes nothing after a colon; write {family}")
    if colon and not option:
        raise UserError(f"domain {name!r}: nothing follows the colon; write {family}:{domain.option}")
    return domain


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
