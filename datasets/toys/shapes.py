"""Signed distances of simple shapes (N x P, negative inside) and colours from numbers.

Sizes are per picture (N) or plain numbers. Distances are exact at the edge up to a factor near one, which is all that
anti-aliasing needs.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

Size = Tensor | float


def per_picture(size: Size) -> Tensor | float:
    """A size in a shape that broadcasts against N x P."""
    return size if isinstance(size, float | int) else size[:, None]


def ellipse(x: Tensor, y: Tensor, width: Size, height: Size) -> Tensor:
    """Ellipse around the origin with half-axes ``width`` and ``height``."""
    a, b = per_picture(width), per_picture(height)
    smaller = torch.minimum(torch.as_tensor(a), torch.as_tensor(b))
    return ((x * (1 / a)).square_() + (y * (1 / b)).square_()).sqrt_().sub_(1).mul_(smaller)


def circle(x: Tensor, y: Tensor, radius: Size) -> Tensor:
    return (x.square() + y.square()).sqrt_().sub_(per_picture(radius))


def box(x: Tensor, y: Tensor, width: Size, height: Size) -> Tensor:
    """Rectangle around the origin with half-sides ``width`` and ``height``."""
    return torch.maximum(x.abs().sub_(per_picture(width)), y.abs().sub_(per_picture(height)))


def rounded_box(x: Tensor, y: Tensor, width: Size, height: Size, radius: Size) -> Tensor:
    """Rectangle with rounded corners; ``radius`` at most the smaller half-side."""
    r = per_picture(radius)
    across, down = x.abs() - (per_picture(width) - r), y.abs() - (per_picture(height) - r)
    inside = torch.maximum(across, down).clamp_(max=0)
    return (across.clamp_(min=0).square_() + down.clamp_(min=0).square_()).sqrt_().add_(inside).sub_(r)


def triangle(x: Tensor, y: Tensor, width: Size, height: Size) -> Tensor:
    """Isosceles triangle, its base (half-width ``width``) at y = 0 and its tip at y = -height."""
    a, b = per_picture(width), per_picture(height)
    length = (torch.as_tensor(a) ** 2 + torch.as_tensor(b) ** 2).sqrt()
    return torch.maximum((x.abs() * b - y * a).sub_(a * b).div_(length), y)


def ramp(share: Tensor, stops: Sequence[tuple[float, float, float]]) -> Tensor:
    """Colour (N x 3) at ``share`` (N, in [0, 1]) of the way along evenly spaced stops."""
    table = torch.tensor(stops)
    at = share.clamp(0, 1) * (len(stops) - 1)
    low = at.floor().long().clamp(max=len(stops) - 2)
    return torch.lerp(table[low], table[low + 1], (at - low)[:, None])


def hsv(hue: Tensor, saturation: Size, value: Size) -> Tensor:
    """Colour (N x 3) of a hue in turns (N); saturation and value in [0, 1]."""
    offsets = torch.tensor([0.0, 2 / 3, 1 / 3])
    triple = ((hue[:, None] + offsets).frac() * 6 - 3).abs().sub(1).clamp(0, 1)
    return per_picture(value) * (1 - per_picture(saturation) * (1 - triple))


def constant(count: int, colour: tuple[float, float, float]) -> Tensor:
    """The same colour for every picture, N x 3."""
    return torch.tensor(colour, dtype=torch.float32).expand(count, 3)
