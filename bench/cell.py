"""One cell of the matrix: everything that decides its numbers, and the key made from it."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal, Self, get_origin, get_type_hints

from .digest import source_digest


@dataclass(frozen=True)
class Cell:
    """A strategy on a target with one seed. Paths, devices, worker counts and executors are not in it."""

    backbone: str
    resolution: int
    width: int
    source: str
    """Name of the source domain."""
    source_sha256: str
    """Hash of the source model's weights; empty for a strategy that starts from none."""
    target: str
    shots: int
    strategy: str
    params: dict[str, Any]
    """Hyper-parameters that the matrix sets (the others have the strategy's defaults)."""
    augment: str
    kimg: float
    batch: int
    optimisation: dict[str, Any]
    """Overrides of the backbone's optimiser settings."""
    extractor: str
    fakes: int
    reals: int
    """At most so many reference images (and as many validation images) are used."""
    points: int
    """Evaluations after the one at 0 kimg, evenly spaced; the last is at the full budget."""
    protocol: Literal["held-out", "literature"]
    precision: str
    seed: int
    compile: bool = False
    """Whether the networks run through ``torch.compile``."""
    data: str = ""
    """What the images of source and target are, where their names do not say it (the user's own folders)."""
    tuned: list[str] = field(default_factory=list)
    """The hyper-parameters that a search chose."""
    digest: str = ""
    """Hash of the source files that can change the numbers; filled by ``with_digest``."""
    network: str = ""
    """The pretrained network that the strategy says it learns from: of a plug-in, who reads a store cannot ask it. No
    part of the key, since the digest covers what the strategy says."""

    def with_digest(self) -> Self:
        return replace(self, digest=source_digest(self))

    @property
    def key(self) -> str:
        """Sixteen hexadecimal digits, the name of the cell's folder."""
        return _hash(self._identity())

    @property
    def place(self) -> str:
        """The same for all cells of one place in the matrix: whatever code and source weights they ran with, which
        images the user's folders held then, and what a search chose."""
        settings = {name: None if name in self.tuned else value for name, value in self.params.items()}
        return _hash({**self._identity(), "digest": "", "source_sha256": "", "data": "", "params": settings})

    def _identity(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "network"}

    @property
    def label(self) -> str:
        """How tables name the strategy: with the hyper-parameters and augmentation that differ from the default."""
        settings = [f"{name}={value}" for name, value in sorted(self.params.items()) if name not in self.tuned]
        if self.tuned:
            settings.append("tuned")
        label = f"{self.strategy}({', '.join(settings)})" if settings else self.strategy
        return label if self.augment == "none" else f"{label}+{self.augment}"

    def canonical(self) -> str:
        """The specification as JSON with sorted keys, equal for equal cells."""
        return _canonical(vars(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of ``canonical``. Raises ``ValueError`` or ``TypeError`` for what is none."""
        cell = cls(**json.loads(text))
        for name, kinds in _kinds().items():
            if not isinstance(getattr(cell, name), kinds):
                raise TypeError(f"{name} is {getattr(cell, name)!r}")
        return cell


@cache
def _kinds() -> dict[str, tuple[type, ...]]:
    """Which types the values of the fields may have, as JSON gives them."""
    hints = {name: get_origin(hint) or hint for name, hint in get_type_hints(Cell).items()}
    return {name: {float: (float, int), Literal: (str,)}.get(hint, (hint,)) for name, hint in hints.items()}


def _canonical(fields: dict[str, Any]) -> str:
    # Of ``vars``: ``dataclasses.asdict`` copies every value, which took most of the time to read a large store.
    return json.dumps(fields, sort_keys=True)


def _hash(fields: dict[str, Any]) -> str:
    return hashlib.sha256(_canonical(fields).encode()).hexdigest()[:16]
