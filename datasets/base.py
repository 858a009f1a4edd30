"""What an image domain is, and how its images are split."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from .downloads import Report, no_report

if TYPE_CHECKING:  # listing the domains must not wait for torch
    from torch import Tensor

Split = Literal["shots", "validation", "reference"]
SPLITS: tuple[Split, ...] = ("shots", "validation", "reference")


@dataclass(frozen=True)
class About:
    """What a user must know of a domain before using it."""

    images: int | None
    """Number of distinct images; None where they are generated without end."""
    licence: str
    homepage: str = ""
    cite: str = ""
    how: str = "generated"
    """How its files are got: ``generated``, ``in a package``, ``downloaded``, ``by hand`` or ``your folder``."""


class Domain(ABC):
    """A distribution of images with three disjoint splits.

    ``shots`` is the pool that training images are drawn from, ``validation`` chooses checkpoints and
    hyper-parameters, ``reference`` gives the reported metrics. Images are uint8, N x 3 x R x R, RGB
    (grey images have three equal channels), in a fixed order for a given split and resolution.
    """

    name: str
    about: About
    option: str = ""
    """What may follow a colon in its name, for messages (``CLASS``, ``PATH``); empty where nothing may."""
    resize: object = "none"
    """How its files are brought to the asked resolution, for tables; ``none`` where nothing is resized."""

    @abstractmethod
    def sizes(self) -> dict[Split, int]:
        """How many images each split holds."""

    @abstractmethod
    def images(self, split: Split, resolution: int, indices: list[int] | None = None) -> "Tensor":
        """The images of a split, or those at ``indices`` of it, at a resolution in pixels."""

    @property
    def identity(self) -> str:
        """What the draw of shots depends on: the name, but not where on a machine the images lie."""
        return self.name

    def classes(self, split: Split) -> "Tensor | None":
        """Class label of each image of a split (int64, N), where the domain has classes; shots are stratified by it."""
        return None

    def present(self) -> bool:
        """Whether the images can be read now, without a download."""
        return True

    def fetch(self, report: Report = no_report) -> Path | None:
        """Get the files that are not here, and verify them; says where they lie, None where there is nothing to get."""
        return None


class DomainFactory(Protocol):
    """What is registered: called with the full name (``"toycats"``, ``"folder:/my/photos"``)."""

    def __call__(self, name: str) -> Domain: ...
