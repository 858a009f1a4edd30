"""Encoded image bytes -> an 8-bit RGB picture, as a person who opens the file would see it."""

import io
import warnings
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
UNREAD_SUFFIXES = frozenset({".heic", ".heif", ".avif", ".jxl", ".jp2", ".psd", ".dng", ".cr2", ".nef", ".arw"})
"""Pictures in formats that are not read: they are named as unreadable, where other files are passed over."""
MOST_PIXELS = 64_000_000
"""Above every usual camera; a picture of this size takes 256 MB while it is decoded."""
LEAST_SIDE = 4
"""Smaller files are tracking pixels and spacers, not pictures."""

Colour = tuple[int, int, int]
Decoder = Callable[[bytes], Image.Image]

ORIENTATION = 0x0112
"""The EXIF tag that says how the camera was held."""
Image.init()  # FORMATS may only name plug-ins that are loaded
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # sizes are checked here, with one limit


class UnreadableImage(ValueError):
    """Why a file is not a usable picture, in a few words."""


def decode(data: bytes, background: Colour = (255, 255, 255), at_least: int | None = None) -> Image.Image:
    """The first frame, upright (EXIF), in mode RGB.

    Transparent pixels show ``background``; 16-bit samples keep their high byte; grey has three equal channels; CMYK
    (Adobe's inverted kind too) is converted without a profile, and colour profiles are not applied. With ``at_least``
    a JPEG may come out smaller, but not below that many pixels a side: several times faster, for fingerprints only.

    Raises ``UnreadableImage`` for what is no picture, is cut short, is smaller than 4 px or larger than 64 megapixels.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            _check_size(*picture.size)
            clear = picture.info.get("transparency")
            if isinstance(clear, tuple) and picture.tile and "16B" in str(picture.tile[0].args):
                picture.info["transparency"] = tuple(sample >> 8 for sample in clear)  # as Pillow loads the samples
            if at_least is not None:
                picture.draft(None, (at_least, at_least))
            picture.load()
            if picture.getexif().get(ORIENTATION, 1) != 1:
                return _rgb(ImageOps.exif_transpose(picture), background)
            return _rgb(picture, background)
    except UnreadableImage:
        raise
    except Image.DecompressionBombError as error:
        raise UnreadableImage(f"larger than {MOST_PIXELS // 1_000_000} megapixels") from error
    except Image.UnidentifiedImageError as error:
        raise UnreadableImage(_unknown(data)) from error
    except MemoryError as error:
        raise UnreadableImage("does not fit in memory") from error
    # A broken file can raise nearly anything out of the format plug-ins; each means "this file is broken".
    except (OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, EOFError, ArithmeticError) as error:
        raise UnreadableImage(str(error) or type(error).__name__) from error


def _unknown(data: bytes) -> str:
    """Why no format's reader takes a file."""
    if not data:
        return "empty"
    if data[4:8] == b"ftyp":  # what these formats have in common, and telephones write
        return "HEIC, AVIF or a video, which are not read; save it as JPEG or PNG"
    return "not an image"


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise UnreadableImage(f"{width} x {height} px is larger than {MOST_PIXELS // 1_000_000} megapixels")
    if min(width, height) < LEAST_SIDE:
        raise UnreadableImage(f"{width} x {height} px is too small, {LEAST_SIDE} px a side is the least")


def _rgb(picture: Image.Image, background: Colour) -> Image.Image:
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture
    if picture.mode.startswith("I;16"):
        samples = np.asarray(picture).astype(np.uint32)
        grey = Image.fromarray(((samples + 128) // 257).astype(np.uint8)).convert("RGB")
        if "transparency" in picture.info:  # the one level, in 16 bits, that is transparent
            grey.paste(background, mask=Image.fromarray(samples == picture.info["transparency"]))
        return grey
    if picture.mode in ("I", "F"):
        raise UnreadableImage("32-bit samples have no stated range; save it with 8 or 16 bits")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        canvas = Image.new("RGBA", layer.size, (*background, 255))
        return Image.alpha_composite(canvas, layer).convert("RGB")
    return picture.convert("RGB")
