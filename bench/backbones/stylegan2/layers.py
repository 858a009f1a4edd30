"""Layers with equalised learning rate: unit-variance weights, scaled when they are used (Karras et al., ICLR 2018)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .filters import Blur

SLOPE = 0.2
ACTIVATION_GAIN = math.sqrt(2)


def leaky_relu(x: Tensor) -> Tensor:
    """Leaky ReLU scaled to keep the variance of a normal input."""
    return functional.leaky_relu(x, SLOPE) * ACTIVATION_GAIN


class BiasedLeakyReLU(nn.Module):
    """Adds a bias for each channel, then ``leaky_relu``."""

    def __init__(self, channels: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return leaky_relu(x + self.bias.to(x.dtype)[:, None, None])


class PixelNorm(nn.Module):
    """Divides each latent (N x D) by its root mean square."""

    def forward(self, z: Tensor) -> Tensor:
        return z * (z.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


class EqualLinear(nn.Module):
    """Linear layer; ``lr_multiplier`` scales weight and bias when used, and so how fast they are learnt."""

    def __init__(
        self, before: int, after: int, *, bias: float = 0.0, lr_multiplier: float = 1.0, activate: bool = False
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((after,), bias))
        self.scale = lr_multiplier / math.sqrt(before)
        self.lr_multiplier = lr_multiplier
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        x = functional.linear(x, self.weight * self.scale, self.bias * self.lr_multiplier)
        return leaky_relu(x) if self.activate else x


class EqualConv2d(nn.Module):
    """Convolution without bias (a ``BiasedLeakyReLU`` follows it where there is one)."""

    def __init__(self, before: int, after: int, kernel_size: int, *, stride: int = 1, padding: int = 0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, kernel_size, kernel_size))
        self.scale = 1 / math.sqrt(before * kernel_size**2)
        self.stride = stride
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight * self.scale, stride=self.stride, padding=self.padding)


class ModulatedConv2d(nn.Module):
    """Convolution whose weight is scaled for each image by its style, then normalised (StyleGAN2, eq. 1 to 3).

    Scaling the input channels by the style and the output channels by the norm is the same function as one weight
    for each image, and runs as one ordinary convolution. ``upsample`` doubles the resolution by a transposed
    convolution and the low-pass filter.
    """

    def __init__(
        self,
        before: int,
        after: int,
        kernel_size: int,
        style_dim: int,
        *,
        demodulate: bool = True,
        upsample: bool = False,
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, after, before, kernel_size, kernel_size))
        self.modulation = EqualLinear(style_dim, before, bias=1.0)
        self.scale = 1 / math.sqrt(before * kernel_size**2)
        self.padding = kernel_size // 2
        self.demodulate = demodulate
        self.upsample = upsample
        if upsample:
            self.blur = Blur(padding=1, gain=4.0)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        weight = self.weight[0] * self.scale
        # The norm divides, so it is computed in the precision of the weights also under autocast.
        with torch.autocast(x.device.type, enabled=False):
            style = self.modulation(w.to(weight.dtype))
            if self.demodulate:
                energy = weight.square().sum(dim=(2, 3))
                norm = (style.square() @ energy.T + 1e-8).rsqrt()
        x = x * style.to(x.dtype)[:, :, None, None]
        if self.upsample:
            x = self.blur(functional.conv_transpose2d(x, weight.transpose(0, 1), stride=2))
        else:
            x = functional.conv2d(x, weight, padding=self.padding)
        return x * norm.to(x.dtype)[:, :, None, None] if self.demodulate else x


class NoiseInjection(nn.Module):
    """Adds noise (N x 1 x H x W, or 1 x 1 x H x W) with one learnt strength."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        return x + (self.weight * noise).to(x.dtype)


class MinibatchStd(nn.Module):
    """Appends one channel: the mean standard deviation over groups of at most four images (Karras et al. 2018).

    The group is the largest divisor of the batch up to four.
    """

    LARGEST_GROUP = 4

    def forward(self, x: Tensor) -> Tensor:
        count, channels, height, width = x.shape
        group = max(g for g in range(1, self.LARGEST_GROUP + 1) if count % g == 0)
        groups = x.reshape(group, -1, channels, height, width).to(torch.promote_types(x.dtype, torch.float32))
        deviation = (groups.var(0, unbiased=False) + 1e-8).sqrt()
        deviation = deviation.mean(dim=(1, 2, 3)).to(x.dtype)
        return torch.cat([x, deviation.repeat(group)[:, None, None, None].expand(-1, 1, height, width)], dim=1)
