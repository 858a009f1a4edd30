"""Real faces that need no network: 100 of Labelled Faces in the Wild come with scikit-image."""

import hashlib

import numpy as np

from . import register
from .base import About
from .collection import Collection, from_array
from .image_set import ImageSet

FACES = 100
"""The first 100 of the 200 images are faces, the others are pieces of background."""


@register("lfw-faces", cite="Huang et al., Labeled Faces in the Wild, UMass Amherst TR 07-49, 2007")
class LFWFaces(ImageSet):
    """100 real grey faces of 25 x 25 px inside scikit-image: 40 shots, 20 validation, 40 reference.

    A synthetic-to-real target for the toy faces. With 40 reference images its scores are coarse: read them with their
    standard errors.
    """

    about = About(
        images=FACES,
        licence="see homepage (research use)",
        homepage="http://vis-www.cs.umass.edu/lfw/",
        cite="Huang et al. 2007",
        how="in a package",
    )

    def __init__(self, name: str):
        self.name = name

    def collection(self) -> Collection:
        from skimage.data import lfw_subset

        pixels = np.rint(lfw_subset()[:FACES] * 255).astype(np.uint8)
        return from_array("scikit-image's LFW faces", pixels, hashlib.sha256(pixels.tobytes()).hexdigest())
