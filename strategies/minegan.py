"""MineGAN: a small network finds the part of the source generator's latent space that is nearest to the target."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..bench.backbones.base import Backbone, Block, Generator
from . import register, tunable
from .finetune import FineTune


@register("minegan", cite="Wang et al., MineGAN, CVPR 2020, arXiv:1912.05270")
@dataclass
class MineGAN(FineTune):
    """A miner network in front of the source generator: first the miner alone is trained, then both.

    The discriminator is fine-tuned throughout. ``mining`` is the share of the steps in which the generator stays
    frozen, its BatchNorm statistics included.
    """

    mining: float = tunable(0.3, low=0.05, high=1.0, most=1.0)

    def make_generator(self) -> Generator:
        return MinedGenerator(super().make_generator())

    @classmethod
    def empty_generator(cls, backbone: Backbone) -> Generator:
        return MinedGenerator(backbone.make_generator())

    def step(self, real: Tensor) -> dict[str, Tensor]:
        self.freeze_or_thaw()
        return super().step(real)

    def freeze_or_thaw(self) -> None:
        """Set the phase from the number of steps, so that a resumed run is in the right one."""
        frozen = self.steps_done < round(self.mining * self.setup.steps)
        self.generator.source.requires_grad_(not frozen).train(not frozen)

    def generator_parameters(self) -> Iterable[nn.Parameter]:
        """Those of both phases: the optimiser leaves alone what has no gradient."""
        return self.generator.parameters()


class MinedGenerator(Generator):
    """The miner, and the source generator that is fed by it."""

    def __init__(self, source: Generator):
        super().__init__()
        self.latent_dim = source.latent_dim
        self.resolution = source.resolution
        self.mixes_styles = source.mixes_styles
        self.miner = identity_miner(source.latent_dim)
        self.source = source

    @property
    def blocks(self) -> list[Block]:
        return self.source.blocks

    def forward(self, z: Tensor) -> Tensor:
        return self.source(self.miner(z))

    def features(self, z: Tensor) -> list[Tensor]:
        return self.source.features(self.miner(z))

    def training_images(self, z: Tensor, others: Tensor | None, rng: torch.Generator) -> Tensor:
        return self.source.training_images(self.miner(z), self._mined(others), rng)

    def path_lengths(self, z: Tensor, others: Tensor | None, rng: torch.Generator) -> Tensor:
        return self.source.path_lengths(self.miner(z), self._mined(others), rng)

    def _mined(self, others: Tensor | None) -> Tensor | None:
        return None if others is None else self.miner(others)


def identity_miner(latent_dim: int) -> nn.Sequential:
    """Linear, ReLU, Linear on the latent (N x latent_dim), begun at the identity: z = relu(z) - relu(-z).

    The authors draw it at random. From the identity, mining begins at the source's own images, so that no steps of a
    short run are spent on finding back to where the source's latents lie.
    """
    wide, narrow = nn.Linear(latent_dim, 2 * latent_dim), nn.Linear(2 * latent_dim, latent_dim)
    identity = torch.eye(latent_dim)
    with torch.no_grad():
        wide.weight.copy_(torch.cat([identity, -identity]))
        narrow.weight.copy_(torch.cat([identity, -identity], 1))
        wide.bias.zero_()
        narrow.bias.zero_()
    return nn.Sequential(wide, nn.ReLU(), narrow)
