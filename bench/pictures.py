"""Image grids as PNG files."""

import math
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from .files import replacing


def write_grid(path: Path, images: Tensor) -> None:
    """Write uint8 images (N x 3 x R x R) as a near-square grid without gaps, row by row."""
    count, channels, height, width = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    padding = images.new_full((rows * columns - count, channels, height, width), 255)
    grid = torch.cat([images, padding]).cpu().view(rows, columns, channels, height, width)
    pixels = grid.permute(0, 3, 1, 4, 2).reshape(rows * height, columns * width, channels)
    with replacing(path) as temporary:
        Image.fromarray(pixels.numpy()).save(temporary, format="PNG")
