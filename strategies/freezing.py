"""Freezing modules so that nothing in them moves, buffers included."""

from torch import nn


def freeze(*modules: nn.Module) -> None:
    """Stop the training of ``modules``: no gradients, and eval mode, which keeps BatchNorm statistics and
    spectral-norm vectors. (The shared update never calls ``train`` after ``adapt``.)
    """
    for module in modules:
        module.requires_grad_(False).eval()
