"""Residual discriminator, and the encoder that mirrors it."""

import math
from typing import Any

from torch import Tensor, nn

from ..base import Block, Discriminator, Encoder
from .filters import Blur
from .generator import channels_at
from .layers import BiasedLeakyReLU, EqualConv2d, EqualLinear, MinibatchStd


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions, the second halving the resolution behind a low-pass filter, and a skip."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.conv1 = nn.Sequential(EqualConv2d(before, before, 3, padding=1), BiasedLeakyReLU(before))
        self.conv2 = nn.Sequential(Blur(padding=2), EqualConv2d(before, after, 3, stride=2), BiasedLeakyReLU(after))
        # A 1 x 1 convolution of stride 2 reads each second pixel only, so that only those are filtered.
        self.skip = nn.Sequential(Blur(padding=1, stride=2), EqualConv2d(before, after, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (self.conv2(self.conv1(x)) + self.skip(x)) / math.sqrt(2)


def _trunk(resolution: int, width: int) -> nn.Sequential:
    """From RGB, then one residual block for each halving down to 4 px."""
    channels = channels_at(resolution, width)
    layers: list[nn.Module] = [nn.Sequential(EqualConv2d(3, channels, 1), BiasedLeakyReLU(channels))]
    while resolution > 4:
        resolution //= 2
        layers.append(ResidualBlock(channels, channels_at(resolution, width)))
        channels = channels_at(resolution, width)
    return nn.Sequential(*layers)


class Head(nn.Module):
    """Minibatch standard deviation, a convolution and two linear layers: N x width x 4 x 4 -> N x 1."""

    def __init__(self, width: int):
        super().__init__()
        self.statistics = MinibatchStd()
        self.final_conv = nn.Sequential(EqualConv2d(width + 1, width, 3, padding=1), BiasedLeakyReLU(width))
        self.final_linear = nn.Sequential(EqualLinear(width * 16, width, activate=True), EqualLinear(width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.final_linear(self.final_conv(self.statistics(x)).flatten(1))


class StyleGAN2Discriminator(Discriminator):
    """fromRGB, residual blocks down to 4 px, and ``Head``."""

    def __init__(self, resolution: int, width: int):
        super().__init__()
        self.resolution = resolution
        self.convs = _trunk(resolution, width)
        self.head = Head(width)
        self.register_state_dict_post_hook(_to_public_names)
        self.register_load_state_dict_pre_hook(_from_public_names)

    @property
    def blocks(self) -> list[Block]:
        return [Block(self.resolution // 2**i, (layer,)) for i, layer in enumerate(self.convs)]

    def features(self, x: Tensor) -> list[Tensor]:
        outputs = []
        for layer in self.convs:
            x = layer(x)
            outputs.append(x)
        return outputs


# In the public layout the head's layers belong to the discriminator itself: head.final_conv is final_conv there.
PUBLIC, OWN = "final_", "head.final_"


def _to_public_names(module: nn.Module, state: dict[str, Any], prefix: str, metadata: Any) -> None:
    _rename(state, prefix + OWN, prefix + PUBLIC)


def _from_public_names(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    _rename(state, prefix + PUBLIC, prefix + OWN)


def _rename(state: dict[str, Any], old: str, new: str) -> None:
    for key in [key for key in state if key.startswith(old)]:
        state[new + key.removeprefix(old)] = state.pop(key)


class StyleGAN2Encoder(Encoder):
    """The discriminator's trunk with a head for the mean and log-variance, without the minibatch statistics."""

    def __init__(self, resolution: int, width: int):
        super().__init__()
        self.convs = _trunk(resolution, width)
        self.final_linear = nn.Sequential(EqualLinear(width * 16, width, activate=True), EqualLinear(width, 2 * width))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.final_linear(self.convs(x).flatten(1)).chunk(2, dim=1)
        return mean, log_variance
