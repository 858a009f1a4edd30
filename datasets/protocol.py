"""Which real images a protocol trains on and compares with, and what a reference of that size can show."""

from typing import TYPE_CHECKING, Literal

from .base import SPLITS, Domain, Split

if TYPE_CHECKING:
    from torch import Tensor

Protocol = Literal["held-out", "literature"]
FID_NEEDS = 2048
"""Images below which the covariance of Inception's 2,048 features has no full rank: most of FID is then bias."""


def under_protocol(domain: Domain, protocol: Protocol) -> Domain:
    """The domain as a protocol uses it.

    ``held-out`` is the domain itself. Under ``literature`` the shots are drawn from all images, and all images are
    the reference, the shots included, as few-shot papers do: for comparison with published numbers only. The best
    checkpoint is then chosen on that same reference.
    """
    return _Literature(domain) if protocol == "literature" else domain


def evaluation_images(domain: Domain, split: Split, protocol: Protocol, resolution: int, limit: int) -> "Tensor":
    """Real images to score against, uint8, at most ``limit``: of ``split`` when held out, else of all images."""
    asked = under_protocol(domain, protocol)
    return asked.images(split, resolution, list(range(min(limit, asked.sizes()[split]))))


def reportable(domain: Domain) -> str:
    """What can be reported of a domain, given how many images its reference holds."""
    sizes = domain.sizes()
    count, total = sizes["reference"], sum(sizes.values())
    if count >= FID_NEEDS:
        return f"{count:,} reference images: KID with its standard error, and FID at this number of images"
    literature = (
        f"; for published numbers use protocol: literature (against all {total} images, the shots included)"
        if total < 1000
        else ""
    )
    return (
        f"{count:,} reference images: report KID with its standard error; FID is biased upwards with fewer than "
        f"{FID_NEEDS:,}, as its tables say{literature}"
    )


class _Literature(Domain):
    """A domain whose every split is all images."""

    def __init__(self, domain: Domain):
        self.name = domain.name
        self.about = domain.about
        self.resize = domain.resize
        self._domain = domain

    def sizes(self) -> dict[Split, int]:
        return dict.fromkeys(SPLITS, sum(self._domain.sizes().values()))

    def images(self, split: Split, resolution: int, indices: list[int] | None = None) -> "Tensor":
        import torch

        if indices is None:
            return torch.cat([self._domain.images(part, resolution) for part in SPLITS])
        wanted = torch.tensor(indices, dtype=torch.int64)
        images = torch.empty(len(wanted), 3, resolution, resolution, dtype=torch.uint8)
        start = 0
        for part, size in self._domain.sizes().items():
            here = (wanted >= start) & (wanted < start + size)
            if here.any():  # else nothing of this split is decoded
                images[here] = self._domain.images(part, resolution, (wanted[here] - start).tolist())
            start += size
        return images

    def classes(self, split: Split) -> "Tensor | None":
        import torch

        labels = [self._domain.classes(part) for part in SPLITS]
        known = [label for label in labels if label is not None]
        return torch.cat(known) if len(known) == len(labels) else None

    @property
    def identity(self) -> str:
        return self._domain.identity

    def present(self) -> bool:
        return self._domain.present()
