"""ADA: augmentation whose probability follows how far the discriminator overfits."""

import math
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional

from . import register
from .base import Augmentation

TARGET = 0.6
EVERY = 4
RAMP_KIMG = 500.0
RAMP_KIMG_FROM_SOURCE = 100.0
LARGEST_RAMP = 0.2
INTEGER_TRANSLATION = 0.125
SCALE_SD, TRANSLATION_SD = 0.2, 0.125
BRIGHTNESS_SD, CONTRAST_SD, SATURATION_SD = 0.2, 0.5, 1.0


@register("ada", cite="Karras et al., Training GANs with Limited Data, NeurIPS 2020, arXiv:2006.06676")
class ADA(Augmentation):
    """Pixel blitting, geometric and colour transforms (the paper's bgc), each with an adaptive probability p.

    p moves every fourth update by the sign of r - 0.6, where r = E sign D(real); from 0 it can reach 1 after the
    ramp: 500 kimg, or 100 when a source is adapted, but at most a fifth of the run's ``kimg``, since those values
    presume runs of thousands. Images are resampled bilinearly with mirrored borders, without the paper's wavelet
    filters.
    """

    def __init__(self, *, from_source: bool = False, kimg: float | None = None):
        ramp = RAMP_KIMG_FROM_SOURCE if from_source else RAMP_KIMG
        self.ramp_kimg = ramp if kimg is None else min(ramp, LARGEST_RAMP * kimg)
        self.probability = torch.zeros(())
        self.signs = torch.zeros(())
        self.images = 0
        self.updates = 0

    def __call__(self, images: Tensor, rng: Generator) -> Tensor:
        """In float32 also where autocast is on, as in the generator's update: else it would see other transforms."""
        probability = self.probability.to(images.device)
        with torch.autocast(images.device.type, enabled=False):
            moved = move(images, draw_map(len(images), images.shape[-1], probability, rng))
            return colour(moved, *draw_colour(len(images), probability, rng))

    def observe(self, real_logits: Tensor) -> None:
        """Sum the signs on the device; every fourth time, move the probability (nothing is read back)."""
        self.signs = self.signs.to(real_logits.device) + real_logits.sign().float().mean() * len(real_logits)
        self.images += len(real_logits)
        self.updates += 1
        if self.updates % EVERY == 0:
            change = (self.signs / self.images - TARGET).sign() * (self.images / (1000 * self.ramp_kimg))
            self.probability = (self.probability.to(change.device) + change).clamp(0, 1)
            self.signs = torch.zeros_like(self.signs)
            self.images = 0

    def state_dict(self) -> dict[str, Any]:
        return {
            "probability": self.probability,
            "signs": self.signs,
            "images": self.images,
            "updates": self.updates,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.probability = state["probability"].to(self.probability.device)
        self.signs = state["signs"].to(self.signs.device)
        self.images, self.updates = int(state["images"]), int(state["updates"])


def draw_map(count: int, side: int, probability: Tensor, rng: Generator) -> Tensor:
    """For each image the affine map (count x 2 x 3) from output to input coordinates, which run from -1 to 1.

    Every transform is drawn from a symmetric distribution, so that a draw is a draw of its inverse as well.
    """
    device = probability.device
    normal = torch.randn(5, count, generator=rng, device=device)
    uniform = torch.rand(6, count, generator=rng, device=device)
    chance = torch.rand(8, count, generator=rng, device=device)
    applied = chance < probability
    # Rotations before and after the stretching are one event in two halves: either happens with probability p.
    rotated = chance[6:] < 1 - (1 - probability).clamp(min=0).sqrt()
    mirror = 1 - 2 * (applied[0] & (uniform[0] < 0.5)).float()
    quarter_turns = applied[1] * (uniform[1] * 4).floor() * (math.pi / 2)
    pixels = applied[2] * (((2 * uniform[2:4] - 1) * INTEGER_TRANSLATION * side).round() * (2 / side))
    size = torch.exp2(applied[3] * normal[0] * SCALE_SD)
    turns = rotated * ((2 * uniform[4:] - 1) * math.pi)
    stretch = torch.exp2(applied[4] * normal[1] * SCALE_SD)
    shift = applied[5] * normal[2:4] * (2 * TRANSLATION_SD)
    blit = _scaling(mirror, torch.ones_like(mirror)) @ _rotation(quarter_turns)
    geometric = _rotation(turns[0]) @ _scaling(size * stretch, size / stretch) @ _rotation(turns[1])
    linear = blit @ geometric
    offset = blit @ pixels.T[:, :, None] + linear @ shift.T[:, :, None]
    return torch.cat([linear, offset], 2)


def move(images: Tensor, maps: Tensor) -> Tensor:
    """Each image resampled through its map."""
    grid = functional.affine_grid(maps, list(images.shape), align_corners=False)
    return functional.grid_sample(images.float(), grid, padding_mode="reflection", align_corners=False)


def draw_colour(count: int, probability: Tensor, rng: Generator) -> tuple[Tensor, Tensor]:
    """For each image a colour matrix (count x 3 x 3) and an offset for all channels (count x 1 x 1).

    Brightness, contrast, luma flip, hue and saturation in turn. All of them keep the grey axis v and the plane of
    chroma apart, so that the product is a scale on v and a scaled rotation of the plane.
    """
    device = probability.device
    normal = torch.randn(3, count, 1, 1, generator=rng, device=device)
    uniform = torch.rand(2, count, 1, 1, generator=rng, device=device)
    applied = torch.rand(5, count, 1, 1, generator=rng, device=device) < probability
    brightness = applied[0] * normal[0] * BRIGHTNESS_SD
    contrast = torch.exp2(applied[1] * normal[1] * CONTRAST_SD)
    flip = 1 - 2 * (applied[2] & (uniform[0] < 0.5)).float()
    hue = applied[3] * (2 * uniform[1] - 1) * math.pi
    saturation = torch.exp2(applied[4] * normal[2] * SATURATION_SD)
    identity = torch.eye(3, device=device)
    grey = torch.full_like(identity, 1 / 3)
    chroma = identity - grey
    turn = (identity.roll(1, 0) - identity.roll(-1, 0)) / math.sqrt(3)  # v x
    matrix = contrast * (flip * grey + saturation * (hue.cos() * chroma + hue.sin() * turn))
    return matrix, contrast * flip * brightness


def colour(images: Tensor, matrices: Tensor, offsets: Tensor) -> Tensor:
    """Each pixel's colour through its image's matrix and offset."""
    return (matrices @ images.flatten(2) + offsets).view_as(images)


def _scaling(x: Tensor, y: Tensor) -> Tensor:
    return torch.diag_embed(torch.stack([x, y], 1))


def _rotation(angle: Tensor) -> Tensor:
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
