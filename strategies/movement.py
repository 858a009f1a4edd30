"""Which tensors of a strategy moved, and which of them had no right to."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.nn.utils import parametrize

from .base import Strategy


class Movement:
    """A copy of all tensors of a prepared strategy, to compare with after some steps.

    Parameters may move if ``trained()`` names them. A buffer may move if its module is in training mode and has a
    trained parameter (spectral-norm vectors), or none at all, or is a BatchNorm in a network that is trained (its
    statistics must follow what comes into it). Nothing in an attribute named ``source…`` may move.
    """

    def __init__(self, strategy: Strategy):
        self.strategy = strategy
        named = {id(p): p for group in strategy.trained().values() for p in group}
        self.trained = named.keys()
        self.named = [(parameter, parameter.detach().clone()) for parameter in named.values()]
        self.before = {path: tensor.detach().clone() for path, tensor, _ in self._tensors()}

    def forbidden(self) -> list[str]:
        """Paths of the tensors that moved although they may not, and of those that appeared or vanished."""
        now = {path: (tensor, may_move) for path, tensor, may_move in self._tensors()}
        changed = sorted(now.keys() ^ self.before.keys())
        for path in now.keys() & self.before.keys():
            tensor, may_move = now[path]
            if not may_move and not _same(tensor, self.before[path]):
                changed.append(path)
        return sorted(changed)

    def counts(self) -> tuple[int, int]:
        """How many of the parameters that ``trained()`` named have moved, and how many those are; a tensor moves whole.

        Not all need to: a step may train some of them at times only, or have no gradient for them yet.
        """
        moved = sum(parameter.numel() for parameter, before in self.named if not _same(parameter, before))
        return moved, sum(parameter.numel() for parameter, _ in self.named)

    def _tensors(self) -> Iterator[tuple[str, Tensor, bool]]:
        """Each tensor with its path and whether it may move."""
        for name, value in vars(self.strategy).items():
            if name.startswith("source"):
                yield from ((path, tensor, False) for path, tensor in _inside(value, name))
            elif isinstance(value, nn.Module):
                yield from self._of_network(name, value)

    def _of_network(self, name: str, network: nn.Module) -> Iterator[tuple[str, Tensor, bool]]:
        network_is_trained = any(id(p) in self.trained for p in network.parameters())
        for path, module in network.named_modules():
            place = f"{name}.{path}" if path else name
            for own, parameter in module.named_parameters(recurse=False):
                yield f"{place}.{own}", parameter, id(parameter) in self.trained
            parameters = list(_own_parameters(module))
            may_move = not parameters or any(id(p) in self.trained for p in parameters)
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                may_move = network_is_trained
            for own, buffer in module.named_buffers(recurse=False):
                yield f"{place}.{own}", buffer, module.training and may_move


def _own_parameters(module: nn.Module) -> Iterator[nn.Parameter]:
    """The module's direct parameters and those of its re-parametrised weights."""
    yield from module.parameters(recurse=False)
    if parametrize.is_parametrized(module):
        yield from module.parametrizations.parameters()  # pyright: ignore


def _inside(value: Any, path: str) -> Iterator[tuple[str, Tensor]]:
    """The tensors in a module, or in nested lists and dictionaries."""
    if isinstance(value, Tensor):
        yield path, value
    elif isinstance(value, nn.Module):
        yield from ((f"{path}.{name}", tensor) for name, tensor in value.named_parameters())
        yield from ((f"{path}.{name}", tensor) for name, tensor in value.named_buffers())
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _inside(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _inside(item, f"{path}.{index}")


def _same(first: Tensor, second: Tensor) -> bool:
    return first.shape == second.shape and bool((first == second).all())
