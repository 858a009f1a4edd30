"""DiffAugment: colour, translation and cutout, in the strengths of the paper's low-shot runs."""

import torch
from torch import Generator, Tensor
from torch.nn import functional

from . import register
from .base import Augmentation

BRIGHTNESS = 0.5
SATURATION = (0.0, 2.0)
CONTRAST = (0.5, 1.5)
TRANSLATION = 1 / 8
CUTOUT = 1 / 2


@register("diffaugment", cite="Zhao et al., Differentiable Augmentation, NeurIPS 2020, arXiv:2006.10738")
class DiffAugment(Augmentation):
    """Random brightness, saturation, contrast, translation and cutout of every image, each with its own draw."""

    def __call__(self, images: Tensor, rng: Generator) -> Tensor:
        return cut_out(translate(jitter_colour(images, rng), rng), rng)


@register("translation", cite="Zhao et al., Differentiable Augmentation, NeurIPS 2020, arXiv:2006.10738")
class Translation(Augmentation):
    """DiffAugment's translation alone."""

    def __call__(self, images: Tensor, rng: Generator) -> Tensor:
        return translate(images, rng)


def jitter_colour(images: Tensor, rng: Generator) -> Tensor:
    """x + U(-0.5, 0.5); then times U(0, 2) about the mean over channels; then times U(0.5, 1.5) about the mean."""
    uniform = torch.rand(3, len(images), 1, 1, 1, generator=rng, device=images.device)
    brightness = BRIGHTNESS * (2 * uniform[0] - 1)
    saturation = SATURATION[0] + (SATURATION[1] - SATURATION[0]) * uniform[1]
    contrast = CONTRAST[0] + (CONTRAST[1] - CONTRAST[0]) * uniform[2]
    grey = images.mean(1, keepdim=True)
    level = grey.mean((2, 3), keepdim=True)
    # The three in one pass: saturation keeps the grey of each pixel, and so the level that contrast turns about.
    shift = contrast * (1 - saturation) * grey + (1 - contrast) * level + brightness
    return torch.addcmul(shift, images, contrast * saturation)


def translate(images: Tensor, rng: Generator) -> Tensor:
    """Each image moved by whole pixels, up to an eighth of its side in each direction, over black (zero)."""
    count, channels, side, _ = images.shape
    most = int(side * TRANSLATION + 0.5)
    offsets = torch.randint(0, 2 * most + 1, (2, count, 1), generator=rng, device=images.device)
    rows, columns = torch.arange(side, device=images.device) + offsets
    wide = side + 2 * most
    source = (rows[:, :, None] * wide + columns[:, None, :]).view(count, 1, -1).expand(-1, channels, -1)
    padded = functional.pad(images, [most] * 4).flatten(2)
    return padded.gather(2, source).view_as(images)


def cut_out(images: Tensor, rng: Generator) -> Tensor:
    """A square of half the side set to zero; its centre is anywhere in the image, so it may be cropped."""
    count, _, side, _ = images.shape
    size = int(side * CUTOUT + 0.5)
    centres = torch.randint(0, side + 1 - size % 2, (2, count, 1), generator=rng, device=images.device)
    distance = torch.arange(side, device=images.device) - (centres - size // 2)
    rows, columns = (distance >= 0) & (distance < size)
    return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.0)
