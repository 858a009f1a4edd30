"""What we rely on in torch-fidelity, and what is said when weights are missing or wrong."""

import inspect
import pickle

import pytest
import torch
import torch_fidelity
from graftbench.bench.errors import UserError
from graftbench.bench.metrics import weights
from graftbench.bench.registries import extractors
from torch_fidelity import metric_fid, metric_kid, metric_prc


@pytest.fixture(autouse=True)
def no_weights(tmp_path, monkeypatch):
    """An empty torch cache, and no other folder of weights."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.delenv("GRAFTBENCH_WEIGHTS", raising=False)
    return tmp_path


@pytest.mark.parametrize("name", weights.ORIGINS)
def test_missing_weights_are_named_with_where_to_get_them_and_where_to_put_them(name, no_weights):
    with pytest.raises(UserError) as raised:
        extractors.get(name)(name)
    message = str(raised.value)
    assert name in message
    assert weights.ORIGINS[name].url in message
    assert str(no_weights / "hub" / "checkpoints") in message
    assert "\n" not in message


def test_weights_are_found_in_the_named_folder_before_torchs_cache(no_weights, monkeypatch):
    file = weights.ORIGINS["vgg16"].file
    for folder in ("hub/checkpoints", "own"):
        (no_weights / folder).mkdir(parents=True)
        (no_weights / folder / file).touch()
    assert weights.find_weights("vgg16") == no_weights / "hub/checkpoints" / file
    monkeypatch.setenv("GRAFTBENCH_WEIGHTS", str(no_weights / "own"))
    assert weights.find_weights("vgg16") == no_weights / "own" / file


def test_a_weights_file_that_would_run_code_is_refused_and_does_not_run(tmp_path):
    target = tmp_path / "ran"

    class Hostile:
        def __reduce__(self):
            return type(target).touch, (target,)

    path = tmp_path / "weights.pth"
    path.write_bytes(pickle.dumps(Hostile(), protocol=2))
    with pytest.raises(UserError, match="holds no weights: more than tensors"):
        extractors.get("inception-v3-compat")("inception-v3-compat", weights=path)
    assert not target.exists()


def test_weights_of_another_network_are_refused_in_one_line(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(UserError, match="does not hold the weights of inception-v3-compat: ") as raised:
        extractors.get("inception-v3-compat")("inception-v3-compat", weights=path)
    assert "\n" not in str(raised.value)


def test_every_extractor_of_ours_is_one_of_torch_fidelitys():
    makers = {
        "inception": torch_fidelity.FeatureExtractorInceptionV3,
        "vgg16": torch_fidelity.FeatureExtractorVGG16,
        "clip": torch_fidelity.FeatureExtractorCLIP,
        "dinov2": torch_fidelity.FeatureExtractorDinoV2,
    }
    for name, origin in weights.ORIGINS.items():
        maker = makers[name.partition("-")[0]]
        assert origin.layer in maker.get_provided_features_list()
        assert "feature_extractor_weights_path" in inspect.signature(maker).parameters


def test_the_undocumented_functions_are_as_we_call_them():
    """torch-fidelity is pinned to 0.4; this says what breaks when the pin is moved."""
    expected = {
        metric_fid.fid_features_to_statistics: ["features"],
        metric_fid.fid_statistics_to_metric: ["stat_1", "stat_2", "verbose"],
        metric_kid.kid_features_to_metric: ["features_1", "features_2", "kwargs"],
        metric_prc.prc_features_to_metric: ["features_1", "features_2", "kwargs"],
    }
    assert {f: list(inspect.signature(f).parameters) for f in expected} == expected
