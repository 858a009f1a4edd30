"""Anti-aliased drawing of many pictures at once, from the front to the back.

Each shape is a signed distance (negative inside) at every pixel of every picture. A picture is then a weighted sum of
the shapes' colours: the weight of a shape at a pixel is its coverage times what the shapes in front let through.
Only the weights are kept per pixel (N x P, P = R * R), and one matrix product gives the colours.

Coordinates run from -1 (left, top) to 1 (right, bottom), so a picture does not depend on its resolution.
"""

import torch
from torch import Tensor

from .shapes import per_picture


class Canvas:
    """``count`` pictures of ``resolution`` px, painted in flat colours."""

    def __init__(self, count: int, resolution: int):
        centres = (torch.arange(resolution) + 0.5) * (2 / resolution) - 1
        self.resolution = resolution
        self.x = centres.repeat(resolution)[None]
        self.y = centres.repeat_interleave(resolution)[None]
        self.through = torch.ones(count, resolution**2)
        self.weights: list[Tensor] = []
        self.colours: list[Tensor] = []
        self.sharpness: Tensor | float = resolution / 2
        """Pixels per unit of length in the coordinates that distances are given in."""

    def place(self, x: Tensor, y: Tensor, scale: Tensor, tilt: Tensor) -> tuple[Tensor, Tensor]:
        """Pixel coordinates (N x P) in the frame of an object at (x, y), ``scale`` times as large, tilted (radians).

        Distances given from now on are in that frame.
        """
        cosine, sine = (tilt.cos() / scale)[:, None], (tilt.sin() / scale)[:, None]
        across, down = self.x - x[:, None], self.y - y[:, None]
        self.sharpness = (scale * (self.resolution / 2))[:, None]
        return across * cosine + down * sine, down * cosine - across * sine

    def leave(self) -> tuple[Tensor, Tensor]:
        """Back to the frame of the picture."""
        self.sharpness = self.resolution / 2
        return self.x.expand_as(self.through), self.y.expand_as(self.through)

    def coverage(self, distance: Tensor) -> Tensor:
        """Share of each pixel that lies inside the shape (the edge taken as straight within a pixel)."""
        return (distance * self.sharpness).neg_().add_(0.5).clamp_(0, 1)

    def fill(self, distance: Tensor, colour: Tensor, opacity: Tensor | None = None) -> None:
        """Draw a shape behind everything drawn so far. Colour N x 3, opacity N, in [0, 1]."""
        alpha = self.coverage(distance)
        if opacity is not None:
            alpha = alpha * opacity[:, None]
        self.tint(alpha, colour)

    def shade(self, distance: Tensor, colour: Tensor, opacity: Tensor | float) -> None:
        """Draw a shape that has no edge of its own: a shadow or a light on another shape."""
        self.tint(self.coverage(distance) * per_picture(opacity), colour)

    def line(
        self,
        distance: Tensor,
        half_width: Tensor | float,
        colour: Tensor,
        opacity: Tensor | None = None,
        within: Tensor | None = None,
    ) -> None:
        """Draw the line of zero distance; exact also where it is thinner than a pixel.

        ``within`` is the distance of a shape to which the line is confined.
        """
        half = per_picture(half_width)
        alpha = self.coverage(distance - half) - self.coverage(distance + half)
        if within is not None:
            alpha = alpha * self.coverage(within)
        if opacity is not None:
            alpha = alpha * opacity[:, None]
        self.tint(alpha, colour)

    def tint(self, alpha: Tensor, colour: Tensor) -> None:
        """Lay a colour (N x 3) of given opacity (N x P) behind everything drawn so far."""
        weight = alpha * self.through
        self.through -= weight
        self.weights.append(weight)
        self.colours.append(colour)

    def gradient(self, share: Tensor, colour: Tensor, other: Tensor) -> None:
        """Fill what is still empty with ``share`` (N x P, in [0, 1]) of a colour and the rest of another."""
        self.tint(share, colour)
        self.tint(torch.ones_like(self.through), other)

    def blend(self, colours: Tensor) -> Tensor:
        """Sum of the layers' colours (N x layers x C, in drawing order) by their weights: N x C x P."""
        return torch.bmm(colours.transpose(1, 2), torch.stack(self.weights, 1))

    def picture(self) -> Tensor:
        """The finished pictures, float N x 3 x P in [0, 1]."""
        return self.blend(torch.stack(self.colours, 1))

    def finish(self) -> Tensor:
        """The finished pictures, uint8 N x 3 x R x R."""
        image = self.picture().mul_(255).round_().clamp_(0, 255).to(torch.uint8)
        return image.unflatten(2, (self.resolution, self.resolution))
