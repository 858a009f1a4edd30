"""Layers whose weight is divided by its largest singular value (Miyato et al., ICLR 2018).

Unlike ``torch.nn.utils.parametrizations.spectral_norm`` they keep ``weight`` a plain parameter, so that strategies
may penalise, freeze or re-parametrise it as they do in any other layer.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-12
START_ITERATIONS = 15


class _SpectralNorm(nn.Module):
    """Mix-in: ``normalised_weight`` is the weight over its spectral norm.

    The norm is u^T W v with u and v from one power iteration per forward pass in training mode; in eval mode
    they stay as they are.
    """

    weight: nn.Parameter
    u: Tensor
    v: Tensor

    def _start_power_iteration(self) -> None:
        """Draw v and bring u and v near the first singular vectors of the weight as it is now."""
        rows, columns = self.weight.flatten(1).shape
        self.register_buffer("u", torch.zeros(rows))
        self.register_buffer("v", functional.normalize(torch.randn(columns), dim=0, eps=EPSILON))
        for _ in range(START_ITERATIONS):
            self._power_iteration()

    @torch.no_grad()
    def _power_iteration(self) -> None:
        with torch.autocast(self.weight.device.type, enabled=False):
            weight = self.weight.flatten(1)
            # New tensors: the backward pass of the forward pass before this one still reads the old ones.
            self.u = functional.normalize(weight @ self.v, dim=0, eps=EPSILON)
            self.v = functional.normalize(weight.T @ self.u, dim=0, eps=EPSILON)

    def normalised_weight(self) -> Tensor:
        if self.training:
            self._power_iteration()
        with torch.autocast(self.weight.device.type, enabled=False):
            return self.weight / torch.dot(self.u, self.weight.flatten(1) @ self.v)


class SpectralConv2d(_SpectralNorm, nn.Conv2d):
    """Convolution with spectral normalisation."""

    def __init__(self, before: int, after: int, kernel_size: int, padding: int = 0, gain: float = 1.0):
        super().__init__(before, after, kernel_size, padding=padding)
        initialise(self, gain)
        self._start_power_iteration()

    def forward(self, input: Tensor) -> Tensor:
        return functional.conv2d(input, self.normalised_weight(), self.bias, padding=self.padding)  # pyright: ignore


class SpectralLinear(_SpectralNorm, nn.Linear):
    """Linear layer with spectral normalisation."""

    def __init__(self, before: int, after: int):
        super().__init__(before, after)
        initialise(self, 1.0)
        self._start_power_iteration()

    def forward(self, input: Tensor) -> Tensor:
        return functional.linear(input, self.normalised_weight(), self.bias)


def initialise(layer: nn.Conv2d | nn.Linear, gain: float) -> None:
    """Glorot-uniform weights with a gain, and zero biases."""
    nn.init.xavier_uniform_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
