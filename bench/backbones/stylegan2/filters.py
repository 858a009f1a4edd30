"""The low-pass filter [1, 3, 3, 1] and the up- and down-sampling built on it, without custom kernels."""

import torch
from torch import Tensor, nn
from torch.nn import functional

TAPS = (1.0, 3.0, 3.0, 1.0)


def binomial_kernel(gain: float = 1.0) -> Tensor:
    """The 4 x 4 outer product of ``TAPS``, which sums to ``gain``."""
    taps = torch.tensor(TAPS)
    kernel = torch.outer(taps, taps)
    return kernel * (gain / kernel.sum())


def _per_channel(kernel: Tensor, x: Tensor) -> Tensor:
    return kernel.to(x.dtype).expand(x.shape[1], 1, *kernel.shape)


class Blur(nn.Module):
    """Convolution of each channel with the filter, zeros outside; ``stride`` 2 keeps each second pixel.

    N x C x H x W -> N x C x (H + 2 padding - 3) / stride x (the same of W).
    """

    kernel: Tensor

    def __init__(self, padding: int, gain: float = 1.0, stride: int = 1):
        super().__init__()
        self.padding = padding
        self.stride = stride
        self.register_buffer("kernel", binomial_kernel(gain))

    def forward(self, x: Tensor) -> Tensor:
        # conv2d correlates; the flip makes it a convolution for the kernel of any checkpoint.
        kernel = _per_channel(self.kernel.flip(0, 1), x)
        return functional.conv2d(x, kernel, stride=self.stride, padding=self.padding, groups=x.shape[1])


class Upsample(nn.Module):
    """Doubles the resolution: zeros between the pixels, then the filter with gain 4."""

    kernel: Tensor

    def __init__(self):
        super().__init__()
        self.register_buffer("kernel", binomial_kernel(gain=4.0))

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv_transpose2d(x, _per_channel(self.kernel, x), stride=2, padding=1, groups=x.shape[1])
