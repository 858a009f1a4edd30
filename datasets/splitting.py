"""Which images are shots, validation and reference: decided by their content, never by file names."""

from collections.abc import Sequence

from ..bench.errors import UserError
from .base import SPLITS, Split

FRACTIONS: dict[Split, float] = {"shots": 0.4, "validation": 0.2, "reference": 0.4}
MOST_VALIDATION = 5000
"""Choosing a checkpoint needs no more than this; the rest of a large set goes to the reference."""
LEAST_IMAGES = 5


def distinct(hashes: Sequence[str], usable: Sequence[bool], published_test: Sequence[bool] | None) -> list[int]:
    """Positions of the usable images, one for each content; of equal ones a test image is kept before others."""
    order = sorted(range(len(hashes)), key=lambda i: (not (published_test is not None and published_test[i]), i))
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
    """Positions of each split, each in the collection's order, in the same proportions for each class.

    40 % shots, 20 % validation (5,000 at most) and the rest reference. Where the publisher has a test part, that is
    the reference, and only the rest is divided, in shots and validation.

    Raises ``UserError`` if there are fewer than 5 distinct images.
    """
    if len(positions) < LEAST_IMAGES:
        raise UserError(
            f"{where}: {len(positions)} distinct usable images are too few for shots, validation and reference; "
            f"{LEAST_IMAGES} at least are needed"
        )
    test = [i for i in positions if published_test is not None and published_test[i]]
    rest = [i for i in positions if published_test is None or not published_test[i]]
    shares = dict(FRACTIONS)
    shares["validation"] = min(shares["validation"], MOST_VALIDATION / max(len(rest), 1))
    shares["reference"] = 0.0 if test else 1.0 - shares["shots"] - shares["validation"]
    if test:
        shares["shots"] = 1.0 - shares["validation"]
    dealt: dict[Split, list[int]] = {name: [] for name in SPLITS}
    ordered = sorted(rest, key=lambda i: (classes[i] if classes is not None else "", hashes[i]))
    for count, i in enumerate(ordered, start=1):
        # Whichever split is furthest behind its share comes next: exact within one image, in each class too.
        behind = max(SPLITS, key=lambda name: shares[name] * count - len(dealt[name]))
        dealt[behind].append(i)
    dealt["reference"] += test
    return {name: sorted(members) for name, members in dealt.items()}
