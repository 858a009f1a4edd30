"""Every metric on features answers bad input with one clear line, or with a value that its docstring states."""

import math
import warnings

import pytest
import torch
from graftbench.bench.errors import UserError
from graftbench.bench.metrics import diversity, fid, kid, memorisation, prdc

GOOD = torch.randn(20, 8, generator=torch.Generator().manual_seed(0))

METRICS = {
    "FID": fid.frechet_distance,
    "KID": lambda real, fake: kid.kernel_distance(real, fake)[0],
    "KID on subsets": lambda real, fake: kid.kernel_distance_of_subsets(real, fake, size=5)[0],
    "precision and recall": lambda real, fake: prdc.precision_recall(real, fake)[1],
    "density and coverage": lambda real, fake: prdc.density_coverage(real, fake)[1],
    "intra-cluster diversity": lambda real, fake: diversity.intra_cluster(fake, real)[0],
    "d1/d2": lambda real, fake: memorisation.nearest_shot_ratio(fake, real),
    "authenticity": lambda real, fake: memorisation.authenticity(fake, real),
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("side", ["real", "fake"])
def test_features_that_are_not_finite(metric, value, side):
    bad = GOOD.clone()
    bad[3, 2] = value
    pair = (bad, GOOD) if side == "real" else (GOOD, bad)
    with pytest.raises(UserError, match=f"the features of 1 of 20 {side} images are NaN or infinite"):
        METRICS[metric](*pair)


@pytest.mark.parametrize("metric", sorted(METRICS.keys() - {"intra-cluster diversity"}))
def test_features_whose_powers_overflow(metric):
    with pytest.raises(UserError, match="the features are too large, their powers overflow; scale them down"):
        METRICS[metric](GOOD.double() * 1e160, GOOD.double())


@pytest.mark.parametrize("metric", METRICS)
def test_features_of_different_dimension(metric):
    with pytest.raises(UserError, match="real features have 8 dimensions, fake ones 7; use one extractor"):
        METRICS[metric](GOOD, GOOD[:, :7])


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("metric", METRICS)
def test_features_of_any_precision_are_taken_and_left_as_they_are(metric, kind):
    """Also where the two sides differ in it."""
    given, moved = GOOD.to(kind), GOOD.flip(0) + 0.1
    assert not math.isnan(METRICS[metric](given, moved)) or metric == "intra-cluster diversity"
    assert torch.equal(given, GOOD.to(kind))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (GOOD.numpy(), "ndarray"),
        ([[1.0, 2.0]], "list"),
        (GOOD.to(torch.int64), "torch.int64"),
        (GOOD > 0, "torch.bool"),
        (GOOD.to(torch.complex64), "torch.complex64"),
        (GOOD.to(torch.float8_e4m3fn), "torch.float8_e4m3fn"),
        (GOOD.to_sparse(), "torch.sparse_coo"),
    ],
    ids=["array", "list", "whole numbers", "truth values", "complex numbers", "eight bits", "sparse"],
)
def test_features_that_are_no_tensor_of_floating_point_numbers(metric, bad, found):
    with pytest.raises(UserError, match=f"features must be a tensor of floating-point numbers, got .*{found}"):
        METRICS[metric](bad, GOOD)
    with pytest.raises(UserError, match=f"features must be a tensor of floating-point numbers, got .*{found}"):
        METRICS[metric](GOOD, bad)


@pytest.mark.parametrize("metric", METRICS)
def test_features_that_require_a_gradient_are_measured_like_others(metric):
    moved = GOOD.flip(0) + 0.1
    expected = METRICS[metric](GOOD, moved)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = METRICS[metric](GOOD.clone().requires_grad_(), moved.clone().requires_grad_())
    assert found == expected or math.isnan(expected)


@pytest.mark.parametrize("k", [0, -1])
def test_no_neighbours(k):
    for metric in (prdc.precision_recall, prdc.density_coverage):
        with pytest.raises(UserError, match=f"need a neighbour or more, not {k}"):
            metric(GOOD, GOOD, k)
    with pytest.raises(UserError, match=f"Vendi score of {k} images; it needs one or more"):
        diversity.vendi(GOOD, k)


@pytest.mark.parametrize("metric", METRICS)
def test_features_without_a_dimension(metric):
    with pytest.raises(UserError, match=r"real features must be n x d, got shape \[20, 0\]"):
        METRICS[metric](GOOD[:, :0], GOOD[:, :0])


def test_a_standard_error_that_overflows_where_kid_does_not():
    with pytest.raises(UserError, match="the standard error of KID: the features are too large"):
        kid.kernel_distance(GOOD.double() * 1e30, GOOD.double().flip(0) * 1.1e30)


@pytest.mark.parametrize(("subsets", "size"), [(0, 5), (-1, 5), (3, 1), (3, 0)])
def test_subsets_that_have_no_distance(subsets, size):
    with pytest.raises(UserError, match=f"not {subsets} of {size}"):
        kid.kernel_distance_of_subsets(GOOD, GOOD, subsets=subsets, size=size)


@pytest.mark.parametrize("scale", [1e-300, 1e-13, 1e300])
def test_directions_do_not_depend_on_the_scale(scale):
    shots = GOOD[:2].double()
    assert diversity.vendi(GOOD.double() * scale) == pytest.approx(diversity.vendi(GOOD.double()), rel=1e-9)
    spread, occupied = diversity.intra_cluster(GOOD.double() * scale, shots * scale)
    assert (spread, occupied) == (pytest.approx(diversity.intra_cluster(GOOD, GOOD[:2])[0], rel=1e-6), 2)


@pytest.mark.parametrize("metric", METRICS)
def test_features_that_are_no_matrix(metric):
    with pytest.raises(UserError, match=r"real features must be n x d, got shape \[8\]"):
        METRICS[metric](GOOD[0], GOOD)


@pytest.mark.parametrize(
    ("metric", "needed"),
    [("FID", 2), ("KID", 2), ("KID on subsets", 5), ("precision and recall", 4)],
)
@pytest.mark.parametrize("side", ["real", "fake"])
def test_too_few_images(metric, needed, side):
    few = GOOD[: needed - 1]
    pair = (few, GOOD) if side == "real" else (GOOD, few)
    with pytest.raises(UserError, match=f"needs at least {needed} {side} images, got {needed - 1}"):
        METRICS[metric](*pair)


def test_density_needs_more_reals_than_neighbours_but_any_number_of_fakes():
    with pytest.raises(UserError, match="at least 6 real images, got 5"):
        prdc.density_coverage(GOOD[:5], GOOD)
    density, coverage = prdc.density_coverage(GOOD, GOOD[:1])
    assert density > 0
    assert coverage > 0


def test_two_images_have_a_kid_without_a_standard_error():
    value, error = kid.kernel_distance(GOOD[:2], GOOD[2:4])
    assert math.isfinite(value)
    assert math.isnan(error)


def test_a_single_shot_has_no_second_nearest():
    assert math.isnan(memorisation.nearest_shot_ratio(GOOD, GOOD[:1]))
    assert math.isnan(memorisation.authenticity(GOOD, GOOD[:1]))


def test_fakes_spread_one_to_a_cluster_have_no_spread_within():
    spread, occupied = diversity.intra_cluster(GOOD, GOOD)
    assert math.isnan(spread)
    assert occupied == 20


def test_equal_images_everywhere():
    same = torch.ones(20, 8)
    assert fid.frechet_distance(same, same) == 0
    assert kid.kernel_distance(same, same) == (0, 0)
    assert prdc.precision_recall(same, same) == (1, 1)
    assert diversity.vendi(same) == pytest.approx(1)
    assert diversity.intra_cluster(same, same[:2]) == (pytest.approx(0, abs=1e-12), 1)
    assert memorisation.nearest_shot_ratio(same, same[:2]) == 0
    assert memorisation.authenticity(same, same[:2]) == 0


def test_vectors_of_zeros_are_alike_and_like_nothing_else():
    zeros, ones = torch.zeros(4, 8), torch.ones(4, 8)
    assert diversity.vendi(zeros) == pytest.approx(1)
    assert diversity.vendi(torch.cat([zeros, ones])) == pytest.approx(2)
    assert diversity.intra_cluster(zeros, zeros[:2]) == (pytest.approx(0), 1)
    assert diversity.intra_cluster(torch.cat([zeros, ones]), ones[:1])[1] == 1
    assert diversity.intra_cluster(torch.cat([zeros, ones]), torch.stack([zeros[0], ones[0]])) == (pytest.approx(0), 2)
