"""Generators whose defect is known by construction are told apart by the columns that should see it.

The features are those of reference images in miniature: ReLU of a random linear map of latent factors.
"""

import pytest
import torch
from graftbench.bench.metrics.evaluator import Evaluator
from graftbench.bench.metrics.extractor import FeatureExtractor
from graftbench.bench.registries import extractors
from graftbench.datasets import open_domain

LATENTS, DIMENSION = 32, 256
N_FAKE = N_REAL = 500


class Given(FeatureExtractor):
    """Features that travel as images: float32 bytes as uint8 "pixels"."""

    name, dimension, resize, digest = "given", DIMENSION, "none", "given"

    def features(self, images):
        return images.reshape(len(images), -1).view(torch.float32)[:, :DIMENSION]


def as_images(features):
    """N x 256 float32 (1024 bytes each) -> uint8 N x 3 x 32 x 32."""
    packed = torch.zeros(len(features), 3 * 32 * 32, dtype=torch.uint8)
    packed[:, : 4 * DIMENSION] = features.contiguous().view(torch.uint8)
    return packed.reshape(-1, 3, 32, 32)


def draw(count, seed, spread=1.0, shift=0.0):
    rng = torch.Generator().manual_seed(seed)
    fixed = torch.Generator().manual_seed(99)
    mixing = torch.randn(LATENTS, DIMENSION, generator=fixed) / LATENTS**0.5
    typical = 0.5 * torch.randn(DIMENSION, generator=fixed)
    latents = spread * torch.randn(count, LATENTS, generator=rng)
    return (typical + latents @ mixing + shift).relu()


@pytest.fixture(scope="module")
def measured():
    shots = draw(10, 0)
    rng = torch.Generator().manual_seed(5)
    copies = shots[torch.randint(10, (N_FAKE,), generator=rng)]
    fakes = {
        "perfect": draw(N_FAKE, 3),
        "memoriser": copies + 0.02 * torch.randn(copies.shape, generator=rng),
        "shifted": draw(N_FAKE, 3, shift=0.3),
        "shrunk": draw(N_FAKE, 3, spread=0.45),
    }
    evaluator = Evaluator(Given(), *map(as_images, (shots, draw(N_REAL, 1), draw(N_REAL, 2))), N_FAKE)
    found = {name: evaluator.evaluate(as_images(x)) for name, x in fakes.items()}
    return {name: {key.removesuffix("@given"): value for key, value in row.items()} for name, row in found.items()}


def test_the_perfect_generator_is_at_the_floor_in_every_column(measured):
    perfect = measured["perfect"]
    assert abs(perfect["kid"]) < 3 * perfect["kid_se"]
    assert perfect["fid"] == pytest.approx(perfect["floor_fid"], rel=0.05)
    assert perfect["d1_d2"] > 0.8
    assert perfect["coverage"] > 0.9
    assert 0.9 < perfect["density"] < 1.1
    assert perfect["authenticity"] > 0.4
    assert perfect["occupied_clusters"] == 10


DEFECTS = {
    # column: (generator, share of the perfect generator's value that it stays below)
    ("memoriser", "recall"): 0.1,
    ("memoriser", "coverage"): 0.3,
    ("memoriser", "vendi"): 0.5,
    ("memoriser", "intra_diversity"): 0.1,
    ("memoriser", "d1_d2"): 0.2,
    ("memoriser", "authenticity"): 0.1,
    ("memoriser", "fid_shots"): 0.2,
    ("shifted", "density"): 0.8,
    ("shrunk", "recall"): 0.2,
    ("shrunk", "vendi"): 0.5,
    ("shrunk", "intra_diversity"): 0.7,
}


@pytest.mark.parametrize(("generator", "column"), DEFECTS)
def test_a_defect_lowers_the_columns_that_should_see_it(measured, generator, column):
    assert measured[generator][column] < DEFECTS[generator, column] * measured["perfect"][column]


@pytest.mark.parametrize("generator", ["memoriser", "shifted"])
def test_kid_and_fid_against_held_out_images_see_copying_and_shift(measured, generator):
    bad, perfect = measured[generator], measured["perfect"]
    assert bad["kid"] > perfect["kid"] + 5 * bad["kid_se"]
    assert bad["fid"] > 1.2 * perfect["fid"]


def test_only_the_memoriser_raises_the_copying_alarm(measured):
    assert measured["memoriser"]["kid_shots"] < 0
    assert all(measured[name]["kid_shots"] > measured["memoriser"]["kid_shots"] for name in ("perfect", "shifted"))
    assert {name for name, row in measured.items() if row["d1_d2"] < 0.5} == {"memoriser"}


def test_the_shots_as_reference_would_crown_the_memoriser(measured):
    """Why FID and KID against the shots are alarms and never a quality."""
    assert min(measured, key=lambda name: measured[name]["fid_shots"]) == "memoriser"
    assert min(measured, key=lambda name: measured[name]["kid_shots"]) == "memoriser"
    assert min(measured, key=lambda name: measured[name]["fid"]) == "perfect"


def test_shrunken_diversity_raises_density_so_density_alone_is_no_quality(measured):
    assert measured["shrunk"]["density"] > 2 * measured["perfect"]["density"]
    assert measured["shrunk"]["precision"] > measured["perfect"]["precision"]


def test_a_generator_that_never_draws_an_attribute_is_caught_by_recall():
    """Toy faces without long hair: precision stays, recall of the long-haired reference falls."""
    name = "efficientnet-lite0-64"
    domain = open_domain("toyfaces")
    count = 250
    split = {split: domain.factors(split, list(range(3 * count))) for split in ("shots", "validation", "reference")}
    reference = domain.images("reference", 32, list(range(count)))
    all_kinds = domain.images("shots", 32, list(range(count)))
    short_haired = (split["shots"]["hair_length"] == 0).nonzero()[:count, 0].tolist()
    assert len(short_haired) == count
    never_long = domain.images("shots", 32, short_haired)
    validation = domain.images("validation", 32, list(range(count)))
    evaluator = Evaluator(extractors.get(name)(name), validation[:10], reference, validation, count)
    whole, lacking = (evaluator.evaluate(fakes) for fakes in (all_kinds, never_long))
    assert lacking[f"recall@{name}"] < 0.75 * whole[f"recall@{name}"]
    assert lacking[f"precision@{name}"] > whole[f"precision@{name}"] - 0.05
