"""Latent walks."""

import torch
from graftbench.bench.backbones import make_backbone
from graftbench.bench.interpolation import STEPS, STRIPS, interpolate
from graftbench.strategies.base import to_uint8
from torch import nn


class Linear(nn.Module):
    latent_dim = 12

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, latents):
        self.seen.append(latents)
        return latents.view(-1, 3, 2, 2).tanh()


def test_a_walk_starts_and_ends_at_its_latents_and_keeps_a_length_between():
    generator = Linear()
    images = interpolate(generator, torch.Generator().manual_seed(3))
    assert images is not None and images.shape == (STRIPS * STEPS, 3, 2, 2) and images.dtype == torch.uint8
    ends = torch.randn(2, STRIPS, 12, generator=torch.Generator().manual_seed(3))
    assert [len(latents) for latents in generator.seen] == [STEPS] * STRIPS, "one walk at a time"
    walks = torch.stack(generator.seen)
    torch.testing.assert_close(walks[:, 0], ends[0])
    torch.testing.assert_close(walks[:, -1], ends[1])
    lengths = walks.norm(dim=-1)
    assert (lengths.min(1).values > 0.8 * torch.minimum(lengths[:, 0], lengths[:, -1])).all()


def test_a_generator_without_a_latent_space_has_no_walks():
    assert interpolate(nn.Identity(), torch.Generator()) is None


def test_walk_by_walk_gives_the_images_of_all_at_once():
    torch.manual_seed(0)
    generator = make_backbone("dcgan", 32, 4).make_generator().eval()
    seen = []
    hook = generator.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    images = interpolate(generator, torch.Generator().manual_seed(3))
    hook.remove()
    with torch.no_grad():
        assert images is not None and torch.equal(images, to_uint8(generator(torch.cat(seen))))
