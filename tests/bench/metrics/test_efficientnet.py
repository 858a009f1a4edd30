"""EfficientNet-Lite0 is the real network with the real weights, and the fast form computes the same."""

import pytest
import skimage.data
import torch
import torch.nn.functional as F
from graftbench.bench.errors import UserError
from graftbench.bench.metrics.efficientnet import EfficientNetLite0, packaged_weights
from graftbench.bench.numerics import numerical_settings
from graftbench.bench.registries import extractors

NAME = "efficientnet-lite0-64"


@pytest.fixture(scope="module")
def extractor():
    return extractors.get(NAME)(NAME)


def images(count=8, size=32, seed=0):
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 4, 4, generator=rng)
    return F.interpolate(coarse, (size, size), mode="bicubic").clamp(0, 1).mul(255).to(torch.uint8)


def middle_square(photo):
    """An H x W x 3 array -> uint8 1 x 3 x S x S, the largest square in the middle."""
    x = torch.tensor(photo).permute(2, 0, 1)[None]
    side = min(x.shape[2:])
    top, left = (x.shape[2] - side) // 2, (x.shape[3] - side) // 2
    return x[:, :, top : top + side, left : left + side]


@pytest.mark.parametrize(
    ("photo", "classes"),
    [
        ("chelsea", {281: "tabby cat", 282: "tiger cat", 285: "Egyptian cat"}),
        ("coffee", {504: "coffee mug", 967: "espresso", 968: "cup"}),
        ("rocket", {657: "missile", 744: "projectile"}),
    ],
)
def test_the_converted_weights_recognise_real_photos(timm_efficientnet, photo, classes):
    extractor = extractors.get("efficientnet-lite0-224")("efficientnet-lite0-224")
    x = extractor.prepare(middle_square(getattr(skimage.data, photo)()))
    assert timm_efficientnet(x).argmax(1).item() in classes


@pytest.mark.parametrize("size", [32, 64, 100])
def test_the_fused_trunk_computes_what_the_network_computes(timm_efficientnet, extractor, size):
    x = extractor.prepare(images(4, size))
    expected = timm_efficientnet.forward_head(timm_efficientnet.forward_features(x), pre_logits=True)
    torch.testing.assert_close(extractor.network(x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [8, 32, 64, 100, 128])
def test_images_are_resized_as_torch_does_it(extractor, size):
    small = images(3, size)
    expected = F.interpolate(small / 127.5 - 1, (64, 64), mode="bicubic", antialias=size != 64)
    torch.testing.assert_close(extractor.prepare(small), expected, rtol=0, atol=1e-6)


def test_features_are_float32_of_the_stated_dimension_and_do_not_depend_on_the_batch(extractor):
    x = images(extractor.batch + 3)
    features = extractor(x)
    assert features.shape == (len(x), extractor.dimension)
    assert features.dtype == torch.float32
    assert torch.equal(features[-3:], extractor(x[-3:]))


def test_equal_images_have_equal_features_whatever_set_they_are_in(extractor):
    """Copies of shots are found by a distance of zero."""
    alike = images(1).repeat(2 * extractor.batch + 1, 1, 1, 1)
    for count in (1, 2, 7, extractor.batch, len(alike)):
        assert torch.equal(extractor(alike[:count]), extractor(alike[:1]).repeat(count, 1))


def test_autocast_around_the_call_changes_nothing(extractor):
    x = images(4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = extractor(x)
    assert torch.equal(inside, extractor(x))


def test_the_input_size_is_part_of_the_identity():
    small, large = (extractors.get(name)(name) for name in (NAME, "efficientnet-lite0-224"))
    assert small.digest != large.digest
    assert small.resize == "bicubic to 64 px"


@pytest.mark.parametrize(
    "wrong",
    [
        torch.zeros(2, 3, 8, 8),
        torch.zeros(2, 1, 8, 8).byte(),
        torch.zeros(0, 3, 8, 8),
        torch.zeros(2, 3, 8, 6).byte(),
    ],
)
def test_other_tensors_than_uint8_rgb_images_are_refused(extractor, wrong):
    with pytest.raises(UserError, match="takes uint8 images"):
        extractor(wrong)
    with pytest.raises(UserError, match="takes a tensor of uint8 images, got ndarray"):
        extractor(wrong.numpy())


def test_weights_of_another_network_are_refused(tmp_path):
    state = torch.load(packaged_weights(), weights_only=True)
    state["_conv_stem.weight"] = state["_conv_stem.weight"][:16]
    torch.save(state, tmp_path / "wrong.pth")
    with pytest.raises(
        UserError, match=r"_conv_stem\.weight \[16, 3, 3, 3\] does not fit a convolution \[32, 3, 3, 3\]"
    ):
        extractors.get(NAME)(NAME, weights=tmp_path / "wrong.pth")


@pytest.mark.parametrize("content", [b"", b"abc", [1, 2], {"a": 1}, {"conv": torch.zeros(32, 3, 3, 3)}])
def test_a_damaged_weights_file_is_one_line(tmp_path, content):
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(UserError, match=r"weights\.pth.*(holds no weights|not followed by its normalisation)"):
        EfficientNetLite0("odd", 64, path)


def test_no_setting_around_a_measurement_reaches_the_network(extractor, monkeypatch):
    """Also where there is no GPU: the switches are torch's, and are set back afterwards."""
    matmul, seen = torch.backends.cuda.matmul, []
    monkeypatch.setattr(extractor, "features", lambda images: (seen.append(matmul.allow_tf32), images.float())[1])
    with numerical_settings("bfloat16"):
        extractor(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))
        assert seen == [False] and matmul.allow_tf32
