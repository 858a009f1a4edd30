"""SNGAN with residual blocks for 32, 64 and 128 px.

Miyato et al., Spectral Normalization for Generative Adversarial Networks, ICLR 2018: BatchNorm generator, spectrally
normalised discriminator with global sum pooling, hinge loss. At 128 px and width 64 the channels are the paper's;
smaller resolutions follow the same rule. Departures: one discriminator step for each generator step at a higher
learning rate (two time-scales, Heusel et al., NeurIPS 2017) instead of five at an equal one, a discriminator that
reaches 4 px at every resolution and whose last block always has a learnt 1 x 1 convolution as its shortcut (the
identity in the authors' code), and a moving average of the generator.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from . import register
from .base import AdversarialDefaults, Backbone, Block, Discriminator, Encoder, Generator
from .layout import channels_last
from .spectral_norm import SpectralConv2d, SpectralLinear, initialise

LATENT_DIM = 128
WIDEST = 16
"""No layer has more than this many times the width."""
RESIDUAL_GAIN = math.sqrt(2)


@register("sngan", cite="Miyato et al., ICLR 2018, arXiv:1802.05957")
@dataclass
class SNGAN(Backbone):
    """Residual GAN: BatchNorm generator, spectrally normalised discriminator, hinge loss."""

    width: int = 64

    resolutions: ClassVar[tuple[int, ...]] = (32, 64, 128)
    defaults: ClassVar[AdversarialDefaults] = AdversarialDefaults(
        generator_lr=1e-4,
        discriminator_lr=4e-4,
        betas=(0.0, 0.9),
        r1_gamma=0.0,
        r1_every=16,
        ema_half_life_kimg=2.0,
    )

    def make_generator(self) -> "SNGANGenerator":
        return channels_last(SNGANGenerator(self.resolution, self.width))

    def make_discriminator(self) -> "SNGANDiscriminator":
        return channels_last(SNGANDiscriminator(self.resolution, self.width))

    def make_encoder(self) -> "SNGANEncoder":
        return channels_last(SNGANEncoder(self.resolution, self.width))

    def generator_loss(self, fake_logits: Tensor) -> Tensor:
        """-E D(G(z))."""
        return -fake_logits.mean()

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Hinge loss, E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))."""
        return functional.relu(1 - real_logits).mean() + functional.relu(1 + fake_logits).mean()


def _resolutions_above_4(resolution: int) -> list[int]:
    """8, 16 … ``resolution``."""
    return [2**i for i in range(3, int(math.log2(resolution)) + 1)]


class SNGANGenerator(Generator):
    """Linear layer to 4 px, one residual block for each doubling, BatchNorm and a convolution to the image."""

    def __init__(self, resolution: int, width: int):
        super().__init__()
        self.latent_dim = LATENT_DIM
        self.resolution = resolution
        channels = {r: width * min(WIDEST, resolution // r) for r in [4, *_resolutions_above_4(resolution)]}
        self.input = nn.Sequential(nn.Linear(LATENT_DIM, channels[4] * 16), nn.Unflatten(1, (channels[4], 4, 4)))
        self.up = nn.ModuleList(UpBlock(channels[r // 2], channels[r]) for r in _resolutions_above_4(resolution))
        to_image = nn.Conv2d(channels[resolution], 3, 3, padding=1)
        self.output = nn.Sequential(nn.BatchNorm2d(channels[resolution]), nn.ReLU(), to_image, nn.Tanh())
        for layer in (self.input[0], to_image):
            initialise(layer, 1.0)  # pyright: ignore[reportArgumentType]

    @property
    def blocks(self) -> list[Block]:
        inner = [Block(8 * 2**i, (block,)) for i, block in enumerate(self.up)]
        return [Block(4, (self.input,)), *inner, Block(self.resolution, (self.output,))]

    def features(self, z: Tensor) -> list[Tensor]:
        x = z
        outputs = []
        for stage in (self.input, *self.up, self.output):
            x = stage(x)
            outputs.append(x)
        return outputs

    def forward(self, z: Tensor) -> Tensor:
        return self.features(z)[-1]


class UpBlock(nn.Module):
    """Residual block of the generator; doubles the resolution (nearest neighbour) before its first convolution."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(before)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.skip = nn.Conv2d(before, after, 1)
        for layer, gain in ((self.conv1, RESIDUAL_GAIN), (self.conv2, RESIDUAL_GAIN), (self.skip, 1.0)):
            initialise(layer, gain)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.interpolate(functional.relu(self.norm1(x)), scale_factor=2)
        y = self.conv2(functional.relu(self.norm2(self.conv1(y))))
        # The 1 x 1 convolution commutes with the doubling, and is four times cheaper before it.
        return y + functional.interpolate(self.skip(x), scale_factor=2)


Convolution = Callable[..., nn.Conv2d]
"""(channels before, after, kernel size, padding=, gain=) -> layer."""


def plain_convolution(before: int, after: int, kernel_size: int, padding: int = 0, gain: float = 1.0) -> nn.Conv2d:
    layer = nn.Conv2d(before, after, kernel_size, padding=padding)
    initialise(layer, gain)
    return layer


class DownBlock(nn.Module):
    """Residual block of the discriminator; may halve the resolution (mean of 2 x 2) at its end.

    The first block of the network sees the image, so it has no activation before its first convolution.
    """

    def __init__(self, before: int, after: int, convolution: Convolution, *, first: bool = False, halve: bool = True):
        super().__init__()
        self.first, self.halve = first, halve
        hidden = after if first else before
        self.conv1 = convolution(before, hidden, 3, padding=1, gain=RESIDUAL_GAIN)
        self.conv2 = convolution(hidden, after, 3, padding=1, gain=RESIDUAL_GAIN)
        self.skip = convolution(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(x if self.first else functional.relu(x))
        y = self.conv2(functional.relu(y))
        if not self.halve:
            return y + self.skip(x)
        # As in the generator, the 1 x 1 convolution is taken at the lower resolution, where it is cheaper.
        return functional.avg_pool2d(y, 2) + self.skip(functional.avg_pool2d(x, 2))


def _downsampling(resolution: int, width: int, convolution: Convolution) -> tuple[nn.ModuleList, int]:
    """R px -> 4 px, halving in each block, and one more block at 4 px; and how many channels come out."""
    blocks, before = [], 3
    for r in reversed([4, *_resolutions_above_4(resolution)[:-1]]):
        after = width * min(WIDEST, resolution // (2 * r))
        blocks.append(DownBlock(before, after, convolution, first=not blocks))
        before = after
    return nn.ModuleList([*blocks, DownBlock(before, before, convolution, halve=False)]), before


class SNGANDiscriminator(Discriminator):
    """Spectrally normalised residual blocks and a linear layer on the sum over all positions."""

    def __init__(self, resolution: int, width: int):
        super().__init__()
        self.resolution = resolution
        self.down, channels = _downsampling(resolution, width, SpectralConv2d)
        self.head = nn.Sequential(nn.ReLU(), SumPooling(), SpectralLinear(channels, 1))

    @property
    def blocks(self) -> list[Block]:
        return [Block(max(4, self.resolution // 2 ** (i + 1)), (block,)) for i, block in enumerate(self.down)]

    def features(self, x: Tensor) -> list[Tensor]:
        outputs = []
        for block in self.down:
            x = block(x)
            outputs.append(x)
        return outputs


class SumPooling(nn.Module):
    """N x C x H x W -> N x C, the sum over all positions."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum(dim=(2, 3))


class SNGANEncoder(Encoder):
    """The discriminator's trunk without spectral normalisation, with a head for the mean and log-variance."""

    def __init__(self, resolution: int, width: int):
        super().__init__()
        self.down, channels = _downsampling(resolution, width, plain_convolution)
        self.head = nn.Linear(channels * 16, 2 * LATENT_DIM)
        initialise(self.head, 1.0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for block in self.down:
            x = block(x)
        mean, log_variance = self.head(functional.relu(x).flatten(1)).chunk(2, dim=1)
        return mean, log_variance
