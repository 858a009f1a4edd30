"""Which real images a protocol compares the generated ones with."""

from typing import TYPE_CHECKING, Literal

from .base import SPLITS, Domain, Split

if TYPE_CHECKING:
    from torch import Tensor

Protocol = Literal["held-out", "literature"]


def evaluation_images(domain: Domain, split: Split, protocol: Protocol, resolution: int, limit: int) -> "Tensor":
    """Real images to score against, uint8, at most ``limit``.

    ``held-out`` takes them from ``split``, which the shots are never in. ``literature`` takes all images of the
    domain, the shots included, as few-shot papers do: for comparison with published numbers only.
    """
    import torch

    if protocol == "literature":
        everything = torch.cat([domain.images(part, resolution) for part in SPLITS])
        return everything[:limit]
    return domain.images(split, resolution, list(range(min(limit, domain.sizes()[split]))))
