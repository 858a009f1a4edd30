"""Latent walks."""

import torch
from graftbench.bench.interpolation import STEPS, STRIPS, interpolate
from torch import nn


class Linear(nn.Module):
    latent_dim = 12

    def __init__(self):
        super().__init__()
        self.seen = torch.empty(0)

    def forward(self, latents):
        self.seen = latents
        return latents.view(-1, 3, 2, 2).tanh()


def test_a_walk_starts_and_ends_at_its_latents_and_keeps_a_length_between():
    generator = Linear()
    images = interpolate(generator, torch.Generator().manual_seed(3))
    assert images is not None and images.shape == (STRIPS * STEPS, 3, 2, 2) and images.dtype == torch.uint8
    ends = torch.randn(2, STRIPS, 12, generator=torch.Generator().manual_seed(3))
    walks = generator.seen.view(STRIPS, STEPS, 12)
    torch.testing.assert_close(walks[:, 0], ends[0])
    torch.testing.assert_close(walks[:, -1], ends[1])
    lengths = walks.norm(dim=-1)
    assert (lengths.min(1).values > 0.8 * torch.minimum(lengths[:, 0], lengths[:, -1])).all()


def test_a_generator_without_a_latent_space_has_no_walks():
    assert interpolate(nn.Identity(), torch.Generator()) is None
