"""Walks through the latent space, which show whether a generator has learned more than its shots."""

import torch
from torch import Tensor, nn

from ..strategies.base import to_uint8

STRIPS = STEPS = 8
"""So many walks of so many images each: a square grid holds one walk per row."""


@torch.no_grad()
def interpolate(generator: nn.Module, rng: torch.Generator) -> Tensor | None:
    """Images on the great circles between pairs of latents: uint8, STRIPS * STEPS x 3 x R x R, walk after walk.

    Equal states of ``rng`` give the same walks for every generator. None where the generator declares no
    ``latent_dim`` (a strategy may bring its own), so that there is no latent space to walk through.
    """
    if not hasattr(generator, "latent_dim"):
        return None
    ends = torch.randn(2, STRIPS, int(generator.latent_dim), generator=rng, device=rng.device)  # type: ignore[arg-type]
    weights = torch.linspace(0, 1, STEPS, device=rng.device)[None, :, None]
    start, end = ends[0][:, None], ends[1][:, None]
    angle = torch.acos(nn.functional.cosine_similarity(start, end, dim=-1).clamp(-1, 1))[..., None]
    walks = (torch.sin((1 - weights) * angle) * start + torch.sin(weights * angle) * end) / torch.sin(angle)
    # One walk at a time: at 1024 px all of them at once would need more memory than the training.
    return torch.cat([to_uint8(generator(walk)) for walk in walks])
