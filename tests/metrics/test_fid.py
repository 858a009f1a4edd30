"""FID through the Gram matrix is the FID through an SVD, and an SVD is taken where the two would differ."""

import numpy as np
import pytest
import torch
from graftbench.bench.metrics import fid
from graftbench.bench.metrics.fid import distance_between, fit_gaussian, nuclear_norm
from scipy import linalg

RNG = torch.Generator().manual_seed(0)
MIXING = torch.randn(64, 512, generator=RNG)


def features(count: int, rank: int = 64) -> torch.Tensor:
    """Rectified mixtures, as pooled features are; of low rank without the rectifier."""
    mixed = torch.randn(count, rank, generator=RNG) @ MIXING[:rank]
    return mixed.relu() if rank == 64 else mixed


FAKES = features(200)
PAIRS = {
    "few reals": (features(10), FAKES),
    "fewer reals than fakes": (features(150), FAKES),
    "more reals than fakes": (features(400), FAKES),
    "more reals than dimensions": (features(600), FAKES),
    "the same set": (FAKES, FAKES.clone()),
    "a small shift": (FAKES, FAKES + 0.01),
    "low rank": (features(200, 7), features(200, 7)),
    "a single image repeated": (features(200), features(1).repeat(200, 1)),
    "each image twice": (features(200), features(100).repeat(2, 1)),
    "far from zero": (features(200) + 1e4, features(200) + 1e4),
}


def textbook(real: torch.Tensor, fake: torch.Tensor) -> float:
    """Centred matrices as they are, and an SVD whatever the size."""
    real, fake = real.double(), fake.double()
    a, b = ((x - x.mean(0)) / (len(x) - 1) ** 0.5 for x in (real, fake))
    overlap = torch.linalg.svdvals(a @ b.T).sum()
    spread = a.square().sum() + b.square().sum()
    return float((real.mean(0) - fake.mean(0)).square().sum() + spread - 2 * overlap)


@pytest.mark.parametrize("reused", [False, True])
@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_both_ways_give_the_same_number(pair, reused):
    real, fake = fit_gaussian(pair[0], reused=reused), fit_gaussian(pair[1])
    assert distance_between(real, fake) == pytest.approx(textbook(*pair), rel=1e-9, abs=1e-11 * real.variance)


@pytest.mark.parametrize("reused", [False, True])
@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_the_root_gives_the_covariance_with_one_row_less_than_images(pair, reused):
    for each in pair:
        fitted = fit_gaussian(each, reused=reused)
        assert len(fitted.root) == min(len(each) - 1, each.shape[1])
        found, expected = fitted.root.T @ fitted.root / fitted.freedom, each.double().T.cov()
        assert np.allclose(found, expected, rtol=1e-9, atol=1e-9 * float(expected.diagonal().max()))
        assert float(fitted.variance) == pytest.approx(float(expected.trace()), rel=1e-9)


def test_an_svd_is_taken_only_where_the_gram_matrix_would_lose_digits(monkeypatch):
    taken, svdvals = [], linalg.svdvals
    monkeypatch.setattr(linalg, "svdvals", lambda matrix, **options: taken.append(matrix) or svdvals(matrix))
    ordinary = torch.randn(fid.SMALL * 2, 300, dtype=torch.float64, generator=RNG).numpy()
    nuclear_norm(ordinary)
    assert taken == []
    flat = ordinary.copy()
    flat[1:] = flat[:1] * np.arange(1, len(flat))[:, None]
    assert nuclear_norm(flat) == pytest.approx(float(svdvals(flat).sum()), rel=1e-12)
    assert len(taken) == 1
