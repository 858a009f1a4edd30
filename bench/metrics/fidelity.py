"""The one place that touches torch-fidelity (Obukhov et al.): its extractors as ours, ours as its, and its numbers.

Uses its documented interface where there is one (``calculate_metrics``, the extractor classes, registration); the
metrics on given features are undocumented, so the version is pinned and a contract test watches them.
Nothing here downloads: missing weights are an error that says where to get them.
"""

import functools
import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import torch_fidelity
from torch import Tensor
from torch.utils.data import Dataset
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from ..errors import UserError
from ..registries import extractors
from .extractor import ExtractorFactory, FeatureExtractor, read_weights
from .weights import ORIGINS, find_weights


class FidelityExtractor(FeatureExtractor):
    """A feature extractor of torch-fidelity, with its own preprocessing (TensorFlow-1 bilinear resize)."""

    def __init__(self, name: str, weights: Path | None = None, device: torch.device | str = "cpu"):
        super().__init__(device)
        origin = ORIGINS[name]
        self.name, self.dimension, self.layer = name, origin.dimension, origin.layer
        self.resize = f"bilinear (TensorFlow 1) to {origin.size} px"
        self.weights = find_weights(name, weights)
        network = self._load()
        self.network = network.eval().requires_grad_(False).to(self.device).to(memory_format=torch.channels_last)

    def _load(self) -> torch.nn.Module:
        kind, _, _ = self.name.partition("-")
        maker: Any = {
            "inception": torch_fidelity.FeatureExtractorInceptionV3,
            "vgg16": torch_fidelity.FeatureExtractorVGG16,
            "clip": torch_fidelity.FeatureExtractorCLIP,
            "dinov2": torch_fidelity.FeatureExtractorDinoV2,
        }[kind]
        # DINOv2 accepts no path; with code and weights both in torch's cache it loads them from there.
        path = {} if kind == "dinov2" else {"feature_extractor_weights_path": str(self.weights)}
        if kind != "clip":  # which is a TorchScript archive
            # torch-fidelity unpickles the file without restriction, so it is first read with the restriction.
            read_weights(self.weights)
        try:
            return maker(self.name, [self.layer], **path)
        except Exception as error:  # whatever an unsuitable file raises: pickle, zip, JIT and state-dict errors
            reason = str(error).strip().partition("\n")[0]
            raise UserError(f"{self.weights} does not hold the weights of {self.name}: {reason}") from error

    @cached_property
    def digest(self) -> str:
        with self.weights.open("rb") as file:
            weights = hashlib.file_digest(file, "sha256").hexdigest()
        text = f"torch-fidelity {self.name} {self.layer} {weights} {self.resize} float32"
        return hashlib.sha256(text.encode()).hexdigest()

    def features(self, images: Tensor) -> Tensor:
        (features,) = self.network(images)
        return features


@functools.cache
def offer(name: str, factory: ExtractorFactory | None = None) -> str:
    """Make an extractor known to torch-fidelity under ``name``: ``calculate_metrics(feature_extractor=name)``.

    It is the registered one of that name, or what ``factory`` makes. Any number of calls. Returns the name of its
    feature layer.
    """
    make = factory or extractors.get(name)

    class Offered(torch_fidelity.FeatureExtractorBase):
        def __init__(self, name: str, features_list: list[str], **_: Any):
            super().__init__(name, features_list)
            self.extractor = make(name)

        def forward(self, images: Tensor) -> tuple[Tensor]:
            if images.device != self.extractor.device:
                self.extractor = make(self.name, device=images.device)
            return (self.extractor(images),)

        @staticmethod
        def get_provided_features_list() -> tuple[str]:
            return ("features",)

        @staticmethod
        def get_default_feature_layer_for_metric(metric: str) -> str:
            return "features"

        @staticmethod
        def can_be_compiled() -> bool:
            return False

        @staticmethod
        def get_dummy_input_for_compile() -> Tensor:
            return torch.zeros(1, 3, 4, 4, dtype=torch.uint8)

    torch_fidelity.register_feature_extractor(name, Offered)
    return "features"


class _Images(Dataset):
    """torch-fidelity reads datasets of bare tensors."""

    def __init__(self, images: Tensor):
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]


def calculate_metrics(fakes: Tensor, reals: Tensor, **options: Any) -> dict[str, float]:
    """``torch_fidelity.calculate_metrics`` on uint8 images, without its cache and its worker processes."""
    settings: dict[str, Any] = {"cuda": False, "cache": False, "save_cpu_ram": True, "verbose": False}
    return torch_fidelity.calculate_metrics(input1=_Images(fakes), input2=_Images(reals), **settings | options)


def fid_of_features(fake: Tensor, real: Tensor) -> float:
    """torch-fidelity's FID of features on the CPU."""
    statistics = [fid_features_to_statistics(features) for features in (fake, real)]
    return fid_statistics_to_metric(*statistics, verbose=False)[torch_fidelity.KEY_METRIC_FID]


def kid_of_features(fake: Tensor, real: Tensor, subsets: int, size: int, seed: int) -> tuple[float, float]:
    """torch-fidelity's KID of features: mean and spread over random subsets."""
    found = kid_features_to_metric(fake, real, kid_subsets=subsets, kid_subset_size=size, rng_seed=seed, verbose=False)
    return found[torch_fidelity.KEY_METRIC_KID_MEAN], found[torch_fidelity.KEY_METRIC_KID_STD]


def prc_of_features(fake: Tensor, real: Tensor, neighbours: int) -> tuple[float, float]:
    """torch-fidelity's precision and recall of features."""
    found = prc_features_to_metric(fake, real, prc_neighborhood=neighbours, verbose=False)
    return found[torch_fidelity.KEY_METRIC_PRECISION], found[torch_fidelity.KEY_METRIC_RECALL]
