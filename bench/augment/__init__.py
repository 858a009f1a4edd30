"""Augmentation, an axis of the matrix that is crossed with any adversarial strategy."""

from ..registries import augmentations
from .base import Augmentation

register = augmentations.register


def make_augmentation(name: str, *, from_source: bool, kimg: float | None = None) -> Augmentation:
    """The augmentation called ``name`` for a run of ``kimg`` thousand images.

    ``from_source`` tells whether a trained model is being adapted.
    """
    return augmentations.get(name)(from_source=from_source, kimg=kimg)


__all__ = ["Augmentation", "make_augmentation", "register"]
