"""The one way in which pictures are brought to R x R pixels.

Antialiased Lanczos is the default because a resize that skips pixels moves FID by more than strategies differ
(Parmar et al., On Aliased Resizing and Surprising Subtleties in GAN Evaluation, CVPR 2022).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from PIL import Image

from .decoding import Colour

FILTERS = {"lanczos": Image.Resampling.LANCZOS, "box": Image.Resampling.BOX}
BLOCK_BYTES = 8 * 2**20
"""Half of Pillow's default block, to be safe."""
VERSION = 2
"""Raise it when the pixels that this file or the decoding makes change, so that caches are made anew."""


@dataclass(frozen=True)
class Resize:
    """How a picture becomes a square; ``str()`` of it is what a table records."""

    filter: Literal["lanczos", "box"] = "lanczos"
    fit: Literal["crop", "letterbox"] = "crop"
    """``crop`` keeps the centre square; ``letterbox`` keeps all of the picture and fills with ``background``."""
    background: Colour = (255, 255, 255)
    """Shown through transparent pixels and in the bars of a letterbox."""

    def __str__(self) -> str:
        return f"{self.filter}, {'centre crop' if self.fit == 'crop' else 'letterbox'}"

    def __call__(self, picture: Image.Image, resolution: int) -> np.ndarray:
        """``picture`` (RGB) as uint8, 3 x ``resolution`` x ``resolution``; smaller pictures are enlarged."""
        square = self._crop(picture, resolution) if self.fit == "crop" else self._letterbox(picture, resolution)
        return _planes(square)

    def _crop(self, picture: Image.Image, resolution: int) -> Image.Image:
        width, height = picture.size
        if width == height == resolution:
            return picture
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
        return picture.resize((resolution, resolution), FILTERS[self.filter], box=box)

    def _letterbox(self, picture: Image.Image, resolution: int) -> Image.Image:
        scale = resolution / max(picture.size)
        width, height = (max(1, round(side * scale)) for side in picture.size)
        canvas = Image.new("RGB", (resolution, resolution), self.background)
        small = picture.resize((width, height), FILTERS[self.filter])
        canvas.paste(small, ((resolution - width) // 2, (resolution - height) // 2))
        return canvas


def _planes(picture: Image.Image) -> np.ndarray:
    """The pixels of an RGB picture as 3 x H x W.

    Pillow stores them with a fourth, unused byte; seen through Arrow they need not be packed first, which is what
    makes decoding as fast as torchvision's. Pictures of more than one of Pillow's memory blocks have no such view.
    """
    width, height = picture.size
    if picture.mode != "RGB" or 4 * width * height > BLOCK_BYTES:
        return np.asarray(picture).transpose(2, 0, 1)
    view = pa.array(picture).flatten().to_numpy(zero_copy_only=True)
    return view.reshape(height, width, 4)[:, :, :3].transpose(2, 0, 1)
