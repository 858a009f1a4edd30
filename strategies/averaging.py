"""The exponential moving average of a generator's weights, which is what is sampled and scored."""

from typing import Any

import torch
from torch import Tensor

from ..bench.backbones.base import Generator
from .kernels import plain_copy, plain_places


class MovingAverage:
    """Average of ``network``'s parameters with a half-life in images; buffers (BatchNorm statistics) are copied.

    ``module`` is the plain network: of re-parametrised weights (``kernels.reparametrise``) the effective values are
    averaged, so that it is the same average whatever is trained, and loads into the backbone's own generator.

    The half-life is ramped up over the first images (Karras et al., CVPR 2020: at most 5 % of what was shown), so
    that the starting weights are soon forgotten.
    """

    RAMP_UP = 0.05

    def __init__(self, network: Generator, half_life_kimg: float):
        self.module = plain_copy(network).eval().requires_grad_(False)
        self.half_life = half_life_kimg * 1000
        self.images = 0
        self._parameters: list[Tensor] = list(self.module.parameters())
        self._buffers = list(self.module.buffers())
        # Found once: names take longer to follow than all of a small network takes to average.
        self._averaged = plain_places(network, [name for name, _ in self.module.named_parameters()])
        self._copied = plain_places(network, [name for name, _ in self.module.named_buffers()])

    @torch.no_grad()
    def update(self, batch: int) -> None:
        """Follow the network after a step on ``batch`` images."""
        self.images += batch
        half_life = min(self.half_life, self.RAMP_UP * self.images)
        weight = 1 - 0.5 ** (batch / max(half_life, 1e-8))
        torch._foreach_lerp_(self._parameters, [getattr(*place) for place in self._averaged], weight)
        for mine, place in zip(self._buffers, self._copied, strict=True):
            mine.copy_(getattr(*place))

    def state_dict(self) -> dict[str, Any]:
        return {"module": self.module.state_dict(), "images": self.images}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.module.load_state_dict(state["module"])
        self.images = int(state["images"])
