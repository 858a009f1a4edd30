"""The quick ways to the FID give the FID of the slow one, which is taken where they would not."""

import numpy as np
import pytest
import torch
from graftbench.bench.metrics import fid
from graftbench.bench.metrics.fid import distance_between, fit_gaussian
from graftbench.bench.metrics.spectrum import sum_of_singular_values
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
    assert distance_between(real, fake) == pytest.approx(textbook(*pair), rel=1e-7, abs=1e-11 * real.variance)


@pytest.mark.parametrize("reused", [False, True])
@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_the_root_gives_the_covariance_with_one_row_less_than_images(pair, reused):
    for each in pair:
        fitted = fit_gaussian(each, reused=reused)
        assert len(fitted.root) == min(len(each) - 1, each.shape[1])
        found, expected = fitted.root.T @ fitted.root / fitted.freedom, each.double().T.cov()
        assert np.allclose(found, expected, rtol=1e-9, atol=1e-9 * float(expected.diagonal().max()))
        assert float(fitted.variance) == pytest.approx(float(expected.trace()), rel=1e-9)


SPREAD = torch.randn(700, 600, generator=RNG)
"""Independent features, whose distances are not small beside their variance."""
WAYS = {
    "apart": ("single precision", SPREAD[:300], SPREAD[300:600]),
    "far from zero": ("single precision", SPREAD[:300] + 1e3, SPREAD[300:600] + 1e3),
    "many reals": ("single precision", torch.randn(700, 600, generator=RNG), SPREAD[:300]),
    "beyond float32": ("Gram matrix", SPREAD[:300].double() * 1e50, SPREAD[300:600].double() * 1e50),
    "below float32": ("Gram matrix", SPREAD[:300].double() * 1e-50, SPREAD[300:600].double() * 1e-50),
    "near": ("Gram matrix", SPREAD[:300], SPREAD[:300] + 0.01 * SPREAD[300:600]),
    "equal": ("SVD", SPREAD[:300], SPREAD[:300].flip(0)),
    "few": ("SVD", SPREAD[:300], SPREAD[300 : 300 + fid.SMALL]),
}


@pytest.mark.parametrize("case", WAYS.values(), ids=WAYS)
def test_the_quickest_way_that_is_exact_enough_is_taken(case, monkeypatch):
    way, real, fake = case
    taken, svdvals, gram = [], linalg.svdvals, fid.sum_of_singular_values
    monkeypatch.setattr(fid, "sum_of_singular_values", lambda matrix: taken.append("Gram matrix") or gram(matrix))
    monkeypatch.setattr(linalg, "svdvals", lambda matrix, **options: taken.append("SVD") or svdvals(matrix))
    product = fid._product

    def watched(real, fake, triangular):
        if real.dtype == np.float64 and len(fake) > fid.PROBES:
            taken.append("double precision")
        return product(real, fake, triangular)

    monkeypatch.setattr(fid, "_product", watched)
    found = distance_between(fit_gaussian(real, reused=True), fit_gaussian(fake))
    single = "double precision" not in taken
    assert ("single precision" if single else taken[-1]) == way
    assert found == pytest.approx(textbook(real, fake), rel=1e-8, abs=1e-12 * float(real.double().var(0).sum()))


def test_the_bound_of_a_rounded_product_holds_and_is_no_wild_guess():
    real, fake = fit_gaussian(SPREAD[:300], reused=True), fit_gaussian(SPREAD[300:600])
    exact = fid._product(real.root, fake.root, real.triangular)
    rough = fid._product(real.single, fake.single, real.triangular).astype(np.float64)
    rounding = float(linalg.svdvals(rough - exact).sum())
    assert rounding <= fid._error(rough, real, fake) <= 3 * rounding


def test_the_bound_of_the_gram_matrix_holds_where_it_loses_digits():
    ordinary = torch.randn(200, 300, dtype=torch.float64, generator=RNG).numpy()
    flat = ordinary[:1] * np.arange(1, 201)[:, None]
    for matrix, least, most in ((ordinary, 0, 1e-11), (flat, 1e-9, 1e-4)):
        found, error = sum_of_singular_values(matrix)
        exact = float(linalg.svdvals(matrix).sum())
        assert abs(found - exact) <= error + 1e-14 * exact
        assert least <= error / exact <= most
