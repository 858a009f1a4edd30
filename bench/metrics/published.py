"""The extractors of published numbers, through torch-fidelity (``fidelity.py``)."""

from pathlib import Path

import torch

from . import register
from .extractor import FeatureExtractor


@register("inception-v3-compat", cite="Heusel et al., NeurIPS 2017, arXiv:1706.08500")
def inception(name: str, *, weights: Path | None = None, device: torch.device | str = "cpu") -> FeatureExtractor:
    """Inception-v3 of the original FID, converted from TensorFlow: the one for papers."""
    return _open(name, weights, device)


@register("vgg16", cite="Kynkäänniemi et al., NeurIPS 2019, arXiv:1904.06991")
def vgg16(name: str, *, weights: Path | None = None, device: torch.device | str = "cpu") -> FeatureExtractor:
    """VGG-16 second fully connected layer: the one of published precision and recall."""
    return _open(name, weights, device)


@register("clip-vit-b-32", cite="Radford et al., ICML 2021, arXiv:2103.00020")
@register("clip-vit-b-16", cite="Radford et al., ICML 2021, arXiv:2103.00020")
@register("clip-vit-l-14", cite="Radford et al., ICML 2021, arXiv:2103.00020")
def clip(name: str, *, weights: Path | None = None, device: torch.device | str = "cpu") -> FeatureExtractor:
    """CLIP image embedding."""
    return _open(name, weights, device)


@register("dinov2-vit-s-14", cite="Oquab et al., TMLR 2024, arXiv:2304.07193")
@register("dinov2-vit-b-14", cite="Oquab et al., TMLR 2024, arXiv:2304.07193")
@register("dinov2-vit-l-14", cite="Oquab et al., TMLR 2024, arXiv:2304.07193")
def dinov2(name: str, *, weights: Path | None = None, device: torch.device | str = "cpu") -> FeatureExtractor:
    """DINOv2 class token: closest to human judgement of samples (Stein et al., NeurIPS 2023)."""
    return _open(name, weights, device)


def _open(name: str, weights: Path | None, device: torch.device | str) -> FeatureExtractor:
    from .fidelity import FidelityExtractor

    return FidelityExtractor(name, weights, device)
