"""The reference line: what the source model gives without any adaptation."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from . import Setup, Strategy, generate, register


@register("source-only")
@dataclass
class SourceOnly(Strategy):
    """The unadapted source generator (reference, not a strategy to choose)."""

    trains: ClassVar[bool] = False

    def prepare(self, setup: Setup) -> None:
        self.setup = setup
        self.generator = setup.source.make_generator().to(setup.device).eval().requires_grad_(False)

    def step(self, real: Tensor) -> dict[str, Tensor]:
        raise RuntimeError("source-only does not train")

    def sample(self, count: int, rng: torch.Generator) -> Tensor:
        latents = torch.randn(count, self.generator.latent_dim, generator=rng, device=self.setup.device)
        return generate(self.generator, latents)

    def trained(self) -> dict[str, list[nn.Parameter]]:
        return {}

    def networks(self) -> dict[str, nn.Module]:
        return {"generator": self.generator}
