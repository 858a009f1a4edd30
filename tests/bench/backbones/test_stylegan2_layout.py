"""The state dicts of StyleGAN2 at 256 px against the public layout, which is written out beside this file."""

from pathlib import Path

import pytest
import torch
from graftbench.bench.backbones import make_backbone
from graftbench.strategies.freezing import freeze


def documented(network: str) -> dict[str, list[int]]:
    lines = Path(__file__).with_name(f"stylegan2_256_{network}.txt").read_text().splitlines()
    return {name: [int(n) for n in shape.split("x")] for name, shape in map(str.split, lines)}


@pytest.fixture(scope="module")
def networks():
    with torch.device("meta"):
        backbone = make_backbone("stylegan2", 256)
        return {"generator": backbone.make_generator(), "discriminator": backbone.make_discriminator()}


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_keys_and_shapes_are_the_public_ones(networks, network):
    assert {name: list(t.shape) for name, t in networks[network].state_dict().items()} == documented(network)


def test_blur_kernels_hold_the_public_values():
    generator = make_backbone("stylegan2", 32, 8).make_generator()
    one = torch.tensor([[1.0, 3, 3, 1], [3, 9, 9, 3], [3, 9, 9, 3], [1, 3, 3, 1]]) / 64
    torch.testing.assert_close(generator.state_dict()["convs.0.conv.blur.kernel"], one * 4)
    torch.testing.assert_close(generator.state_dict()["to_rgbs.0.upsample.kernel"], one * 4)
    discriminator = make_backbone("stylegan2", 32, 8).make_discriminator()
    torch.testing.assert_close(discriminator.state_dict()["convs.1.conv2.0.kernel"], one)


def test_freezing_down_to_16_px_freezes_exactly_convs_0_to_4(networks):
    discriminator = networks["discriminator"]
    for block in discriminator.blocks:
        if block.resolution >= 16:
            freeze(*block.modules)
    frozen = {name for name, p in discriminator.named_parameters() if not p.requires_grad}
    meant = {
        name for name, _ in discriminator.named_parameters() if name.startswith(tuple(f"convs.{i}." for i in range(5)))
    }
    assert frozen == meant
    assert {name for name, p in discriminator.named_parameters() if p.requires_grad} >= {"convs.5.conv1.0.weight"}


def test_there_are_14_styles_at_256_px(networks):
    assert networks["generator"].layers == 14
    assert networks["generator"].latent_dim == 512
