"""Which images are shots, validation and reference: decided by their content, never by file names."""

from collections.abc import Iterable, Sequence

from ..bench.errors import UserError
from .base import SPLITS, Split

TURNS: tuple[Split, ...] = ("shots", "reference", "validation", "shots", "reference")
"""Where the images of a class go in turn, in the order of their hashes: 40 % shots, 20 % validation, 40 % reference."""
TURNS_WITH_TEST_PART: tuple[Split, ...] = ("shots", "shots", "validation", "shots", "shots")
MOST_VALIDATION = 5000
"""Choosing a checkpoint needs no more than this; what is beyond goes to the reference
(or to the shots, where a test part is the reference)."""
LEAST_IMAGES = 5


def distinct(hashes: Sequence[str], usable: Sequence[bool], published_test: Sequence[bool] | None) -> list[int]:
    """Positions of the usable images, one for each content; of equal ones a test image is kept before others."""
    order: Iterable[int] = range(len(hashes))
    if published_test is not None:
        order = sorted(order, key=lambda i: not published_test[i])
    kept: dict[str, int] = {}
    for i in order:
        if usable[i]:
            kept.setdefault(hashes[i], i)
    return sorted(kept.values())


def split(
    where: str,
    hashes: Sequence[str],
    positions: Sequence[int],
    classes: Sequence[str] | None = None,
    published_test: Sequence[bool] | None = None,
) -> dict[Split, list[int]]:
    """Positions of each split, in the same proportions for each class.

    They are in the order of the contents' hashes: the first so many images of a split are then a random sample of it,
    where a collection's order would be that of its classes or of the moments when its pictures were taken.

    40 % shots, 20 % validation (5,000 at most) and the rest reference. Where the publisher has a test part, that is
    the reference, and only the rest is divided: 80 % shots, the others validation. Each class is divided by itself,
    so that a domain of one class has the same shots and reference as that class has in the whole set.

    Raises ``UserError`` if there are fewer than 5 distinct images.
    """
    if len(positions) < LEAST_IMAGES:
        raise UserError(
            f"{where}: {len(positions)} distinct usable images are too few for shots, validation and reference; "
            f"{LEAST_IMAGES} at least are needed"
        )
    test = [i for i in positions if published_test is not None and published_test[i]]
    rest = [i for i in positions if published_test is None or not published_test[i]]
    turns = TURNS_WITH_TEST_PART if test else TURNS
    dealt: dict[Split, list[int]] = {name: [] for name in SPLITS}
    for members in _groups(rest, classes):
        ordered = sorted(members, key=hashes.__getitem__)
        for turn, name in enumerate(turns):
            dealt[name] += ordered[turn :: len(turns)]
    surplus = sorted(dealt["validation"], key=lambda i: hashes[i])[MOST_VALIDATION:]
    dealt["validation"] = list(set(dealt["validation"]) - set(surplus))
    dealt["shots" if test else "reference"] += surplus
    dealt["reference"] += test
    return {name: sorted(members, key=hashes.__getitem__) for name, members in dealt.items()}


def _groups(positions: Sequence[int], classes: Sequence[str] | None) -> list[list[int]]:
    """The images of each class; classes that are too small to be divided are divided together."""
    by_class: dict[str, list[int]] = {}
    for i in positions:
        by_class.setdefault(classes[i] if classes is not None else "", []).append(i)
    large = [members for members in by_class.values() if len(members) >= LEAST_IMAGES]
    small = [i for members in by_class.values() if len(members) < LEAST_IMAGES for i in members]
    return [*large, small]
