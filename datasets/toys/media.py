"""Canvases that look like pencil and paint: the same shapes, laid down by another hand."""

import torch
from torch import Tensor

from .canvas import Canvas
from .draws import Factors
from .shapes import per_picture, ramp

PAPER = ((0.98, 0.97, 0.94), (0.96, 0.92, 0.83), (0.9, 0.91, 0.93))
GRAPHITE = (0.16, 0.16, 0.19)
LUMINANCE = (0.299, 0.587, 0.114)


def wave(phase: Tensor) -> Tensor:
    """A smooth wave of period 1 between -1 and 1 (two parabolas; no sine, so equal on every machine)."""
    share = phase.frac()
    share = torch.where(share < 0, share + 1, share)
    half = share * 2 - 1
    return (half * (1 - half.abs())).mul_(-4)


class PencilCanvas(Canvas):
    """Every shape has an outline and is hatched as darkly as its colour asks for."""

    outline = 0.01

    def __init__(self, factors: Factors, resolution: int):
        super().__init__(len(factors["pressure"]), resolution)
        self.factors = factors

    def fill(self, distance: Tensor, colour: Tensor, opacity: Tensor | None = None) -> None:
        outer, inner = self.coverage(distance - self.outline), self.coverage(distance + self.outline)
        if opacity is not None:
            outer, inner = outer * opacity[:, None], inner * opacity[:, None]
        edge = (outer - inner).mul_(self.through)
        body = inner.mul_(self.through)
        self.through -= edge + body
        self._lay(edge, torch.full_like(colour[:, 0], 0.95), torch.zeros_like(colour[:, 0]))
        self._lay(body, torch.zeros_like(colour[:, 0]), _darkness(colour))

    def tint(self, alpha: Tensor, colour: Tensor) -> None:
        weight = alpha * self.through
        self.through -= weight
        self._lay(weight, torch.zeros_like(colour[:, 0]), _darkness(colour))

    def gradient(self, share: Tensor, colour: Tensor, other: Tensor) -> None:
        """The background stays paper, with a little hatching below."""
        self.tint((1 - share) * 0.35, other)

    def _lay(self, weight: Tensor, stroke: Tensor, tone: Tensor) -> None:
        self.weights.append(weight)
        self.colours.append(torch.stack([stroke, tone], 1))

    def picture(self) -> Tensor:
        stroke, tone = self.blend(torch.stack(self.colours, 1)).unbind(1)
        f = self.factors
        angle, pitch = f["hatch_angle"], f["hatch_pitch"]
        along = self.x * per_picture(angle.cos() * pitch) + self.y * per_picture(angle.sin() * pitch)
        bend = wave(self.x * 0.6 + self.y * 0.9) * 0.3
        contrast = 0.45 * torch.sinc(pitch * 2 / self.resolution)  # what a pixel as wide as this leaves of it
        hatch = (wave(along + bend) * per_picture(contrast)).add_(0.75)
        ink = (stroke + tone * hatch).mul_(per_picture(f["pressure"])).clamp_(0, 1)[:, None]
        paper = ramp(f["paper"], PAPER)[:, :, None]
        return paper + ink * (torch.tensor(GRAPHITE)[:, None] - paper)


def _darkness(colour: Tensor) -> Tensor:
    """How much graphite stands for a colour: little for skin, much for hair. N x 3 -> N."""
    return (1 - colour @ torch.tensor(LUMINANCE)).clamp(0, 1).square() * 0.95


class PaintCanvas(Canvas):
    """An unsteady hand with a limited palette and visible strokes of the brush."""

    palettes = (
        ((0.12, 0.14, 0.32), (0.16, 0.36, 0.58), (0.9, 0.62, 0.2), (0.99, 0.92, 0.66)),
        ((0.16, 0.08, 0.06), (0.5, 0.2, 0.12), (0.85, 0.55, 0.28), (0.98, 0.9, 0.72)),
        ((0.06, 0.18, 0.2), (0.2, 0.45, 0.38), (0.8, 0.68, 0.36), (0.96, 0.95, 0.8)),
    )

    def __init__(self, factors: Factors, resolution: int):
        super().__init__(len(factors["palette"]), resolution)
        self.factors = factors
        phase = per_picture(factors["wobble"])
        x, y = self.x, self.y
        self.x = x + wave(y * 1.3 + phase) * 0.025 + wave(y * 3.1 + x * 1.7 - phase) * 0.01
        self.y = y + wave(x * 1.5 - phase) * 0.025 + wave(x * 2.9 - y * 1.9 + phase) * 0.01
        self.strokes = x, y

    def picture(self) -> Tensor:
        f = self.factors
        image = self.blend(self._on_palette(torch.stack(self.colours, 1)))
        x, y = self.strokes
        cosine, sine = per_picture(f["stroke_angle"].cos()), per_picture(f["stroke_angle"].sin())
        along, across = x * cosine + y * sine, y * cosine - x * sine
        phase = per_picture(f["wobble"])
        swirl = wave(along * 0.8 + phase) * 0.35
        fine = 0.4 * torch.sinc(torch.tensor(22 / self.resolution))  # what a pixel as wide as this leaves of it
        bristles = wave(across * 5.5 + swirl * 2) * 0.6 + wave(across * 11 + along * 0.7 + swirl) * fine
        dabs = bristles * (wave(along * 2.2 + wave(across * 2.6) * 0.5) * 0.5 + 0.6)
        light = (dabs * per_picture(0.13 * f["stroke_strength"]))[:, None]
        return image + light * (image * 0.6 + 0.4)

    def _on_palette(self, colours: Tensor) -> Tensor:
        """Colours (N x layers x 3) drawn towards the painter's palette, in a few steps of lightness."""
        tables = torch.tensor(self.palettes)
        chosen = tables[(self.factors["palette"] * len(tables)).long().clamp(max=len(tables) - 1)]
        lightness = (colours @ torch.tensor(LUMINANCE)).clamp(0, 1)
        at = (lightness * 6).round() / 6 * (tables.shape[1] - 1)
        low = at.floor().long().clamp(max=tables.shape[1] - 2)
        below = chosen.gather(1, low[:, :, None].expand(-1, -1, 3))
        above = chosen.gather(1, (low + 1)[:, :, None].expand(-1, -1, 3))
        toned = torch.lerp(below, above, (at - low)[:, :, None])
        return torch.lerp(colours, toned, 0.42)
