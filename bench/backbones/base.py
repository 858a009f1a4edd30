"""What every backbone offers, so that a strategy written once runs on each of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn


class Block(NamedTuple):
    """A stage of a network and the resolution in pixels of what comes out of it."""

    resolution: int
    modules: tuple[nn.Module, ...]

    def parameters(self) -> Iterable[nn.Parameter]:
        for module in self.modules:
            yield from module.parameters()


class Generator(nn.Module):
    """Latents (N x latent_dim, standard normal) -> images (N x 3 x R x R, in [-1, 1]).

    In eval mode equal latents give equal images; in training mode a backbone may add noise from torch's global
    random state.
    """

    latent_dim: int
    resolution: int
    mixes_styles: bool = False
    """Whether training images take the styles of their finer layers from ``others``."""

    @property
    def blocks(self) -> list[Block]:
        """From the 4 px input to the full-resolution output."""
        raise TypeError(f"{type(self).__name__} must define blocks")

    def features(self, z: Tensor) -> list[Tensor]:
        """The output of each block, N x C x H x W, in the order of ``blocks``; the last is the image."""
        raise TypeError(f"{type(self).__name__} must define features")

    def training_images(self, z: Tensor, others: Tensor | None, rng: torch.Generator) -> Tensor:
        """Images for an adversarial step, with what the backbone's paper does only there (style mixing).

        ``others`` are as many latents, drawn as ``z`` are, to mix with; None where nothing is to be mixed.
        """
        return self(z)

    def path_lengths(self, z: Tensor, others: Tensor | None, rng: torch.Generator) -> Tensor:
        """|J^T y| of each latent (N), for path-length regularisation (Karras et al., CVPR 2020, eq. 4)."""
        raise TypeError(f"{type(self).__name__} has no path-length regularisation: set path_length_weight to 0")


class Discriminator(nn.Module):
    """Images (N x 3 x R x R, in [-1, 1]) -> logits (N), positive for real.

    ``forward(x)`` equals ``head(features(x)[-1])`` flattened to N, in float32 also under autocast, so that losses are
    not rounded. ``head`` is the part after the last block: strategies copy or replace it.
    """

    resolution: int
    head: nn.Module

    @property
    def blocks(self) -> list[Block]:
        """From the full-resolution image down to 4 px; ``resolution`` is that of the block's output."""
        raise TypeError(f"{type(self).__name__} must define blocks")

    def features(self, x: Tensor) -> list[Tensor]:
        """The output of each block, N x C x H x W, in the order of ``blocks``."""
        raise TypeError(f"{type(self).__name__} must define features")

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x)[-1]).flatten().float()


class Encoder(nn.Module):
    """Images (N x 3 x R x R, in [-1, 1]) -> mean and log-variance of the latent (each N x latent_dim)."""


@dataclass(frozen=True)
class AdversarialDefaults:
    """The optimiser and regulariser settings that belong to a backbone (they may be set in a matrix)."""

    generator_lr: float
    discriminator_lr: float
    betas: tuple[float, float]
    r1_gamma: float
    """Weight of the gradient penalty (gamma / 2) E|grad D(x)|^2 on reals; 0 switches it off."""
    r1_every: int
    """Lazy regularisation: the penalty is taken each n-th step and scaled by n."""
    ema_half_life_kimg: float
    """Half-life of the generator's moving average, in thousand images shown."""
    lr_decay: float = 1.0
    """Both learning rates fall in a straight line over the budget, to this share of themselves at its end."""
    path_length_weight: float = 0.0
    path_length_every: int = 4


@dataclass
class Backbone(ABC):
    """A family of generator, discriminator and encoder at one resolution and width."""

    resolution: int = 32
    width: int = 32

    resolutions: ClassVar[tuple[int, ...]]
    defaults: ClassVar[AdversarialDefaults]
    images_seen_together: ClassVar[int] = 1
    """Size of the groups in which the discriminator compares images: a process must get whole groups of a batch."""

    @abstractmethod
    def make_generator(self) -> Generator:
        """A freshly initialised generator; draws from torch's global random state."""

    @abstractmethod
    def make_discriminator(self) -> Discriminator:
        """A freshly initialised discriminator."""

    @abstractmethod
    def make_encoder(self) -> Encoder:
        """A freshly initialised encoder that mirrors the discriminator (for the VAE)."""

    def generator_loss(self, fake_logits: Tensor) -> Tensor:
        """Non-saturating loss, E softplus(-D(G(z))) (Goodfellow et al. 2014)."""
        return nn.functional.softplus(-fake_logits).mean()

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """E softplus(-D(x)) + E softplus(D(G(z)))."""
        return nn.functional.softplus(-real_logits).mean() + nn.functional.softplus(fake_logits).mean()
