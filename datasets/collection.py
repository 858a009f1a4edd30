"""A collection of images before anything is decoded: a folder, a zip, a list, or the arrays of a known set."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from ..bench.errors import UserError, nearest
from .decoding import Colour, Decoder, decode


@dataclass(frozen=True)
class Collection:
    """Images by position, in a fixed order."""

    where: str
    """Where they lie, for messages: ``displayed``, as the names are."""
    names: Sequence[str]
    """One per image, for messages."""
    read: Callable[[int], bytes]
    """The bytes that identify image i (its file, or its raw pixels); may raise ``OSError``."""
    decode: Decoder
    """From those bytes to a picture; may raise ``UnreadableImage``."""
    stamp: str
    """Changes when any image may have changed, and is cheap: sizes and times of files, or a checksum."""
    classes: Sequence[str] | None = None
    """Name of each image's class, where there are classes."""
    published_test: Sequence[bool] | None = None
    """Whether each image is in the publisher's test part, where there is one."""
    encoded: bool = True
    """Whether ``read`` gives the bytes of an image file."""

    def __len__(self) -> int:
        return len(self.names)


def from_files(where: str, names: Sequence[str], read: Callable[[int], bytes], stamp: str, background: Colour, **more):
    """A collection of encoded images."""

    def picture(data: bytes) -> Image.Image:
        return decode(data, background)

    return Collection(displayed(where), [displayed(name) for name in names], read, picture, stamp, **more)


def displayed(name: str) -> str:
    """A file's name as it can be shown: what would act on a terminal, or is no text, as an escape sequence."""
    return name if name.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def from_array(where: str, pixels: np.ndarray, stamp: str, **more) -> Collection:
    """A collection of the rows of an array: uint8, N x H x W (grey) or N x H x W x 3."""
    return from_array_on_demand(where, len(pixels), lambda: pixels, stamp, **more)


def from_array_on_demand(where: str, count: int, load: Callable[[], np.ndarray], stamp: str, **more) -> Collection:
    """The same for an array of ``count`` rows that is only loaded when a row is needed."""
    array = cache(load)

    def picture(data: bytes) -> Image.Image:
        return Image.fromarray(np.frombuffer(data, np.uint8).reshape(array().shape[1:])).convert("RGB")

    names = [f"image {i}" for i in range(count)]
    return Collection(where, names, lambda i: array()[i].tobytes(), picture, stamp, encoded=False, **more)


def select(images: Collection, positions: Sequence[int], **changes: Any) -> Collection:
    """The images at ``positions`` only; ``changes`` replaces other facts of the new collection."""
    chosen = list(positions)

    def of(values: Sequence[Any] | None) -> list[Any] | None:
        return None if values is None else [values[i] for i in chosen]

    facts: dict[str, Any] = {
        "names": of(images.names),
        "read": lambda i: images.read(chosen[i]),
        "stamp": hashlib.sha256(f"{images.stamp} {chosen}".encode()).hexdigest(),
        "classes": of(images.classes),
        "published_test": of(images.published_test),
    }
    return replace(images, **(facts | changes))


def choose_classes(images: Collection, name: str) -> Collection:
    """The images that a domain's full name asks for: ``afhq:cat`` is one class, ``mnist:not-8`` all others.

    Raises ``UserError`` with the nearest names if there is no such class.
    """
    asked = name.partition(":")[2]
    if not asked:
        return images
    if images.classes is None:
        raise UserError(f"domain {name!r}: {name.partition(':')[0]} has no classes to choose from")
    wanted = check_class(name, dict.fromkeys(images.classes))
    positions = [i for i, each in enumerate(images.classes) if (each == wanted) == (asked == wanted)]
    chosen = select(images, positions)
    return replace(chosen, classes=None) if asked == wanted else chosen


def check_class(name: str, known: Iterable[str]) -> str:
    """The class that a domain's full name asks for, or asks to leave out; empty if it asks for none.

    Raises ``UserError`` with the nearest names if it is not among the ``known``.
    """
    known, asked = list(known), name.partition(":")[2]
    wanted = asked if asked in known else asked.removeprefix("not-")
    if asked and wanted not in known:
        raise UserError(f"domain {name!r}: unknown class {wanted!r}; {nearest(wanted, known)}")
    return wanted


def named_by_number(name: str, classes: Sequence[str]) -> str:
    """A domain's full name with a class number replaced by the class's name: ``…:not-8`` becomes ``…:not-bag``."""
    family, _, asked = name.partition(":")
    negated, number = ("not-", asked[4:]) if asked.startswith("not-") else ("", asked)
    if number.isdecimal() and int(number) < len(classes):
        return f"{family}:{negated}{classes[int(number)]}"
    return name
