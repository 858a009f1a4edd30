"""Precision, recall (Kynkäänniemi et al., NeurIPS 2019), density and coverage (Naeem et al., ICML 2020).

All four ask which images lie in the ball around an image that reaches to its k-th nearest neighbour in its own set.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import UserError
from .checks import check_features, check_set, check_value
from .nearest import BLOCK, lengths, nearest

PRECISION_NEIGHBOURS = 3
DENSITY_NEIGHBOURS = 5
SMALLEST_SET = DENSITY_NEIGHBOURS + 1
"""Of images that can be measured: no other metric needs as many."""
FAR = 10.0
"""Sets whose mean lies further from zero than so many times their spread are moved there: distances through products,
as torch computes them, would drown in rounding. Nearer ones are left, so that they agree with torch-fidelity exactly.
"""
ROUNDING = 64
"""Well above the error of such a squared distance, in units of the precision times the sum of both squared lengths."""


@dataclass(frozen=True)
class Balls:
    """Images (n x d) and the radius of each one's ball (n)."""

    features: Tensor
    rounded: Tensor | None
    """For precision and recall: from fast distances, rounding and all, to agree with torch-fidelity exactly."""
    exact: Tensor | None
    """For density and coverage."""
    neighbours: int = DENSITY_NEIGHBOURS
    """Those of the exact radii."""


def fit_balls(
    features: Tensor,
    side: str = "real",
    for_precision: int | None = PRECISION_NEIGHBOURS,
    for_density: int | None = DENSITY_NEIGHBOURS,
) -> Balls:
    """Of features n x d with more images than neighbours (a reference's are made once)."""
    counts = [count for count in (for_precision, for_density) if count is not None]
    if min(counts) < 1:
        raise UserError(f"precision, recall, density and coverage need a neighbour or more, not {min(counts)}")
    check_set("precision, recall, density and coverage", side, features, at_least=max(counts) + 1)
    rounded = exact = None
    # The nearest neighbour of an image is the image itself, at index 0.
    if for_precision is not None:
        distances = torch.cdist(*_ready(features, features))
        rounded = distances.topk(for_precision + 1, largest=False).values[:, -1].contiguous()
        check_value("precision and recall", float(rounded.max()))
    if for_density is not None:
        exact = nearest(features, features, for_density + 1)[0][:, -1].contiguous()
        check_value("density and coverage", float(exact.max()))
    return Balls(features, rounded, exact, for_density or DENSITY_NEIGHBOURS)


def precision_recall(real: Tensor, fake: Tensor, neighbours: int = PRECISION_NEIGHBOURS) -> tuple[float, float]:
    """Share of fakes inside a real ball, and share of reals inside a fake ball; more than k images a side."""
    check_features("precision and recall", real, fake, at_least=max(neighbours, 0) + 1)
    found = compare(fit_balls(real, "real", neighbours, None), fit_balls(fake, "fake", neighbours, None))
    return found["precision"], found["recall"]


def density_coverage(real: Tensor, fake: Tensor, neighbours: int = DENSITY_NEIGHBOURS) -> tuple[float, float]:
    """Mean number of real balls around a fake over k (unbounded), and share of real balls that hold a fake."""
    check_features("density and coverage", real, fake, at_least=1)
    found = compare(fit_balls(real, "real", None, neighbours), Balls(fake, None, None))
    return found["density"], found["coverage"]


def compare(real: Balls, fake: Balls) -> dict[str, float]:
    """What the radii are there for."""
    x, y = _ready(real.features, fake.features)
    distances = torch.cdist(x, y)
    found = {}
    if real.rounded is not None and fake.rounded is not None:
        found["precision"] = (distances <= real.rounded[:, None]).any(0).double().mean().item()
        found["recall"] = (distances <= fake.rounded).any(1).double().mean().item()
    if real.exact is not None:
        radii = real.exact[:, None].to(x.dtype)
        inside = distances <= radii
        doubt = ROUNDING * torch.finfo(x.dtype).eps * (x.square().sum(1)[:, None] + y.square().sum(1))
        decided = (distances.square() - radii.square()).abs() > doubt  # not what overflowed
        for i, j in (pairs.T for pairs in (~decided).nonzero().split(BLOCK)):
            inside[i, j] = lengths(real.features[i].double() - fake.features[j].double()) <= real.exact[i]
        found["density"] = inside.double().sum(0).mean().item() / real.neighbours
        found["coverage"] = inside.any(1).double().mean().item()
    return found


def _ready(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Both as distances are taken of them: in the wider of both precisions, float32 at least, and not far from zero."""
    precision = torch.promote_types(torch.promote_types(x.dtype, y.dtype), torch.float32)
    x, y = x.detach().to(precision), y.detach().to(precision)
    middle = x.mean(0)
    if middle.norm() > FAR * (x - middle).norm(dim=1).mean():
        x, y = x - middle, y - middle
    return x, y
