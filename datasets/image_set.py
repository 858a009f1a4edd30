"""A domain made of image files or arrays that already exist: surveyed, split by content, decoded into the cache."""

import logging
from abc import abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from ..bench.errors import UserError
from .base import Domain, Split
from .collection import Collection
from .duplicates import Leak, find_leaks
from .resizing import Resize
from .splitting import distinct, split
from .survey import Survey, pixels, some_pixels, survey

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)
FEW = 0.25
"""Share of a split up to which it is quicker to decode the asked images alone."""
NAMED = 5
"""How many files a message names before it only counts."""


class ImageSet(Domain):
    """Images that lie on disk; a family says in ``collection`` which."""

    resize: Resize = Resize()
    on_bad: Literal["error", "skip"] = "error"
    way_out: str = "delete the file and fetch it again"
    """What to do about images that cannot be read."""

    @abstractmethod
    def collection(self) -> Collection:
        """The images, listed but not decoded."""

    @cached_property
    def listed(self) -> Collection:
        return self.collection()

    @cached_property
    def survey(self) -> Survey:
        """Raises ``UserError`` that names and counts the unreadable files, unless ``on_bad`` is ``skip``."""
        found = survey(self.listed)
        if found.problems:
            named = [f"{self.listed.names[i]} ({why})" for i, why in list(found.problems.items())[:NAMED]]
            more = f" and {len(found.problems) - NAMED} more" if len(found.problems) > NAMED else ""
            message = (
                f"{self.listed.where}: {len(found.problems)} of {len(self.listed)} images cannot be used: "
                f"{', '.join(named)}{more}"
            )
            if self.on_bad == "error":
                raise UserError(f"{message}; {self.way_out}")
            log.warning("%s; they are skipped", message)
        return found

    @cached_property
    def kept(self) -> list[int]:
        """Positions of the usable images, each content once."""
        known = self.survey
        usable = [i not in known.problems for i in range(len(known.hashes))]
        kept = distinct(known.hashes, usable, self.listed.published_test)
        if self.duplicates_of(kept):
            log.warning("%s: %d exact duplicates are left out", self.listed.where, self.duplicates_of(kept))
        return kept

    def duplicates_of(self, kept: list[int]) -> int:
        """How many usable files repeat the content of another."""
        return len(self.survey.hashes) - len(self.survey.problems) - len(kept)

    @cached_property
    def splits(self) -> dict[Split, list[int]]:
        listed = self.listed
        return split(listed.where, self.survey.hashes, self.kept, listed.classes, listed.published_test)

    def sizes(self) -> dict[Split, int]:
        return {name: len(positions) for name, positions in self.splits.items()}

    def images(self, split: Split, resolution: int, indices: list[int] | None = None) -> "Tensor":
        """Without ``indices`` the tensor is a private view of the memory-mapped cache: nothing is read until used.

        A few images of a large split are decoded without the rest of it.
        """
        import torch

        positions = self.splits[split]
        if indices is not None and len(indices) <= len(positions) * FEW:
            chosen = [positions[i] for i in indices]
            return torch.from_numpy(some_pixels(self.listed, self.survey, chosen, resolution, self.resize))
        array = pixels(self.listed, self.survey, positions, resolution, self.resize)
        return torch.from_numpy(array if indices is None else array[indices])

    def classes(self, split: Split) -> "Tensor | None":
        import torch

        names = self.listed.classes
        if names is None:
            return None
        number = {name: k for k, name in enumerate(sorted(set(names)))}
        return torch.tensor([number[names[i]] for i in self.splits[split]], dtype=torch.int64)

    def leaks(self) -> list[Leak]:
        """Pairs of images in different splits that show the same picture, or its mirror image."""
        return find_leaks(self.listed, self.survey, self.splits)
