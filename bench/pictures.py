"""Image grids as PNG files."""

import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from .files import replacing

if TYPE_CHECKING:
    from torch import Tensor


def write_grid(path: Path, images: "Tensor") -> None:
    """Write uint8 images (N x 3 x R x R) as a near-square grid without gaps, row by row."""
    pixels = images.cpu().numpy().transpose(0, 2, 3, 1)
    count, height, width, channels = pixels.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    tiles = np.full((rows * columns, height, width, channels), 255, dtype=np.uint8)
    tiles[:count] = pixels
    grid = tiles.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    with replacing(path) as temporary:
        Image.fromarray(grid.reshape(rows * height, columns * width, channels)).save(temporary, format="PNG")


def reference_grid(target: str, resolution: int) -> str:
    """Stem of the grid of a target's real images in a store's ``references/``; no two targets share one."""
    stem = "".join(c if c.isalnum() or c in "-@" else "-" for c in f"{target}@{resolution}")
    unchanged = stem == f"{target}@{resolution}"
    return stem if unchanged else f"{stem}-{hashlib.sha256(target.encode()).hexdigest()[:6]}"
