"""One pass over a collection: what each image's content is, and which files are no images."""

import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..bench.errors import UserError
from ..bench.files import cache_root
from .cache import stored_array, stored_json
from .collection import Collection
from .decoding import UnreadableImage, decode
from .resizing import VERSION, Resize

log = logging.getLogger(__name__)
BLOCK = 16
"""Images that a thread takes at a time."""
NOT_STORED = 128
"""Images up to which decoding again is quick, and a file for each choice of them would be waste."""
THUMBNAIL = 16
"""Side in pixels of the thumbnails that near-duplicates are found by."""


@dataclass(frozen=True)
class Survey:
    """What is known of each image of a collection, by position."""

    hashes: list[str]
    """SHA-256 of the content; empty where the file could not be read at all."""
    problems: dict[int, str]
    """Why an image cannot be used, for those that cannot."""


def workers() -> int:
    """Threads that decode side by side: the cores that this process may use (Pillow frees the GIL)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def survey(images: Collection) -> Survey:
    """The survey of a collection, from the cache if its stamp was seen before."""

    def look(index: int) -> tuple[str, str]:
        try:
            data = images.read(index)
        except OSError as error:
            return "", error.strerror or str(error)
        content = hashlib.sha256(data).hexdigest()
        if images.encoded:
            try:
                decode(data, at_least=THUMBNAIL)
            except UnreadableImage as problem:
                return content, str(problem)
        return content, ""

    def look_at_all() -> dict[str, Any]:
        log.info("reading %d images of %s for the first time", len(images), images.where)
        found = _in_parallel(look, len(images)) if images.encoded else [look(i) for i in range(len(images))]
        return {"hashes": [h for h, _ in found], "problems": {str(i): p for i, (_, p) in enumerate(found) if p}}

    stored = stored_json(_file(images), look_at_all)
    return Survey(stored["hashes"], {int(i): problem for i, problem in stored["problems"].items()})


def _file(images: Collection) -> Path:
    return cache_root() / "surveys" / f"{images.stamp[:32]}.json"


def pixels(images: Collection, known: Survey, positions: list[int], resolution: int, resize: Resize) -> np.ndarray:
    """The images at ``positions`` as uint8, N x 3 x R x R, memory-mapped.

    The file is named by the contents, the resolution and the resize policy, so it is shared by every collection
    that holds the same images, and is never stale.
    """
    contents = "\n".join(known.hashes[i] for i in positions)
    policy = f"{resize}, background {resize.background}, version {VERSION}, {resolution} px"
    key = hashlib.sha256(f"{policy}\n{contents}".encode()).hexdigest()[:32]

    def fill(rows: np.ndarray) -> None:
        log.info("decoding %d images of %s at %d px", len(positions), images.where, resolution)
        _draw(images, known, positions, resolution, resize, rows)

    return stored_array(cache_root() / "images" / f"{key}.npy", (len(positions), 3, resolution, resolution), fill)


def some_pixels(images: Collection, known: Survey, positions: list[int], resolution: int, resize: Resize) -> np.ndarray:
    """The same for a part of a split; where it is so small that decoding is instant, nothing is stored."""
    if len(positions) > NOT_STORED:
        return pixels(images, known, positions, resolution, resize)
    rows = np.empty((len(positions), 3, resolution, resolution), np.uint8)
    _draw(images, known, positions, resolution, resize, rows)
    return rows


def _draw(
    images: Collection, known: Survey, positions: list[int], resolution: int, resize: Resize, rows: np.ndarray
) -> None:
    """Decode the images at ``positions`` into ``rows``."""

    def draw(row: int) -> None:
        with _still_readable(images, positions[row]):
            rows[row] = resize(images.decode(_read(images, known, positions[row])), resolution)

    _in_parallel(draw, len(positions))


def thumbnails(images: Collection, known: Survey, positions: list[int]) -> np.ndarray:
    """Small squeezed copies for comparing, uint8, N x 16 x 16 x 3 (the whole picture, whatever its shape)."""

    def draw(row: int) -> np.ndarray:
        with _still_readable(images, positions[row]):
            data = _read(images, known, positions[row])
            picture = decode(data, at_least=4 * THUMBNAIL) if images.encoded else images.decode(data)
        return np.asarray(picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX))

    drawn = _in_parallel(draw, len(positions))
    return np.stack(drawn) if drawn else np.empty((0, THUMBNAIL, THUMBNAIL, 3), np.uint8)


def _read(images: Collection, known: Survey, position: int) -> bytes:
    """The bytes that the survey knows. What is made of others must not be kept under their hash."""
    data = images.read(position)
    if hashlib.sha256(data).hexdigest() != known.hashes[position]:
        with suppress(OSError):
            _file(images).unlink()  # the stamp may not tell the two states apart
        raise UserError(f"{images.where}: {images.names[position]} has changed since it was first read; start again")
    return data


@contextmanager
def _still_readable(images: Collection, position: int) -> Iterator[None]:
    """An image that the survey could read, and that cannot be read now, is an error that names it."""
    try:
        yield
    except (OSError, UnreadableImage) as error:
        name = images.names[position]
        raise UserError(
            f"{images.where}: {name} cannot be read ({error}); mend or remove it, and start again"
        ) from error


def _in_parallel(work: Callable[[int], Any], count: int) -> list[Any]:
    """``work`` of each position, in order; handed out in blocks, since small images take less time than a hand-over."""

    def block(start: int) -> list[Any]:
        return [work(i) for i in range(start, min(start + BLOCK, count))]

    with ThreadPoolExecutor(workers()) as pool:
        return [result for results in pool.map(block, range(0, count, BLOCK)) for result in results]
