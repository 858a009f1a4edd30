"""Freezing modules so that nothing in them moves, buffers included."""

from torch import nn


def freeze(*modules: nn.Module) -> None:
    """Stop the training of ``modules``: no gradients, and eval mode for good.

    Eval mode keeps BatchNorm statistics and spectral-norm vectors, and ``train`` of an enclosing network does not
    undo it.
    """
    for module in modules:
        module.requires_grad_(False)
        for part in module.modules():
            part.eval()
            part.train = lambda mode=True, part=part: part  # type: ignore[method-assign]
