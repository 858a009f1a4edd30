"""Near-duplicates across splits: the same picture in another file, size, quality, or mirrored."""

import hashlib
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..bench.files import cache_root
from .base import SPLITS, Split
from .cache import stored_json
from .collection import Collection
from .survey import THUMBNAIL, Survey, thumbnails

SAME = 0.995
"""Correlation of two 16 x 16 thumbnails above which they are called the same picture. JPEG at quality 30, half the size
and darkening by a fifth stay above 0.999; with 2 % trimmed off each side it is 0.994, which is not found any more. Of
4,000 garments of Fashion-MNIST, which look much alike at 28 px, one pair reaches it."""
FLATTEST = 4.0
"""Grey levels: thumbnails that vary less than this have no content to compare, and match nothing."""


@dataclass(frozen=True)
class Leak:
    """Two images of different splits that are nearly the same."""

    first: str
    first_split: Split
    second: str
    second_split: Split
    similarity: float

    def __str__(self) -> str:
        return f"{self.first} ({self.first_split}) ~ {self.second} ({self.second_split})"


def find_leaks(images: Collection, known: Survey, splits: dict[Split, list[int]]) -> list[Leak]:
    """All such pairs, the most alike first. The answer is kept in the cache by content."""
    members = "\n".join(f"{name} {known.hashes[i]}" for name in SPLITS for i in splits[name])
    key = hashlib.sha256(f"{SAME} {FLATTEST}\n{members}".encode()).hexdigest()[:32]
    found = stored_json(cache_root() / "leaks" / f"{key}.json", lambda: _search(images, known, splits))
    named = [
        Leak(str(images.names[splits[a][i]]), a, str(images.names[splits[b][j]]), b, similarity)
        for a, i, b, j, similarity in found
    ]
    return sorted(named, key=lambda leak: -leak.similarity)


def _search(
    images: Collection, known: Survey, splits: dict[Split, list[int]]
) -> list[tuple[Split, int, Split, int, float]]:
    small = {name: thumbnails(images, known, splits[name]).astype(np.float32) for name in SPLITS}
    found = []
    for a, b in combinations(SPLITS, 2):
        ours, mirrored, theirs = _unit(small[a]), _unit(small[a][:, :, ::-1]), _unit(small[b])
        for start in range(0, len(theirs), 4096):  # blocks bound the memory
            block = theirs[start : start + 4096].T
            alike = np.maximum(ours @ block, mirrored @ block)
            found += [(a, int(i), b, int(start + j), float(alike[i, j])) for i, j in np.argwhere(alike >= SAME)]
    return found


def _unit(small: np.ndarray) -> np.ndarray:
    """Thumbnails as centred vectors of length one, so that products are correlations; flat ones become zero."""
    flat = small.reshape(len(small), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    least = FLATTEST * np.sqrt(THUMBNAIL * THUMBNAIL * 3)
    return np.where(length >= least, flat / np.maximum(length, 1e-6), 0.0).astype(np.float32)
