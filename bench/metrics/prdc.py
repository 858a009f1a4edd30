"""Precision, recall (Kynkäänniemi et al., NeurIPS 2019), density and coverage (Naeem et al., ICML 2020).

All four ask which images lie in the ball around an image that reaches to its k-th nearest neighbour in its own set.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import UserError
from .checks import check_features, check_set, check_value

PRECISION_NEIGHBOURS = 3
DENSITY_NEIGHBOURS = 5
SMALLEST_SET = DENSITY_NEIGHBOURS + 1
"""Of images that can be measured: no other metric needs as many."""
BOTH = PRECISION_NEIGHBOURS, DENSITY_NEIGHBOURS
FAR = 10.0
"""Sets whose mean lies further from zero than so many times their spread are moved there: distances through products,
as torch computes them, would drown in rounding. Nearer ones are left, so that they agree with torch-fidelity exactly.
"""


@dataclass(frozen=True)
class Balls:
    """Images (n x d) and the radius of each one's ball (n), by number of neighbours."""

    features: Tensor
    radii: dict[int, Tensor]


def fit_balls(features: Tensor, side: str = "real", neighbours: tuple[int, ...] = BOTH) -> Balls:
    """Of features n x d with more images than neighbours (a reference's are made once)."""
    if min(neighbours) < 1:
        raise UserError(f"precision, recall, density and coverage need a neighbour or more, not {min(neighbours)}")
    check_set("precision, recall, density and coverage", side, features, at_least=max(neighbours) + 1)
    distances = _distances(features, features)
    # The nearest neighbour of an image is the image itself, at index 0.
    nearest = distances.topk(max(neighbours) + 1, largest=False).values
    radii = {k: nearest[:, k].contiguous() for k in neighbours}
    check_value("precision, recall, density and coverage", float(torch.stack(list(radii.values())).max()))
    return Balls(features, radii)


def precision_recall(real: Tensor, fake: Tensor, neighbours: int = PRECISION_NEIGHBOURS) -> tuple[float, float]:
    """Share of fakes inside a real ball, and share of reals inside a fake ball; more than k images a side."""
    check_features("precision and recall", real, fake, at_least=max(neighbours, 0) + 1)
    found = compare(fit_balls(real, "real", (neighbours,)), fit_balls(fake, "fake", (neighbours,)), neighbours, None)
    return found["precision"], found["recall"]


def density_coverage(real: Tensor, fake: Tensor, neighbours: int = DENSITY_NEIGHBOURS) -> tuple[float, float]:
    """Mean number of real balls around a fake over k (unbounded), and share of real balls that hold a fake."""
    check_features("density and coverage", real, fake, at_least=1)
    found = compare(fit_balls(real, "real", (neighbours,)), Balls(fake, {}), None, neighbours)
    return found["density"], found["coverage"]


def compare(
    real: Balls,
    fake: Balls,
    for_precision: int | None = PRECISION_NEIGHBOURS,
    for_density: int | None = DENSITY_NEIGHBOURS,
) -> dict[str, float]:
    """Precision and recall with ``for_precision`` neighbours, density and coverage with ``for_density``."""
    distances = _distances(real.features, fake.features)
    found = {}
    if for_precision is not None:
        inside_real = distances <= real.radii[for_precision][:, None]
        found["precision"] = inside_real.any(0).double().mean().item()
        inside_fake = distances <= fake.radii[for_precision]
        found["recall"] = inside_fake.any(1).double().mean().item()
    if for_density is not None:
        inside_real = distances <= real.radii[for_density][:, None]
        found["density"] = inside_real.double().sum(0).mean().item() / for_density
        found["coverage"] = inside_real.any(1).double().mean().item()
    return found


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """Of all pairs, in the wider of both precisions, float32 at least."""
    precision = torch.promote_types(torch.promote_types(x.dtype, y.dtype), torch.float32)
    x, y = x.detach().to(precision), y.detach().to(precision)
    middle = x.mean(0)
    if middle.norm() > FAR * (x - middle).norm(dim=1).mean():
        x, y = x - middle, y - middle
    return torch.cdist(x, y)
