"""Memory layout: convolution weights with their channels innermost, which CPU and GPU kernels run fastest."""

from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def channels_last(network: Network) -> Network:
    """Lay out the convolution weights of ``network`` with channels innermost; values and shapes stay.

    What a convolution gives then has that layout too, whatever its input has. The weights of modulated convolutions
    (1 x out x in x k x k) are those of a convolution behind their first index.
    """
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        elif parameter.ndim == 5:
            parameter.data = parameter.data[0].contiguous(memory_format=torch.channels_last)[None]
    return network


def follow_layout(optimiser: torch.optim.Optimizer) -> None:
    """Give an optimiser's state the layout of its parameters.

    A state read from a file has lost it, and fused Adam on a CPU walks through both in the order of memory: with
    different layouts it would update the wrong elements.
    """
    for parameter, state in optimiser.state.items():
        for name, value in state.items():
            if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
