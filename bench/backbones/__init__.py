"""Generators, discriminators and encoders behind one contract."""

from ..errors import UserError
from ..registries import backbones
from .base import AdversarialDefaults, Backbone, Block, Discriminator, Encoder, Generator

register = backbones.register


def make_backbone(name: str, resolution: int, width: int | None = None) -> Backbone:
    """The backbone called ``name`` at a resolution in pixels and a width in channels (its default if None).

    Raises ``UserError`` for an unknown name or a resolution that it lacks.
    """
    kind = backbones.get(name)
    if resolution not in kind.resolutions:
        offered = ", ".join(str(r) for r in kind.resolutions)
        raise UserError(f"backbone {name!r} has no resolution {resolution}; it offers {offered}")
    return kind(resolution=resolution) if width is None else kind(resolution=resolution, width=width)


__all__ = [
    "AdversarialDefaults",
    "Backbone",
    "Block",
    "Discriminator",
    "Encoder",
    "Generator",
    "make_backbone",
    "register",
]
