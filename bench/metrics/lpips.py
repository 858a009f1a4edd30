"""LPIPS (Zhang et al., CVPR 2018): how different two images look, from the layers of VGG-16.

torch-fidelity's network and weights files, agreeing with it (a test holds them together), but an image passes the
network once for each block of others and not for each other image. The weights are looked for where those of the
extractors are; nothing is downloaded.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from ..errors import UserError
from ..numerics import full_precision
from .extractor import read_weights
from .weights import find_weights

SLICES = ((0, 4), (4, 9), (9, 16), (16, 23), (23, 30))
"""Parts of VGG-16's convolutions; each ends with a layer that is compared."""
CENTRE, SPREAD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Of each colour, for images in [-1, 1]."""
SMALLEST = 16
"""Pixels a side that the last layer needs; smaller images are enlarged to them."""
BLOCK = 50
"""Images that pass the network together: those of one cluster."""


class Lpips:
    """Distances between uint8 images N x 3 x R x R, computed on ``device`` in float32 (their sums in float64).

    Raises ``UserError`` if a weights file is missing or does not hold the weights.
    """

    def __init__(self, device: torch.device | str = "cpu", vgg: Path | None = None, lpips: Path | None = None):
        import torchvision  # as slow to import as torch itself, and without the weights it is not needed

        self.device = torch.device(device)
        network = torchvision.models.vgg16(weights=None, init_weights=False)
        self.weights = find_weights("vgg16", vgg), find_weights("lpips", lpips)
        found = [read_weights(path) for path in self.weights]
        try:
            network.load_state_dict(found[0])
            layers = [found[1][f"lin{index}.model.1.weight"].flatten() for index in range(len(SLICES))]
        except (RuntimeError, KeyError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise UserError(f"{' or '.join(map(str, self.weights))} does not hold its weights: {reason}") from error
        network = network.features.eval().requires_grad_(False).to(self.device)
        self.slices = [network[start:end] for start, end in SLICES]
        self.layers = [layer.double().to(self.device) for layer in layers]
        self.centre, self.spread = (torch.tensor(each, device=self.device)[:, None, None] for each in (CENTRE, SPREAD))

    def distances(self, images: Tensor, others: Tensor) -> Tensor:
        """All pairs, float64, N x M on the CPU."""
        with torch.inference_mode(), full_precision(self.device):
            rows = [
                torch.cat([self._block(block, other) for other in others.split(BLOCK)], 1)
                for block in images.split(BLOCK)
            ]
        return torch.cat(rows).cpu()

    def _block(self, images: Tensor, others: Tensor) -> Tensor:
        total = torch.zeros(len(images), len(others), dtype=torch.float64, device=self.device)
        for weight, both in zip(self.layers, self._activations(torch.cat([images, others])), strict=True):
            area = both[0, 0].numel()
            one, other = both.double().flatten(2).split([len(images), len(others)])
            weighted = (one * weight[:, None]).flatten(1)
            squares = [(side.square() * weight[:, None]).sum((1, 2)) for side in (one, other)]
            total += (squares[0][:, None] + squares[1] - 2 * weighted @ other.flatten(1).T) / area
        return total

    def _activations(self, images: Tensor) -> Iterator[Tensor]:
        """Of each compared layer, N x C x H x W, with unit length over the channels."""
        x = (images.to(self.device).float() / 127.5 - 1 - self.centre) / self.spread
        if min(x.shape[2:]) < SMALLEST:
            x = torch.nn.functional.interpolate(x, (SMALLEST, SMALLEST), mode="bilinear", align_corners=False)
        for part in self.slices:
            x = part(x)
            yield x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)


def find_lpips(device: torch.device | str = "cpu") -> Lpips | None:
    """LPIPS if both of its weights files are here, else nothing: its metric is then not measured."""
    return Lpips(device) if not lpips_obstacle() else None


def lpips_obstacle() -> str:
    """What keeps LPIPS from being used, in one line; empty if nothing does."""
    try:
        find_weights("vgg16")
        find_weights("lpips")
    except UserError as error:
        return str(error)
    return ""
