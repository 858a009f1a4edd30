"""Odd files, and what becomes of each."""

import struct
import zlib

import numpy as np
import pytest
from graftbench.datasets.decoding import UnreadableImage, decode
from pictures import encoded, huge_png, picture
from PIL import Image

LEFT, RIGHT = (200, 40, 40), (40, 40, 200)


def png16(colour: int, first: tuple[int, ...], second: tuple[int, ...], clear: tuple[int, ...]) -> bytes:
    """A PNG of 16-bit samples, 8 x 8 px, left half ``first``, right half ``second``, with ``clear`` transparent."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    def packed(*samples: int) -> bytes:
        return struct.pack(f">{len(samples)}H", *samples)

    header = struct.pack(">IIBBBBB", 8, 8, 16, colour, 0, 0, 0)
    rows = zlib.compress((b"\0" + packed(*first * 4, *second * 4)) * 8)
    body = chunk(b"IHDR", header) + chunk(b"tRNS", packed(*clear)) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def halves() -> Image.Image:
    """Red on the left, blue on the right, with a green mark at the top left, so that each turn can be told."""
    image = Image.new("RGB", (32, 16), RIGHT)
    image.paste(LEFT, (0, 0, 16, 16))
    image.paste((40, 200, 40), (0, 0, 8, 8))
    return image


def close(image: Image.Image, expected: Image.Image, most: float = 12.0) -> bool:
    return image.size == expected.size and bool(
        np.abs(np.asarray(image, np.int16) - np.asarray(expected.convert("RGB"), np.int16)).mean() < most
    )


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("MPO", {"quality": 95}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("BMP", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("GIF", {}),
    ],
)
def test_every_format_shows_the_picture(kind, options):
    decoded = decode(encoded(halves(), kind, **options))
    assert decoded.mode == "RGB"
    assert close(decoded, halves())


TURNS = {
    1: lambda image: image,
    2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
    4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
    6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
    7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
    8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
}
"""How a camera stores an upright picture under each EXIF orientation."""


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", TURNS)
def test_exif_orientation_is_undone(orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = TURNS[orientation](halves())
    assert close(decode(encoded(stored, kind, exif=exif)), halves())


def test_grey_has_three_equal_channels():
    for kind in ("PNG", "JPEG"):
        pixels = np.asarray(decode(encoded(picture(0).convert("L"), kind)))
        assert (pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 0] == pixels[..., 2]).all()
        assert pixels.std() > 10


def test_one_bit_is_black_and_white():
    assert set(np.unique(np.asarray(decode(encoded(picture(0).convert("1")))))) == {0, 255}


def test_a_palette_is_looked_up():
    assert close(decode(encoded(halves().quantize(16))), halves())


def test_cmyk_jpeg_and_tiff_show_their_colours():
    for kind in ("JPEG", "TIFF"):
        assert close(decode(encoded(halves().convert("CMYK"), kind)), halves(), most=16)


@pytest.mark.parametrize("background", [(255, 255, 255), (0, 128, 0)])
def test_transparent_pixels_show_the_background(background):
    image = halves().convert("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    assert decode(encoded(image), background).getpixel((5, 5)) == background
    image.putalpha(Image.new("L", image.size, 255))
    assert decode(encoded(image), background).getpixel((31, 5)) == RIGHT


def test_a_transparent_palette_entry_and_grey_with_alpha_show_the_background():
    gif = halves().quantize(16)
    clear = gif.getpixel((31, 15))
    assert decode(encoded(gif, "GIF", transparency=clear), (1, 2, 3)).getpixel((31, 15)) == (1, 2, 3)
    grey = Image.merge("LA", (Image.new("L", (8, 8), 100), Image.new("L", (8, 8), 0)))
    assert decode(encoded(grey), (1, 2, 3)).getpixel((4, 4)) == (1, 2, 3)


def test_sixteen_bit_grey_keeps_its_full_range():
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    for kind in ("PNG", "TIFF"):
        pixels = np.asarray(decode(encoded(Image.fromarray(ramp), kind)))[..., 0].ravel()
        assert pixels[0] == 0 and pixels[-1] == 255
        assert (np.diff(pixels.astype(int)) >= 0).all() and len(set(pixels.tolist())) == 256


def test_thirty_two_bit_samples_are_refused():
    with pytest.raises(UnreadableImage, match="32-bit"):
        decode(encoded(Image.fromarray(np.ones((8, 8), np.float32)), "TIFF"))


def test_a_gif_shows_its_first_frame():
    data = encoded(halves(), "GIF", save_all=True, append_images=[picture(1, 32, 16)])
    assert close(decode(data), halves())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"these are not the pixels you are looking for\n" * 9, "not an image"),
        (encoded(picture(0, 1, 1)), "too small"),
        (encoded(picture(0, 64, 2)), "too small"),
        (encoded(picture(0), "JPEG")[:-200], "truncated"),
        (encoded(picture(0))[:-200], "truncated"),
        (b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.", "not an image"),
    ],
    ids=["zero bytes", "text", "1 x 1", "a line", "cut JPEG", "cut PNG", "pickle"],
)
def test_what_is_no_picture_says_why(data, reason):
    with pytest.raises(UnreadableImage, match=reason):
        decode(data)


def test_a_huge_picture_is_refused_before_it_is_unpacked():
    for side in (9_000, 50_000):
        with pytest.raises(UnreadableImage, match="megapixels"):
            decode(huge_png(side, side))


@pytest.mark.parametrize(
    ("colour", "clear", "other", "shown"),
    [(0, (0x1234,), (0x1235,), (18, 18, 18)), (2, (0x1234, 0x56, 0xFF00), (0xFFFF, 0, 0), (255, 0, 0))],
    ids=["grey", "colour"],
)
def test_the_transparent_colour_of_a_16_bit_png_shows_the_background(colour, clear, other, shown):
    decoded = decode(png16(colour, clear, other, clear), background=(1, 2, 3))
    assert decoded.getpixel((0, 0)) == (1, 2, 3) and decoded.getpixel((7, 7)) == shown
