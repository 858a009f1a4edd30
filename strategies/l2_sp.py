"""L2-SP: stay near the starting point."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from . import register, tunable
from .finetune import FineTune


@register("l2-sp", cite="Li et al., Explicit Inductive Bias for Transfer Learning, ICML 2018, arXiv:1802.01483")
@dataclass
class L2SP(FineTune):
    """Fine-tuning held close to the source weights.

    Adds ``strength`` x sum (w - w_source)^2 + ``beta`` x sum w^2 (alpha / 2 and beta / 2 of the paper), the first
    over the weights that the source has, the second over those that it lacks (none, unless a strategy that derives
    from this one adds modules). ``on`` says which networks are held. ``reduction`` "sum" is the definition; "mean"
    adds up the mean of each tensor instead, as public GAN code does, and needs strengths that are orders of
    magnitude larger.
    """

    strength: float = tunable(1e-2, low=1e-4, high=1.0, log=True)
    on: str = tunable("g", choices=("g", "d", "both"))
    reduction: str = tunable("sum", choices=("sum", "mean"), searched=False)
    beta: float = tunable(1e-3, low=1e-5, high=0.1, log=True, searched=False)

    def adapt(self) -> None:
        source = self.setup.source
        self.source_generator = source_weights(source.make_generator(), self.setup.device)
        self.source_discriminator = source_weights(source.make_discriminator(), self.setup.device)

    def generator_penalty(self) -> Tensor | float:
        return self._penalty(self.generator, self.source_generator) if self.on in ("g", "both") else 0.0

    def discriminator_penalty(self, real: Tensor) -> Tensor | float:
        return self._penalty(self.discriminator, self.source_discriminator) if self.on in ("d", "both") else 0.0

    def _penalty(self, network: nn.Module, source: Mapping[str, Tensor]) -> Tensor | float:
        shared = {name: w for name, w in network.named_parameters() if name in source}
        fresh = [w for name, w in network.named_parameters() if name not in source]
        held = squared_distance(list(shared.values()), [source[name] for name in shared], reduction=self.reduction)
        decayed = squared_distance(fresh, [torch.zeros_like(w) for w in fresh], reduction=self.reduction)
        return self.strength * held + self.beta * decayed


def source_weights(network: nn.Module, device: torch.device) -> dict[str, Tensor]:
    """The parameters of a source network by name, constant on ``device`` (a network of their own, so that training
    cannot move them)."""
    return {name: w.detach().to(device) for name, w in network.named_parameters()}


def squared_distance(
    weights: Sequence[Tensor],
    origin: Sequence[Tensor],
    importance: Sequence[Tensor] | None = None,
    reduction: str = "sum",
) -> Tensor | float:
    """Sum of importance x (w - w0)^2 over all weights (importance 1 if None); 0 for no weights.

    ``reduction`` "mean" takes the mean inside each tensor before the tensors are added up.
    """
    if not weights:
        return 0.0
    squares = torch._foreach_pow(torch._foreach_sub(list(weights), list(origin)), 2)
    if importance is not None:
        squares = torch._foreach_mul(squares, list(importance))
    return torch.stack([s.sum() if reduction == "sum" else s.mean() for s in squares]).sum()
