"""Where the weights of torch-fidelity's extractors come from, and where they are looked for. Nothing is downloaded."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import UserError


@dataclass(frozen=True)
class Origin:
    """Where the weights of an extractor come from, and what it gives."""

    file: str
    url: str
    layer: str
    dimension: int
    size: int


def _clip(file: str, sha256: str, name: str, dimension: int, size: int = 224) -> Origin:
    url = f"https://openaipublic.azureedge.net/clip/models/{sha256}/{file}.pt"
    return Origin(f"{name}-{sha256}.pt", url, "clip", dimension, size)


def _dinov2(letter: str, dimension: int) -> Origin:
    file = f"dinov2_vit{letter}14_pretrain.pth"
    return Origin(file, f"https://dl.fbaipublicfiles.com/dinov2/dinov2_vit{letter}14/{file}", "dinov2", dimension, 224)


ORIGINS = {
    "inception-v3-compat": Origin(
        "weights-inception-2015-12-05-6726825d.pth",
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
        "2048",
        2048,
        299,
    ),
    "vgg16": Origin(
        "vgg16-397923af.pth", "https://download.pytorch.org/models/vgg16-397923af.pth", "fc2_relu", 4096, 224
    ),
    "clip-vit-b-32": _clip(
        "ViT-B-32", "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af", "clip-vit-b-32", 512
    ),
    "clip-vit-b-16": _clip(
        "ViT-B-16", "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f", "clip-vit-b-16", 512
    ),
    "clip-vit-l-14": _clip(
        "ViT-L-14", "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836", "clip-vit-l-14", 768
    ),
    "dinov2-vit-s-14": _dinov2("s", 384),
    "dinov2-vit-b-14": _dinov2("b", 768),
    "dinov2-vit-l-14": _dinov2("l", 1024),
}
"""By registered name, which is torch-fidelity's."""

LPIPS = Origin(
    "weights-vgg16-lpips.pth",
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-vgg16-lpips.pth",
    "",
    0,
    0,
)
"""The weights of the layers; LPIPS is no extractor, and needs those of ``vgg16`` too."""

DINOV2_CODE = "facebookresearch_dinov2_main"


def find_weights(name: str, given: Path | None = None) -> Path:
    """The weights file of an extractor, or of ``lpips``: ``given``, or in ``$GRAFTBENCH_WEIGHTS``, or in torch's cache.

    Raises ``UserError`` that says which file is missing, where to get it and where to put it.
    """
    origin = LPIPS if name == "lpips" else ORIGINS[name]
    if given is not None:
        if name.startswith("dinov2"):
            raise UserError(f"{name} takes no path of its weights: put {origin.file} into torch's cache instead")
        if not given.is_file():
            raise UserError(f"{given}: no such file (weights of {name}, from {origin.url})")
        return given
    cache = Path(torch.hub.get_dir())
    folders = [cache / "checkpoints"]
    if own := os.environ.get("GRAFTBENCH_WEIGHTS"):
        folders.insert(0, Path(own))
    if name.startswith("dinov2"):
        folders = [cache / "checkpoints"]
        if not (cache / DINOV2_CODE).is_dir():
            raise UserError(
                f"the code of {name} is missing: unpack https://github.com/facebookresearch/dinov2 (branch main) "
                f"as {cache / DINOV2_CODE}, and put {origin.url} into {folders[0]}"
            )
    for folder in folders:
        if (folder / origin.file).is_file():
            return folder / origin.file
    raise UserError(
        f"the weights of {name} are missing: get {origin.url} and put it at {folders[0] / origin.file}"
        + ("" if name.startswith("dinov2") else " (or into the folder that $GRAFTBENCH_WEIGHTS names)")
    )
