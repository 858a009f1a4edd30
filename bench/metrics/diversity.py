"""How varied the fakes are, without any reference images beyond the shots."""

from collections.abc import Callable

import numpy as np
import torch
from scipy import special
from torch import Tensor

from ..errors import UserError
from .checks import check_features, check_set
from .lpips import Lpips
from .spectrum import gram_spectrum

VENDI_IMAGES = 500
CLUSTER_MEMBERS = 50


def vendi(fake: Tensor, images: int = VENDI_IMAGES) -> float:
    """Effective number of distinct images among the first ``images`` (Friedman and Dieng, TMLR 2023).

    exp of the entropy of the eigenvalues of the cosine similarity matrix over n: 1 if all are equal, n if all are
    orthogonal. It grows with n, so only values from equally many images compare; fewer than ``images`` are all used.
    """
    if images < 1:
        raise UserError(f"Vendi score of {images} images; it needs one or more")
    check_set("Vendi score", "fake", fake, at_least=1)
    directions = _directions(fake[:images])
    shares = gram_spectrum(directions.cpu().numpy()).clip(0) / len(directions)
    # Rounding leaves eigenvalues of about 1e-17 where there are none; x log x takes them to nothing.
    return float(np.exp(special.entr(shares).sum()))


def intra_cluster(fake: Tensor, shots: Tensor, members: int = CLUSTER_MEMBERS) -> tuple[float, int]:
    """Diversity around the shots: each fake joins its nearest shot (cosine distance); the mean pairwise distance in a
    cluster is averaged over the clusters of two fakes or more. Also, how many shots have any fake.

    The form of Ojha et al. (CVPR 2021) with the extractor's distance in the place of LPIPS. At most ``members`` fakes
    of a cluster are compared, the first ones. NaN if no shot has two fakes.
    """
    check_features("intra-cluster diversity", shots, fake, at_least=1)
    fake, shots = _directions(torch.cat([fake.double(), shots.double()])).split([len(fake), len(shots)])

    def spread(chosen: Tensor) -> float:
        cluster, n = fake[chosen], len(chosen)
        return float(1 - ((cluster @ cluster.T).sum() - cluster.square().sum()) / (n * (n - 1)))

    return _over_clusters((fake @ shots.T).argmax(1), spread, members)


def intra_lpips(fakes: Tensor, shots: Tensor, lpips: Lpips, members: int = CLUSTER_MEMBERS) -> tuple[float, int]:
    """The same as Ojha et al. have it: of images, uint8 N x 3 x R x R, with LPIPS as the distance throughout."""

    def spread(chosen: Tensor) -> float:
        n, cluster = len(chosen), fakes[chosen.to(fakes.device)]
        pairs = lpips.distances(cluster, cluster)
        return float((pairs.sum() - pairs.trace()) / (n * (n - 1)))

    return _over_clusters(lpips.distances(fakes, shots).argmin(1), spread, members)


def _over_clusters(nearest: Tensor, spread: Callable[[Tensor], float], members: int) -> tuple[float, int]:
    """Mean ``spread`` (of indices of fakes) over the clusters of two or more; ``nearest`` is each fake's shot."""
    occupied = nearest.unique()
    clusters = [(nearest == shot).nonzero()[:members, 0] for shot in occupied]
    spreads = [spread(chosen) for chosen in clusters if len(chosen) >= 2]
    return sum(spreads) / len(spreads) if spreads else float("nan"), len(occupied)


def _directions(features: Tensor) -> Tensor:
    """Unit vectors in float64. Vectors of zeros have a direction of their own, in a dimension that is added."""
    features = features.detach().double()
    largest = features.abs().amax(1, keepdim=True)
    features = features / largest.where(largest > 0, 1.0)  # whose squares neither vanish nor overflow
    zeros = largest == 0
    if zeros.any():
        features = torch.cat([features, zeros], dim=1)
    return features / features.norm(dim=1, keepdim=True)
