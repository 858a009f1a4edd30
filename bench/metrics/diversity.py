"""How varied the fakes are, without any reference images beyond the shots."""

import torch
from torch import Tensor

from .checks import check_features, check_set

VENDI_IMAGES = 500
CLUSTER_MEMBERS = 50


def vendi(fake: Tensor, images: int = VENDI_IMAGES) -> float:
    """Effective number of distinct images among the first ``images`` (Friedman and Dieng, TMLR 2023).

    exp of the entropy of the eigenvalues of the cosine similarity matrix over n: 1 if all are equal, n if all are
    orthogonal. It grows with n, so only values from equally many images compare; fewer than ``images`` are all used.
    """
    check_set("Vendi score", "fake", fake, at_least=1)
    directions = _directions(fake[:images])
    eigenvalues = torch.linalg.eigvalsh(directions @ directions.T / len(directions)).clamp(min=0)
    # Rounding leaves eigenvalues of about 1e-17 where there are none; x log x takes them to nothing.
    return float(torch.special.entr(eigenvalues).sum().exp())


def intra_cluster(fake: Tensor, shots: Tensor, members: int = CLUSTER_MEMBERS) -> tuple[float, int]:
    """Diversity around the shots: each fake joins its nearest shot (cosine distance); the mean pairwise distance in a
    cluster is averaged over the clusters of two fakes or more. Also, how many shots have any fake.

    The form of Ojha et al. (CVPR 2021) with the extractor's distance in the place of LPIPS. At most ``members`` fakes
    of a cluster are compared, the first ones. NaN if no shot has two fakes.
    """
    check_features("intra-cluster diversity", shots, fake, at_least=1)
    fake, shots = _directions(fake), _directions(shots)
    nearest = (fake @ shots.T).argmax(1)
    spreads = []
    for shot in range(len(shots)):
        cluster = fake[nearest == shot][:members]
        n = len(cluster)
        if n >= 2:
            similarity = ((cluster @ cluster.T).sum() - cluster.square().sum()) / (n * (n - 1))
            spreads.append(float(1 - similarity))
    mean = sum(spreads) / len(spreads) if spreads else float("nan")
    return mean, int(nearest.unique().numel())


def _directions(features: Tensor) -> Tensor:
    """Unit vectors in float64; a vector of zeros stays one."""
    return torch.nn.functional.normalize(features.double(), dim=1)
