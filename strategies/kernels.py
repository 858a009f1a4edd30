"""The weights of any network as matrices, and their re-parametrisation by methods that train only a part of them.

``torch.nn.utils.parametrize`` replaces a layer's ``weight`` by a function of it, so that a strategy need not know the
layers of a backbone. What is sampled, scored and exported is the plain network with the effective weights.
"""

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

Network = TypeVar("Network", bound=nn.Module)


class Layout(NamedTuple):
    """How a layer stores the matrix of (out) x (in * k * k) that it multiplies by, one row per output channel.

    Convolutions store (out, in, k, k), transposed ones (in, out, k, k), modulated ones (1, out, in, k, k) and linear
    layers (out, in).
    """

    shape: torch.Size
    transposed: bool

    def to_matrix(self, weight: Tensor) -> Tensor:
        if self.transposed:
            return weight.transpose(0, 1).flatten(1)
        return weight.flatten(0, -4).flatten(1) if self.is_convolution else weight

    def from_matrix(self, matrix: Tensor) -> Tensor:
        if self.transposed:
            return matrix.view(self.shape[1], self.shape[0], *self.shape[2:]).transpose(0, 1).contiguous()
        return matrix.view(self.shape)

    @property
    def is_convolution(self) -> bool:
        return len(self.shape) >= 4

    @property
    def channels(self) -> tuple[int, int]:
        """The numbers of output and input channels."""
        out, inputs = self.shape[-4:-2] if self.is_convolution else self.shape
        return (inputs, out) if self.transposed else (out, inputs)

    @property
    def matrix_shape(self) -> tuple[int, int]:
        out = self.channels[0]
        return out, self.shape.numel() // out


class Kernel(NamedTuple):
    """A layer and the layout of its ``weight``."""

    module: nn.Module
    layout: Layout

    @property
    def weight(self) -> Tensor:
        return self.module.weight  # pyright: ignore[reportReturnType]

    @property
    def matrix(self) -> Tensor:
        """The weight as it is now, (out) x (in * k * k), detached."""
        return self.layout.to_matrix(self.weight.detach())


def kernels(network: nn.Module) -> list[Kernel]:
    """The layers that multiply by a matrix: all but those of normalisation and embedding, in the network's order."""
    found = []
    for module in network.modules():
        weight = module._parameters.get("weight")
        if weight is not None and weight.ndim >= 2 and not isinstance(module, nn.Embedding):
            found.append(Kernel(module, Layout(weight.shape, isinstance(module, nn.ConvTranspose2d))))
    return found


def convolutions(network: nn.Module) -> list[Kernel]:
    return [kernel for kernel in kernels(network) if kernel.layout.is_convolution]


class Reparametrisation(nn.Module):
    """A trainable function of a layer's weight. A subclass defines ``effective(weight)``, of the same shape.

    It is computed in the weight's own precision also under autocast, so that small changes are not rounded away.
    """

    def effective(self, weight: Tensor) -> Tensor:
        raise TypeError(f"{type(self).__name__} must define effective")

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            effective = self.effective(weight)
        # Of another memory layout the layer would compute the same in another order, and round otherwise.
        channels_last = weight.ndim == 4 and weight.is_contiguous(memory_format=torch.channels_last)
        return effective.contiguous(memory_format=torch.channels_last) if channels_last else effective


R = TypeVar("R", bound=Reparametrisation)


def reparametrise(chosen: Iterable[Kernel], make: Callable[[Kernel], R]) -> list[R]:
    """Put ``make(kernel)`` between each chosen layer and its weight, on the weight's device; returns what was made."""
    made = []
    for kernel in chosen:
        function = make(kernel).to(kernel.weight.device)
        parametrize.register_parametrization(kernel.module, "weight", function)
        made.append(function)
    return made


def plain_copy(network: Network) -> Network:
    """A copy in which each re-parametrised weight is a plain parameter again, with its effective value."""
    plain = copy.deepcopy(network)
    for module in list(plain.modules()):
        if _is_reparametrised(module):
            weight = cast(Tensor, module.weight).detach().clone()
            # Not remove_parametrizations: a copy shares its class with the original, which would lose its weight too.
            del module._modules["parametrizations"]
            module.__class__ = type(module).__bases__[0]
            module.register_parameter("weight", nn.Parameter(weight))
    return plain


def plain_places(network: nn.Module, names: Iterable[str]) -> list[tuple[nn.Module, str]]:
    """Module and attribute in ``network`` of what its plain copy calls ``names``: ``getattr`` of one is its value."""
    places = []
    for name in names:
        path, _, attribute = name.rpartition(".")
        places.append((network.get_submodule(path), attribute))
    return places


def plain_buffers(network: nn.Module) -> Iterator[Tensor]:
    """The buffers of ``network`` that its plain copy has too, in the same order."""
    for module in network.modules():
        if not isinstance(module, Reparametrisation):
            yield from module.buffers(recurse=False)


def _is_reparametrised(module: nn.Module) -> bool:
    if not parametrize.is_parametrized(module, "weight"):
        return False
    return isinstance(module.parametrizations.weight[0], Reparametrisation)  # pyright: ignore
