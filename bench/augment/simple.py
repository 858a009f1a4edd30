"""No augmentation, and horizontal flips."""

import torch
from torch import Generator, Tensor

from . import register
from .base import Augmentation


@register("none")
class NoAugmentation(Augmentation):
    """The images as they are."""

    keeps_distribution = True

    def __call__(self, images: Tensor, rng: Generator) -> Tensor:
        return images


@register("flip")
class Flip(Augmentation):
    """Each image mirrored left to right with probability one half."""

    keeps_distribution = True

    def __call__(self, images: Tensor, rng: Generator) -> Tensor:
        mirrored = torch.rand(len(images), 1, 1, 1, generator=rng, device=images.device) < 0.5
        return torch.where(mirrored, images.flip(3), images)
