"""The low-pass filter [1, 3, 3, 1] and the up- and down-sampling built on it, without custom kernels.

On a CPU a filter is a convolution of each channel. On a GPU that is the slowest part of a StyleGAN2 step by far (two
thirds of it at 256 px on an H200), so there the filter is what it is to each row and column: a product with a banded
matrix, which tensor cores do at the speed of memory, with gradients of any order for free.
"""

import functools
from abc import abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

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


class _Filter(nn.Module):
    """Holds the 4 x 4 ``kernel`` of a checkpoint, which must be the outer product of two vectors.

    ``as_convolution`` and ``as_matrices`` compute the same.
    """

    kernel: Tensor

    def __init__(self, gain: float):
        super().__init__()
        self.register_buffer("kernel", binomial_kernel(gain))
        self.taps = tuple(tap / 8 for tap in TAPS), tuple(gain * tap / 8 for tap in TAPS)
        """The two vectors whose outer product the kernel is."""

    def forward(self, x: Tensor) -> Tensor:
        return self.as_matrices(x) if x.is_cuda else self.as_convolution(x)

    @abstractmethod
    def as_convolution(self, x: Tensor) -> Tensor:
        """Of each channel with the kernel."""

    def as_matrices(self, x: Tensor) -> Tensor:
        rows, columns = (self._matrix(*each, x) for each in zip(self.taps, x.shape[2:], strict=True))
        return apply_to_rows_and_columns(x, rows, columns)

    @abstractmethod
    def _matrix(self, taps: tuple[float, ...], size: int, x: Tensor) -> Tensor:
        """What filters ``size`` values in a row with ``taps``, in the precision and on the device of ``x``."""

    def _factorise(self, kernel: Tensor) -> bool:
        """Take ``taps`` from a kernel; False if it is not an outer product."""
        rows, columns = kernel.sum(1) / kernel.sum(), kernel.sum(0)
        self.taps = tuple(rows.tolist()), tuple(columns.tolist())
        difference = (torch.outer(rows, columns) - kernel).abs().max()
        return bool(difference <= 1e-5 * kernel.abs().max())  # never of NaN

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *rest)
        *_, messages = rest
        kernel = state_dict.get(f"{prefix}kernel", self.kernel)
        if kernel.shape == self.kernel.shape and not self._factorise(kernel):
            messages.append(f"{prefix}kernel is no low-pass filter (an outer product whose sum is not 0)")


class Blur(_Filter):
    """Convolution of each channel with the filter, zeros outside; ``stride`` 2 keeps each second pixel.

    N x C x H x W -> N x C x (H + 2 padding - 3) / stride x (the same of W).
    """

    def __init__(self, padding: int, gain: float = 1.0, stride: int = 1):
        super().__init__(gain)
        self.padding = padding
        self.stride = stride

    def as_convolution(self, x: Tensor) -> Tensor:
        # conv2d correlates; the flip makes it a convolution.
        kernel = _per_channel(self.kernel.flip(0, 1), x)
        return functional.conv2d(x, kernel, stride=self.stride, padding=self.padding, groups=x.shape[1])

    def _matrix(self, taps: tuple[float, ...], size: int, x: Tensor) -> Tensor:
        return _correlation_matrix(taps[::-1], size, self.stride, self.padding, x.dtype, x.device)


class Upsample(_Filter):
    """Doubles the resolution: zeros between the pixels, then the filter with gain 4."""

    def __init__(self):
        super().__init__(gain=4.0)

    def as_convolution(self, x: Tensor) -> Tensor:
        return functional.conv_transpose2d(x, _per_channel(self.kernel, x), stride=2, padding=1, groups=x.shape[1])

    def _matrix(self, taps: tuple[float, ...], size: int, x: Tensor) -> Tensor:
        return _correlation_matrix(taps, 2 * size, 2, 1, x.dtype, x.device).T


def apply_to_rows_and_columns(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """``rows`` x ``columns``^T for each channel: N x C x H x W -> N x C x H' x W', channels innermost in memory."""
    count, channels, height, width = x.shape
    x = rows @ x.permute(0, 2, 3, 1).reshape(count, height, width * channels)
    x = columns @ x.reshape(count * len(rows), width, channels)
    return x.view(count, len(rows), len(columns), channels).permute(0, 3, 1, 2)


def correlation_matrix(
    taps: Sequence[float], size: int, stride: int, padding: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """The matrix that correlates ``size`` values with ``taps``, zeros outside; its transpose is conv_transpose's."""
    outputs = (size + 2 * padding - len(taps)) // stride + 1
    inputs, first = torch.arange(size, device=device), torch.arange(outputs, device=device) * stride - padding
    offset = inputs - first[:, None]
    return torch.stack([tap * (offset == place).double() for place, tap in enumerate(taps)]).sum(0).to(dtype)


@functools.lru_cache(maxsize=512)
def _kept(
    taps: tuple[float, ...], size: int, stride: int, padding: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """``correlation_matrix``, made once: in a thread of its own, where no mode of the caller (inference, a functional
    transform, fake tensors) makes it a tensor of another kind."""

    def made() -> Tensor:
        # Copied to the device, which waits: the caller may use another stream than this thread.
        return correlation_matrix(taps, size, stride, padding, dtype, torch.device("cpu")).to(device)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(made).result()


def _correlation_matrix(
    taps: tuple[float, ...], size: int, stride: int, padding: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """A compiled network makes it anew, inside the graph, where nothing can be kept."""
    make = correlation_matrix if torch.compiler.is_compiling() else _kept
    return make(taps, size, stride, padding, dtype, device)
