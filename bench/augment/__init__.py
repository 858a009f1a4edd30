"""Augmentation, an axis of the matrix that is crossed with any adversarial strategy."""

from ..registries import augmentations
from .base import Augmentation

register = augmentations.register

__all__ = ["Augmentation", "register"]
