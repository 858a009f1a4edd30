"""Made-up pictures for the tests of this folder."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def picture(seed: int, width: int = 40, height: int = 40) -> Image.Image:
    """A smooth random picture; different seeds look different."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def huge_png(width: int, height: int) -> bytes:
    """A small PNG file that claims to be ``width`` x ``height`` pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(10_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def same_images(found, expected) -> bool:
    """Whether two tensors hold the same images; a split's order is that of the contents' hashes."""
    return sorted(image.numpy().tobytes() for image in found) == sorted(image.numpy().tobytes() for image in expected)
