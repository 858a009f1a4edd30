"""Which few images of a domain a repetition trains on."""

from typing import TYPE_CHECKING

from ..bench.errors import UserError
from ..bench.seeds import seed_for
from .base import Domain

if TYPE_CHECKING:
    from torch import Tensor


def draw_shots(domain: Domain, count: int, repetition: int) -> list[int]:
    """Indices into the ``shots`` split, drawn by (domain, count, repetition) only.

    They are stratified by class where there are classes.

    Raises ``UserError`` if the domain has fewer images than asked for.
    """
    import torch

    available = domain.sizes()["shots"]
    if count > available:
        raise UserError(f"domain {domain.name!r} has {available} images to draw shots from, {count} were asked for")
    rng = torch.Generator().manual_seed(seed_for("shots", domain.identity, count, repetition))
    order = torch.randperm(available, generator=rng)
    classes = domain.classes("shots")
    return sorted((order if classes is None else _by_turns(order, classes))[:count].tolist())


def _by_turns(order: "Tensor", classes: "Tensor") -> "Tensor":
    """Reorder so that the classes take turns: any prefix holds each class equally often, give or take one."""
    import torch

    labels = classes[order]
    turn = torch.zeros_like(labels)
    for label in labels.unique():
        of_class = labels == label
        turn[of_class] = torch.arange(int(of_class.sum()))
    return order[torch.argsort(turn, stable=True)]
