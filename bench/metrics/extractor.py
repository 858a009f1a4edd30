"""What a feature extractor is: images to feature vectors, with everything that changes the numbers in its identity."""

import pickle
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError
from ..numerics import full_precision


class FeatureExtractor(ABC):
    """uint8 images (N x 3 x R x R, any R) -> float32 features (N x dimension) on ``device``.

    Features are always computed in float32, whatever autocast or TF32 setting surrounds the call: a lower precision
    would change metrics without a trace in their names.
    """

    name: str
    """Stands in the name of every metric, ``kid@<name>``."""
    dimension: int
    resize: str
    """How images are brought to the network's input size, for captions: ``bicubic to 64 px``."""
    batch: ClassVar[int] = 32
    """Images a pass."""

    def __init__(self, device: torch.device | str = "cpu"):
        self.device = torch.device(device)

    @property
    @abstractmethod
    def digest(self) -> str:
        """Hash of weights and preprocessing: features are cached under it."""

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """One batch: uint8 images on ``device`` -> float32 features."""

    def __call__(self, images: Tensor) -> Tensor:
        """All features of ``images``, in batches. Raises ``UserError`` if they are not uint8 N x 3 x R x R."""
        if not isinstance(images, Tensor):
            raise UserError(f"{self.name} takes a tensor of uint8 images, got {type(images).__name__}")
        shape = images.shape
        if images.dtype != torch.uint8 or len(shape) != 4 or shape[1] != 3 or shape[2] != shape[3] or shape[0] == 0:
            raise UserError(
                f"{self.name} takes uint8 images, N x 3 x R x R with N > 0; "
                f"got {images.dtype} of shape {list(images.shape)}"
            )
        with torch.inference_mode(), full_precision(self.device):
            parts = [self._padded(batch.to(self.device)) for batch in images.split(self.batch)]
        return torch.cat(parts).clone()

    def _padded(self, images: Tensor) -> Tensor:
        """Features of a batch that is filled up: kernels round otherwise for other sizes, and equal images must have
        equal features, in whichever set they are."""
        filled = F.pad(images, (0, 0, 0, 0, 0, 0, 0, self.batch - len(images)))
        return self.features(filled)[: len(images)].float()


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file by name. Raises ``UserError`` if it holds anything else; unpickles nothing else."""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever an unsuitable file raises: pickle, zip and end-of-file errors
        unsafe = isinstance(error, pickle.UnpicklingError)
        reason = "more than tensors, which is not loaded" if unsafe else str(error).strip().partition("\n")[0]
        raise UserError(f"{path} holds no weights: {reason or type(error).__name__}") from error
    if not isinstance(found, dict) or not all(isinstance(each, Tensor) for each in found.values()):
        raise UserError(f"{path} holds no weights: {type(found).__name__} instead of tensors by name")
    return found


class ExtractorFactory(Protocol):
    """What is registered: called with its registered name.

    ``weights`` is the path of a weights file, for extractors whose weights are not in a package.
    """

    def __call__(
        self, name: str, *, weights: Path | None = None, device: torch.device | str = "cpu"
    ) -> FeatureExtractor: ...
