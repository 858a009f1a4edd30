"""A collection of images before anything is decoded: a folder, a zip, a list, or the arrays of a known set."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .decoding import ORIENTATION, Colour, Decoder, decode


@dataclass(frozen=True)
class Collection:
    """Images by position, in a fixed order."""

    where: str
    """Where they lie, for messages."""
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

    return Collection(where, names, read, picture, stamp, **more)


def from_array(where: str, pixels: np.ndarray, stamp: str, **more) -> Collection:
    """A collection of the rows of an array: uint8, N x H x W (grey) or N x H x W x 3."""
    shape = pixels.shape[1:]

    def picture(data: bytes) -> Image.Image:
        return Image.fromarray(np.frombuffer(data, np.uint8).reshape(shape)).convert("RGB")

    names = [f"image {i}" for i in range(len(pixels))]
    return Collection(where, names, lambda i: pixels[i].tobytes(), picture, stamp, encoded=False, **more)


def is_plain_jpeg(data: bytes, resolution: int) -> bool:
    """Whether these are the bytes of an upright RGB or grey JPEG of exactly ``resolution`` pixels a side."""
    if not data.startswith(b"\xff\xd8"):
        return False
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
        upright = picture.getexif().get(ORIENTATION, 1) == 1
        return upright and picture.mode in ("RGB", "L") and picture.size == (resolution, resolution)
