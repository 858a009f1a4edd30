"""Our numbers agree with torch-fidelity's wherever it has one: on features, and on images end to end."""

import pytest
import torch
import torch_fidelity
from graftbench.bench.metrics import fid, fidelity, kid, prdc
from graftbench.bench.metrics.evaluator import Evaluator
from graftbench.bench.registries import extractors
from torch import nn


def features(n, d, seed, rank=None, shift=0.0):
    rng = torch.Generator().manual_seed(seed)
    if rank is None:
        return torch.randn(n, d, generator=rng) + shift
    basis = torch.randn(rank, d, generator=torch.Generator().manual_seed(99))
    return torch.randn(n, rank, generator=rng) @ basis + shift


PAIRS = {
    "random": (features(60, 32, 0), features(50, 32, 1, shift=0.3)),
    "fewer images than dimensions": (features(20, 64, 0), features(30, 64, 1, shift=0.3)),
    "one side of each kind": (features(20, 32, 0), features(70, 32, 1, shift=0.3)),
    "low rank": (features(60, 32, 0, rank=3), features(50, 32, 1, rank=3, shift=0.3)),
    "identical": (features(40, 32, 0), features(40, 32, 0)),
    "two images": (features(2, 16, 0), features(2, 16, 1)),
    "many images": (features(400, 8, 0), features(300, 8, 1, shift=0.3)),
    "positive like real features": (features(50, 256, 0).relu(), features(60, 256, 1, shift=0.1).relu()),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_fid_agrees(pair):
    real, fake = (x.double() for x in PAIRS[pair])
    theirs = fidelity.fid_of_features(fake, real)
    assert fid.frechet_distance(real, fake) == pytest.approx(theirs, rel=1e-6, abs=1e-3)


def test_fid_of_a_set_with_itself_is_zero():
    for n in (20, 200):
        x = features(n, 64, 0)
        assert abs(fid.frechet_distance(x, x)) < 1e-9


@pytest.mark.parametrize("pair", list(PAIRS))
def test_kid_on_the_same_subsets_agrees(pair):
    real, fake = (x.double() for x in PAIRS[pair])
    size = min(20, len(real), len(fake))
    theirs = fidelity.kid_of_features(fake, real, subsets=10, size=size, seed=7)
    ours = kid.kernel_distance_of_subsets(real, fake, subsets=10, size=size, seed=7)
    scale = kid.kernel(real, real).abs().mean().item()
    assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-12 * scale)


def test_the_full_kid_is_the_limit_of_the_subset_form():
    real, fake = PAIRS["positive like real features"]
    mean, spread = kid.kernel_distance_of_subsets(real, fake, subsets=4000, size=20)
    value, _ = kid.kernel_distance(real, fake)
    assert value == pytest.approx(mean, abs=4 * spread / 4000**0.5)


@pytest.mark.parametrize("pair", [name for name, (real, fake) in PAIRS.items() if min(len(real), len(fake)) > 3])
@pytest.mark.parametrize("neighbours", [1, 3])
def test_precision_and_recall_agree_exactly(pair, neighbours):
    real, fake = PAIRS[pair]
    theirs = fidelity.prc_of_features(fake, real, neighbours)
    assert prdc.precision_recall(real, fake, neighbours) == pytest.approx(theirs, rel=1e-7)  # they average in float32


def random_inception_weights(path):
    """A weights file of the Inception network with random weights that keep the scale of the activations."""

    class Blank(torch_fidelity.FeatureExtractorInceptionV3):
        def load_state_dict(self, *_):
            torch.manual_seed(0)
            for module in self.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight)

    torch.save({}, path)
    network = Blank("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(path))
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def images():
    rng = torch.Generator().manual_seed(0)
    reals = torch.randint(0, 256, (14, 3, 32, 32), generator=rng, dtype=torch.uint8)
    # Plain colours beside noise, so that KID is far above the float32 rounding of torch-fidelity's kernels.
    fakes = torch.randint(0, 256, (12, 3, 1, 1), generator=rng, dtype=torch.uint8).expand(-1, -1, 32, 32)
    return reals, fakes


@pytest.mark.slow
def test_with_the_same_weights_the_same_images_give_the_same_numbers(tmp_path, images):
    reals, fakes = images
    weights = random_inception_weights(tmp_path / "inception.pth")
    name = "inception-v3-compat"
    theirs = fidelity.calculate_metrics(
        fakes,
        reals,
        feature_extractor=name,
        feature_extractor_weights_path=str(weights),
        fid=True,
        kid=True,
        kid_subsets=5,
        kid_subset_size=10,
        prc=True,
    )
    extractor = extractors.get(name)(name, weights=weights)
    real, fake = extractor(reals), extractor(fakes)
    assert fid.frechet_distance(real, fake) == pytest.approx(theirs["frechet_inception_distance"], rel=1e-5)
    mean, spread = kid.kernel_distance_of_subsets(real, fake, subsets=5, size=10)
    assert mean == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-5)
    assert spread == pytest.approx(theirs["kernel_inception_distance_std"], rel=1e-4)
    expected = (theirs["precision"], theirs["recall"])
    assert prdc.precision_recall(real, fake) == pytest.approx(expected, rel=1e-6)


def test_torch_fidelity_computes_the_same_with_our_extractor(images):
    reals, fakes = images
    name = "efficientnet-lite0-64"
    layer = fidelity.offer(name)
    assert fidelity.offer(name) == layer  # a second time is no error
    theirs = fidelity.calculate_metrics(fakes, reals, feature_extractor=name, fid=True, prc=True)
    found = Evaluator(extractors.get(name)(name), reals[:3], reals, reals, len(fakes)).evaluate(fakes)
    assert found[f"fid@{name}"] == pytest.approx(theirs["frechet_inception_distance"], rel=1e-5)
    assert found[f"precision@{name}"] == pytest.approx(theirs["precision"], rel=1e-6)
    assert found[f"recall@{name}"] == pytest.approx(theirs["recall"], rel=1e-6)
