"""The state dicts of StyleGAN2 at 256 px against the public layout, which is written out beside this file."""

from pathlib import Path

import pytest
import torch
from graftbench.bench.backbones import make_backbone
from graftbench.bench.backbones.stylegan2.layers import MinibatchStd
from graftbench.bench.errors import UserError
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


def test_a_width_that_leaves_the_full_resolution_no_channel_is_refused():
    with pytest.raises(UserError, match=r"no channels left at 1024 px; the smallest width there is 16"):
        make_backbone("stylegan2", 1024, 15)
    with torch.device("meta"):
        make_backbone("stylegan2", 1024, 16).make_generator()


def test_a_process_with_a_multiple_of_the_images_seen_together_sees_the_groups_of_the_whole_batch():
    statistics, backbone = MinibatchStd(), make_backbone("stylegan2", 32, 8)
    whole = torch.randn(16, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    for processes in (2, 4):
        assert len(whole) // processes % backbone.images_seen_together == 0
        for rank in range(processes):
            torch.testing.assert_close(statistics(whole[rank::processes]), statistics(whole)[rank::processes])
    too_few = whole[:12]
    assert not torch.allclose(statistics(too_few[::2]), statistics(too_few)[::2])
