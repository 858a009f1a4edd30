"""Mapping network and skip synthesis network."""

import math

import torch
from torch import Tensor, nn

from ... import parallel
from ..base import Block, Generator
from .filters import Upsample
from .layers import BiasedLeakyReLU, EqualLinear, ModulatedConv2d, NoiseInjection, PixelNorm

MAPPING_LAYERS = 8
MAPPING_LR = 0.01
MIXING_PROBABILITY = 0.9


def channels_at(resolution: int, width: int) -> int:
    """Channels of the layers at a resolution: ``width`` up to 64 px, then halved with each doubling."""
    return min(width, width * 64 // resolution)


class ConstantInput(nn.Module):
    """The learnt 4 x 4 input of the synthesis network."""

    def __init__(self, channels: int):
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))

    def forward(self, count: int) -> Tensor:
        return self.input.expand(count, -1, -1, -1)


class StyledConv(nn.Module):
    """Modulated 3 x 3 convolution, noise, bias and activation."""

    def __init__(self, before: int, after: int, style_dim: int, *, upsample: bool = False):
        super().__init__()
        self.conv = ModulatedConv2d(before, after, 3, style_dim, upsample=upsample)
        self.noise = NoiseInjection()
        self.activate = BiasedLeakyReLU(after)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        x = self.conv(x, w)
        if self.training:
            whole = len(x) * parallel.processes()
            noise = parallel.own(torch.randn(whole, 1, *x.shape[2:], device=x.device))
        return self.activate(self.noise(x, noise))


class ToRGB(nn.Module):
    """Modulated 1 x 1 convolution to an image, added to the doubled image of the lower resolution."""

    def __init__(self, before: int, style_dim: int, *, upsample: bool = True):
        super().__init__()
        if upsample:
            self.upsample = Upsample()
        self.conv = ModulatedConv2d(before, 3, 1, style_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def forward(self, x: Tensor, w: Tensor, image: Tensor | None = None) -> Tensor:
        y = self.conv(x, w) + self.bias.to(x.dtype)
        return y if image is None else y + self.upsample(image)


class StyleGAN2Generator(Generator):
    """Latents -> styles -> images. Images are not clipped to [-1, 1].

    In training mode the noise is fresh (torch's global random state); in eval mode it is the fixed noise that
    belongs to the checkpoint (buffers ``noises.noise_*``), so that equal latents give equal images.
    """

    mixes_styles = True

    def __init__(self, resolution: int, width: int):
        super().__init__()
        self.resolution = resolution
        self.latent_dim = width
        self.layers = 2 * int(math.log2(resolution)) - 2
        """How many styles an image has (14 at 256 px)."""
        mapping = [EqualLinear(width, width, lr_multiplier=MAPPING_LR, activate=True) for _ in range(MAPPING_LAYERS)]
        self.style = nn.Sequential(PixelNorm(), *mapping)
        self.input = ConstantInput(width)
        self.conv1 = StyledConv(width, width, width)
        self.to_rgb1 = ToRGB(width, width, upsample=False)
        self.convs = nn.ModuleList()
        self.to_rgbs = nn.ModuleList()
        self.noises = nn.Module()
        self.noises.register_buffer("noise_0", torch.randn(1, 1, 4, 4))
        before = width
        for stage in range(3, int(math.log2(resolution)) + 1):
            after = channels_at(2**stage, width)
            self.convs.append(StyledConv(before, after, width, upsample=True))
            self.convs.append(StyledConv(after, after, width))
            self.to_rgbs.append(ToRGB(after, width))
            for index in (2 * stage - 5, 2 * stage - 4):
                self.noises.register_buffer(f"noise_{index}", torch.randn(1, 1, 2**stage, 2**stage))
            before = after

    @property
    def blocks(self) -> list[Block]:
        first = Block(4, (self.style, self.input, self.conv1, self.to_rgb1))
        stages = zip(self.convs[::2], self.convs[1::2], self.to_rgbs, strict=True)
        return [first, *(Block(8 * 2**i, modules) for i, modules in enumerate(stages))]

    def forward(self, z: Tensor, styles: Tensor | None = None) -> Tensor:
        """Images of the latents, or of styles (N x layers x D) if given."""
        return self.features(z)[-1] if styles is None else self.synthesise(styles)[-1]

    def features(self, z: Tensor) -> list[Tensor]:
        return self.synthesise(self.map(z)[:, None].expand(-1, self.layers, -1))

    def training_images(self, z: Tensor, others: Tensor | None, rng: torch.Generator) -> Tensor:
        return self(z, self.mixed_styles(z, others, rng))

    def map(self, z: Tensor) -> Tensor:
        """Latents -> styles (N x D), in full precision: they scale everything that follows."""
        with torch.autocast(z.device.type, enabled=False):
            return self.style(z)

    def mixed_styles(self, z: Tensor, others: Tensor | None, rng: torch.Generator) -> Tensor:
        """Styles (N x layers x D); with ``MIXING_PROBABILITY`` those from a random layer on come from ``others``."""
        if others is None:
            return self.map(z)[:, None].expand(-1, self.layers, -1)
        whole = len(z) * parallel.processes()
        crossover = parallel.own(torch.randint(1, self.layers, (whole, 1, 1), generator=rng, device=z.device))
        mix = parallel.own(torch.rand(whole, 1, 1, generator=rng, device=z.device)) < MIXING_PROBABILITY
        layer = torch.arange(self.layers, device=z.device)[None, :, None]
        coarse, fine = self.map(torch.cat([z, others])).chunk(2)
        return torch.where(mix & (layer >= crossover), fine[:, None], coarse[:, None])

    def path_lengths(self, z: Tensor, others: Tensor | None, rng: torch.Generator) -> Tensor:
        styles = self.mixed_styles(z, others, rng)
        if not styles.requires_grad:  # the mapping network may be frozen
            styles.requires_grad_(True)
        image = self.synthesise(styles)[-1]
        shape = (len(image) * parallel.processes(), *image.shape[1:])
        noise = parallel.own(torch.randn(shape, generator=rng, device=image.device, dtype=image.dtype))
        direction = noise / self.resolution
        (gradient,) = torch.autograd.grad((image * direction).sum(), styles, create_graph=True)
        return gradient.square().sum(dim=2).mean(dim=1).sqrt()

    def synthesise(self, styles: Tensor) -> list[Tensor]:
        """Styles (N x layers x D) -> the features of each block; the last is the image."""
        noises = [getattr(self.noises, f"noise_{i}") for i in range(1 + len(self.convs))]
        w = styles.unbind(1)
        x = self.conv1(self.input(len(styles)), w[0], noises[0])
        image = self.to_rgb1(x, w[1])
        features = [x]
        for i, to_rgb in enumerate(self.to_rgbs):
            x = self.convs[2 * i](x, w[2 * i + 1], noises[2 * i + 1])
            x = self.convs[2 * i + 1](x, w[2 * i + 2], noises[2 * i + 2])
            image = to_rgb(x, w[2 * i + 3], image)
            features.append(x)
        return [*features[:-1], image]
