"""The evaluator names, caches and refuses as it says."""

import math

import pytest
import torch
import torch.nn.functional as F
from graftbench.bench.errors import UserError
from graftbench.bench.metrics.evaluator import Evaluator
from graftbench.bench.metrics.extractor import FeatureExtractor
from graftbench.bench.metrics.names import METRICS, split_name
from graftbench.bench.registries import extractors

NAME = "efficientnet-lite0-64"


class Pixels(FeatureExtractor):
    """Pixels in [0, 1] as features: cheap, and what it sees is known."""

    name, dimension, resize, digest = "pixels", 48, "none", "pixels"
    batch = 64

    def __init__(self):
        super().__init__()
        self.passes = 0

    def features(self, images):
        self.passes += 1
        return images.flatten(1).float() / 255


def images(count, seed, size=4, low=0, high=256):
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (count, 3, size, size), generator=rng).to(torch.uint8)


@pytest.fixture
def evaluator(tmp_path):
    return Evaluator(Pixels(), images(5, 0), images(40, 1), images(30, 2), 20, tmp_path)


def test_every_metric_is_named_after_the_extractor_and_documented(evaluator):
    found = evaluator.evaluate(images(20, 3))
    assert {split_name(name)[1] for name in found if "@" in name} == set(METRICS) - {"intra_lpips", "lpips_clusters"}
    assert all(name.endswith("@pixels") for name in found if name not in ("n_real", "n_fake"))
    assert {"floor_kid@pixels", "floor_fid@pixels"} <= set(found)
    assert (found["n_real"], found["n_fake"]) == (40, 20)
    assert all(math.isfinite(value) for value in found.values())


def test_the_cheap_set_is_part_of_the_full_set(evaluator):
    fakes = images(20, 3)
    full = evaluator.evaluate(fakes)
    cheap = evaluator.evaluate(fakes, full=False)
    assert cheap.items() <= full.items()
    assert {"kid@pixels", "kid_se@pixels", "fid@pixels"} <= set(cheap)


def test_one_feature_pass_serves_all_metrics(evaluator):
    before = evaluator.extractor.passes
    evaluator.evaluate(images(20, 3))
    assert evaluator.extractor.passes == before + 1


def test_validation_kid_is_measured_on_the_validation_images(evaluator):
    fakes = images(20, 3)
    swapped = Evaluator(Pixels(), images(5, 0), images(30, 2), images(40, 1), 20)
    expected = swapped.evaluate(fakes, full=False)
    found = evaluator.evaluate(fakes, full=False)
    assert found["validation_kid@pixels"] == pytest.approx(expected["kid@pixels"], rel=1e-12)
    assert found["kid@pixels"] == pytest.approx(expected["validation_kid@pixels"], rel=1e-12)


def test_the_floor_never_compares_an_image_with_itself():
    """Where validation and reference are the same images (the literature's protocol), a pool of both holds twins."""
    reals = images(40, 1)
    same = Evaluator(Pixels(), images(5, 0), reals, reals.clone(), 40).floors
    twins = Evaluator(Pixels(), images(5, 0), reals, images(40, 2), 40).floors
    assert abs(same["kid"]) < 0.02
    assert same["fid"] > twins["fid"]  # 20 against 20 images instead of 40 against 40


def test_a_second_evaluator_reads_the_features_of_the_first(evaluator, tmp_path):
    again = Evaluator(Pixels(), images(5, 0), images(40, 1), images(30, 2), 20, tmp_path)
    assert again.extractor.passes == 0
    fakes = images(20, 3)
    assert again.evaluate(fakes) == evaluator.evaluate(fakes)


@pytest.mark.parametrize("change", ["images", "weights"])
def test_other_images_or_other_weights_are_never_served_from_the_cache(evaluator, tmp_path, change):
    extractor = Pixels()
    reference = images(40, 1)
    if change == "images":
        reference[0, 0, 0, 0] ^= 1
    else:
        extractor.digest = "other weights"
    again = Evaluator(extractor, images(5, 0), reference, images(30, 2), 20, tmp_path)
    assert again.extractor.passes == (1 if change == "images" else 3)


def test_a_damaged_cache_file_is_made_again(evaluator, tmp_path, caplog):
    for path in tmp_path.glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-7])
    again = Evaluator(Pixels(), images(5, 0), images(40, 1), images(30, 2), 20, tmp_path)
    assert "computed again" in caplog.text
    fakes = images(20, 3)
    assert again.evaluate(fakes) == evaluator.evaluate(fakes)


def test_fakes_like_the_reals_reach_the_floor_and_others_do_not(evaluator):
    like = evaluator.evaluate(images(20, 3))
    unlike = evaluator.evaluate(images(20, 3, low=128))
    assert abs(like["kid@pixels"] - like["floor_kid@pixels"]) < 3 * like["kid_se@pixels"]
    assert unlike["kid@pixels"] > unlike["floor_kid@pixels"] + 10 * unlike["kid_se@pixels"]


def test_one_shot_leaves_the_metrics_that_need_two_undefined(tmp_path):
    found = Evaluator(Pixels(), images(1, 0), images(40, 1), images(30, 2), 20).evaluate(images(20, 3))
    undefined = {name for name, value in found.items() if math.isnan(value)}
    assert undefined == {f"{name}@pixels" for name in ("d1_d2", "authenticity", "kid_shots", "fid_shots")}


def test_images_that_are_all_equal_give_stated_values(evaluator):
    found = evaluator.evaluate(images(1, 3).expand(20, -1, -1, -1))
    assert found["vendi@pixels"] == pytest.approx(1)
    assert found["intra_diversity@pixels"] == pytest.approx(0, abs=1e-9)
    assert found["occupied_clusters@pixels"] == 1
    assert found["recall@pixels"] == 0
    assert all(math.isfinite(value) for value in found.values())


def test_sizes_that_differ_are_refused(evaluator):
    with pytest.raises(UserError, match="fakes are 8 x 8 px, the reference is 4 x 4 px"):
        evaluator.evaluate(images(20, 3, size=8))
    with pytest.raises(UserError, match="validation images are 8 x 8 px"):
        Evaluator(Pixels(), images(5, 0), images(40, 1), images(30, 2, size=8), 20)


def test_too_few_images_are_refused(evaluator):
    with pytest.raises(UserError, match="the set of fakes has 1 images; measuring needs at least 6"):
        Evaluator(Pixels(), images(5, 0), images(40, 1), images(30, 2), 1)
    with pytest.raises(UserError, match="the reference split has 3 images"):
        Evaluator(Pixels(), images(5, 0), images(3, 1), images(30, 2), 20)
    with pytest.raises(UserError, match="19 fakes were given, 20 announced"):
        evaluator.evaluate(images(19, 3))


def test_features_that_are_nan_are_refused(evaluator):
    evaluator.extractor.features = lambda batch: torch.full((len(batch), 48), torch.nan)
    with pytest.raises(UserError, match="features of 20 of 20 fake images are NaN"):
        evaluator.evaluate(images(20, 3))


def test_the_offline_extractor_prefers_the_images_that_are_like_the_reference():
    def smooth(count, seed):
        return F.interpolate(images(count, seed).float(), (32, 32), mode="bicubic").clamp(0, 255).to(torch.uint8)

    evaluator = Evaluator(extractors.get(NAME)(NAME), smooth(5, 0), smooth(40, 1), smooth(30, 2), 40)
    like, noise = evaluator.evaluate(smooth(40, 3)), evaluator.evaluate(images(40, 3, size=32))
    assert noise[f"kid@{NAME}"] > 10 * abs(like[f"kid@{NAME}"])
    assert noise[f"fid@{NAME}"] > 2 * like[f"fid@{NAME}"]
