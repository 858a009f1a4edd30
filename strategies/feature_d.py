"""A discriminator on the features of an ImageNet network."""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..bench.backbones.spectral_norm import SpectralConv2d
from ..bench.metrics.efficientnet import FusedTrunk, packaged_weights
from . import Setup, register, tunable
from .finetune import FineTune

STAGES = {2: 24, 4: 40, 10: 112, 15: 320}
"""The blocks of EfficientNet-Lite0 that are read (the last at 1/4, 1/8, 1/16, 1/32 of its input) and their channels."""
CHANNELS = 64


@register(
    "feature-d",
    cite="Sauer et al., Projected GANs Converge Faster, NeurIPS 2021, arXiv:2111.01007",
    network="efficientnet-lite0",
)
@dataclass
class FeatureD(FineTune):
    """Generator from the source, discriminator = trainable heads on frozen ImageNet features.

    EfficientNet-Lite0 reads the images at ``input_size`` px; its features at four scales are mixed across channels
    and scales by fixed random convolutions (projected GAN), and each scale has its own small spectrally normalised
    head, which replaces R1. Departures from the paper: the backbone's loss instead of the hinge, smaller heads.

    Scoring it with the same network (``efficientnet-lite0-*``) flatters it: it trains against what the metric sees.
    """

    discriminator_from_source: ClassVar[bool] = False
    max_relative_cost: ClassVar[tuple[float, str]] = (
        7.0,
        "the ImageNet network on 64 px is several times larger than a GAN for 32 px",
    )

    input_size: int = tunable(64, choices=(32, 64, 128), searched=False, least=32)

    def prepare(self, setup: Setup) -> None:
        super().prepare(replace(setup, optimisation=replace(setup.optimisation, r1_gamma=0.0)))

    def make_discriminator(self) -> nn.Module:
        torch.manual_seed(self.setup.seed("discriminator-init"))
        return FeatureDiscriminator(self.input_size, self.setup.device)


class FeatureDiscriminator(nn.Module):
    """Images (N x 3 x R x R, in [-1, 1]) -> logits (N x 4, one for each scale), positive for real.

    The ImageNet network is no sub-module: its weights are constants that no checkpoint needs to hold.
    """

    def __init__(self, input_size: int, device: torch.device):
        super().__init__()
        self.input_size = input_size
        self.trunk = FusedTrunk(packaged_weights()).to(device)
        mix_channels = [nn.Conv2d(c, CHANNELS, 1) for c in STAGES.values()]
        mix_scales = [nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1) for _ in STAGES]
        for convolution in (*mix_channels, *mix_scales):
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="linear")
            convolution.requires_grad_(False)
        self.mix_channels, self.mix_scales = nn.ModuleList(mix_channels), nn.ModuleList(mix_scales)
        self.heads = nn.ModuleList(
            nn.Sequential(
                SpectralConv2d(CHANNELS, CHANNELS, 3, padding=1),
                nn.LeakyReLU(0.2),
                SpectralConv2d(CHANNELS, 1, 1),
            )
            for _ in STAGES
        )

    def features(self, images: Tensor) -> list[Tensor]:
        """The randomly mixed features, from the finest to the coarsest scale."""
        size = (self.input_size, self.input_size)
        x = images if images.shape[2:] == size else functional.interpolate(images, size, mode="bilinear")
        read = self.trunk.outputs(x, STAGES)
        mixed = [mix(x) for mix, x in zip(self.mix_channels, read, strict=True)]
        outputs = [self.mix_scales[-1](mixed[-1])]
        for mix, x in zip(reversed(self.mix_scales[:-1]), reversed(mixed[:-1]), strict=True):
            outputs.append(mix(x + functional.interpolate(outputs[-1], x.shape[2:], mode="bilinear")))
        return outputs[::-1]

    def forward(self, images: Tensor) -> Tensor:
        pairs = zip(self.heads, self.features(images), strict=True)
        return torch.stack([head(x).float().mean((1, 2, 3)) for head, x in pairs], dim=1)
