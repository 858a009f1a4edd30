"""DCGAN for 32 and 64 px, with the settings that learn fastest on a CPU.

Radford et al., Unsupervised Representation Learning with DCGAN, ICLR 2016, with three departures: BatchNorm in the
generator only, the non-saturating loss with lazy R1 (Mescheder et al., ICML 2018; Karras et al., CVPR 2020), and
a moving average of the generator.
"""

import itertools
import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from . import register
from .base import AdversarialDefaults, Backbone, Block, Discriminator, Encoder, Generator
from .layout import channels_last

LATENT_DIM = 128


@register("dcgan", cite="Radford et al., ICLR 2016, arXiv:1511.06434")
@dataclass
class DCGAN(Backbone):
    """Small convolutional GAN: BatchNorm generator, norm-free discriminator, lazy R1."""

    resolutions: ClassVar[tuple[int, ...]] = (32, 64)
    defaults: ClassVar[AdversarialDefaults] = AdversarialDefaults(
        generator_lr=1e-3,
        discriminator_lr=1e-3,
        betas=(0.0, 0.99),
        r1_gamma=1.0,
        r1_every=8,
        ema_half_life_kimg=2.0,
    )

    def make_generator(self) -> "DCGANGenerator":
        return channels_last(DCGANGenerator(self.resolution, self.width))

    def make_discriminator(self) -> "DCGANDiscriminator":
        return channels_last(DCGANDiscriminator(self.resolution, self.width))

    def make_encoder(self) -> "DCGANEncoder":
        return channels_last(DCGANEncoder(self.resolution, self.width))


class DCGANGenerator(Generator):
    """4 px -> R px by stride-2 transposed convolutions; widths double towards the input."""

    def __init__(self, resolution: int, width: int):
        super().__init__()
        self.latent_dim = LATENT_DIM
        self.resolution = resolution
        stages = int(math.log2(resolution)) - 2
        channels = [width * 2 ** (stages - 1 - i) for i in range(stages)]
        self.input = nn.Sequential(
            nn.ConvTranspose2d(LATENT_DIM, channels[0], 4, bias=False), nn.BatchNorm2d(channels[0]), nn.ReLU()
        )
        self.up = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            )
            for before, after in itertools.pairwise(channels)
        )
        self.output = nn.Sequential(nn.ConvTranspose2d(channels[-1], 3, 4, stride=2, padding=1), nn.Tanh())
        self.apply(_initialise)

    @property
    def blocks(self) -> list[Block]:
        inner = [Block(8 * 2**i, (stage,)) for i, stage in enumerate(self.up)]
        return [Block(4, (self.input,)), *inner, Block(self.resolution, (self.output,))]

    def features(self, z: Tensor) -> list[Tensor]:
        # Strides as those of the weights: cuDNN takes z[:, :, None, None] for channels first, and the gradient's layout
        # is then not the one that torch.compile foresees.
        x = z[:, None, None].permute(0, 3, 1, 2)
        outputs = []
        for stage in (self.input, *self.up, self.output):
            x = stage(x)
            outputs.append(x)
        return outputs

    def forward(self, z: Tensor) -> Tensor:
        return self.features(z)[-1]


def _downsampling(resolution: int, width: int) -> nn.ModuleList:
    """R px -> 4 px by stride-2 convolutions; widths double towards the head."""
    stages = int(math.log2(resolution)) - 2
    channels = [3, *(width * 2**i for i in range(stages))]
    return nn.ModuleList(
        nn.Sequential(nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.2))
        for before, after in itertools.pairwise(channels)
    )


class DCGANDiscriminator(Discriminator):
    """The mirror of the generator without normalisation, so that R1 sees each image on its own."""

    def __init__(self, resolution: int, width: int):
        super().__init__()
        self.resolution = resolution
        self.down = _downsampling(resolution, width)
        self.head = nn.Conv2d(width * resolution // 8, 1, 4)
        self.apply(_initialise)

    @property
    def blocks(self) -> list[Block]:
        return [Block(self.resolution // 2 ** (i + 1), (stage,)) for i, stage in enumerate(self.down)]

    def features(self, x: Tensor) -> list[Tensor]:
        outputs = []
        for stage in self.down:
            x = stage(x)
            outputs.append(x)
        return outputs


class DCGANEncoder(Encoder):
    """The discriminator's trunk with a head for the mean and log-variance of the latent."""

    def __init__(self, resolution: int, width: int):
        super().__init__()
        self.down = _downsampling(resolution, width)
        self.head = nn.Conv2d(width * resolution // 8, 2 * LATENT_DIM, 4)
        self.apply(_initialise)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for stage in self.down:
            x = stage(x)
        mean, log_variance = self.head(x).flatten(1).chunk(2, dim=1)
        return mean, log_variance


def _initialise(module: nn.Module) -> None:
    """Normal(0, 0.02) weights as in the paper; BatchNorm scales around one."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
