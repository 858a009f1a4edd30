"""L2-SP: stay near the starting point."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from . import register, tunable
from .finetune import FineTune


@register("l2-sp", cite="Li et al., Explicit Inductive Bias for Transfer Learning, ICML 2018, arXiv:1802.01483")
@dataclass
class L2SP(FineTune):
    """Fine-tuning held close to the source weights."""

    strength: float = tunable(1e-2, low=1e-4, high=1.0, log=True)

    def adapt(self) -> None:
        self.source_generator = self.setup.source.make_generator().to(self.setup.device).requires_grad_(False)

    def generator_penalty(self) -> Tensor:
        return self.strength * squared_distance(self.generator, self.source_generator)


def squared_distance(network: nn.Module, origin: nn.Module) -> Tensor:
    """Sum over all parameters of (w - w0)^2; ``origin`` has the same architecture and needs no gradients."""
    differences = torch._foreach_sub(list(network.parameters()), list(origin.parameters()))
    return torch.stack([d.square().sum() for d in differences]).sum()
