"""The registered procedural domains."""

from collections.abc import Callable
from functools import cache
from typing import ClassVar

import torch
from torch import Tensor

from .. import register
from ..base import About, Domain, Split
from . import face_factors
from .canvas import Canvas
from .cats import cats, draw_cat
from .draws import Draws, Factors
from .faces import draw_face
from .houses import draw_house, houses
from .media import PaintCanvas, PencilCanvas

SIZES: dict[Split, int] = {"shots": 10_000, "validation": 2_000, "reference": 5_000}
CHUNK_PIXELS = 32 * 32**2
"""Pixels rendered at once: enough to hide the cost of calling torch, few enough to stay in the processor's cache,
and so few that torch does not share them out among threads, which costs more than it gains here."""


class ToyDomain(Domain):
    """Pictures that ``draw`` makes from factors that ``distribution`` draws.

    The factors of a split are drawn from seeds named by (domain, split, factor): splits share no seed.
    """

    about = About(images=None, licence="Apache-2.0", cite="graftbench", how="generated")
    distribution: ClassVar[Callable[[Draws], Factors]]
    draw: ClassVar[Callable[[Canvas, Factors], None]]

    def __init__(self, name: str):
        self.name = name

    def sizes(self) -> dict[Split, int]:
        return dict(SIZES)

    def images(self, split: Split, resolution: int, indices: list[int] | None = None) -> Tensor:
        return self.render(self.factors(split, indices), resolution)

    def factors(self, split: Split, indices: list[int] | None = None) -> Factors:
        """The factors of a split's images, or of those at ``indices``: float N by name."""
        table = _table(type(self), self.name, split)
        chosen = torch.arange(SIZES[split]) if indices is None else torch.as_tensor(indices, dtype=torch.long)
        return {factor: values[chosen] for factor, values in table.items()}

    @torch.no_grad()
    def render(self, factors: Factors, resolution: int) -> Tensor:
        """Draw the pictures with these factors (each float N): uint8 N x 3 x R x R."""
        count = len(next(iter(factors.values())))
        images = torch.empty(count, 3, resolution, resolution, dtype=torch.uint8)
        step = max(1, CHUNK_PIXELS // resolution**2)
        for start in range(0, count, step):
            part = {name: values[start : start + step].float() for name, values in factors.items()}
            canvas = self.canvas(part, resolution)
            type(self).draw(canvas, part)
            images[start : start + step] = canvas.finish()
        return images

    def canvas(self, factors: Factors, resolution: int) -> Canvas:
        """What the pictures are drawn on."""
        return Canvas(len(factors["x"]), resolution)


@cache
def _table(kind: type[ToyDomain], name: str, split: Split) -> Factors:
    return kind.distribution(Draws(SIZES[split], name, split))


@register("toyfaces")
class ToyFaces(ToyDomain):
    """Procedural faces of adults: the source of the toy family."""

    distribution = staticmethod(face_factors.adults)
    draw = staticmethod(draw_face)


@register("toyfaces-sunglasses")
class ToyFacesSunglasses(ToyFaces):
    """The toy faces, all in sunglasses (near)."""

    distribution = staticmethod(face_factors.in_sunglasses)


@register("toyfaces-babies")
class ToyFacesBabies(ToyFaces):
    """Toy babies: round heads, big eyes, little hair (near)."""

    distribution = staticmethod(face_factors.babies)


@register("toyfaces-sketches")
class ToyFacesSketches(ToyFaces):
    """The toy faces as pencil sketches (middle)."""

    distribution = staticmethod(face_factors.drawn)

    def canvas(self, factors: Factors, resolution: int) -> Canvas:
        return PencilCanvas(factors, resolution)


@register("toyfaces-paintings")
class ToyFacesPaintings(ToyFaces):
    """The toy faces as paintings: palette, brush strokes, an unsteady hand (middle)."""

    distribution = staticmethod(face_factors.painted)

    def canvas(self, factors: Factors, resolution: int) -> Canvas:
        return PaintCanvas(factors, resolution)


@register("toycats")
class ToyCats(ToyDomain):
    """Procedural heads of cats (far)."""

    distribution = staticmethod(cats)
    draw = staticmethod(draw_cat)


@register("toyhouses")
class ToyHouses(ToyDomain):
    """Procedural houses in a landscape (unrelated)."""

    distribution = staticmethod(houses)
    draw = staticmethod(draw_house)
