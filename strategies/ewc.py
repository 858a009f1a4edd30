"""Elastic weight consolidation: stay near the starting point where it mattered to the source."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from . import register, tunable
from .finetune import FineTune
from .l2_sp import source_weights, squared_distance

FISHER_SAMPLES = 256
CHUNK_FLOATS = 40_000_000
"""So many gradient values are held at once."""


@register("ewc", cite="Li et al., Few-shot Image Generation with EWC, NeurIPS 2020, arXiv:2012.02780")
@dataclass
class EWC(FineTune):
    """Fine-tuning held close to the source generator's weights, each as much as the source's images depend on it.

    Adds ``strength`` x sum F (w - w_source)^2, F the diagonal Fisher information of the source GAN with mean 1, so
    that F = 1 is ``l2-sp``.
    """

    strength: float = tunable(1e-2, low=1e-4, high=1.0, log=True)

    def adapt(self) -> None:
        source, device = self.setup.source, self.setup.device
        generator, discriminator = source.make_generator().to(device), source.make_discriminator().to(device)
        self.source_generator = list(source_weights(generator, device).values())
        rng = torch.Generator(device).manual_seed(self.setup.seed("fisher"))
        latents = torch.randn(FISHER_SAMPLES, generator.latent_dim, generator=rng, device=device)
        self.source_fisher = fisher_information(generator, discriminator, latents)

    def generator_penalty(self) -> Tensor | float:
        weights = list(self.generator.parameters())
        return self.strength * squared_distance(weights, self.source_generator, self.source_fisher)


def fisher_information(generator: nn.Module, discriminator: nn.Module, latents: Tensor) -> list[Tensor]:
    """Mean over latents (N x d) of the squared gradient of log sigmoid(D(G(z))), divided by its mean over weights.

    One non-negative tensor for each parameter of the generator. The gradient is squared for each latent on its own
    (squaring the gradient of a batch would lose what cancels), so both networks are in eval mode, in which
    normalisation does not couple the images.
    """
    generator.eval()
    discriminator.eval().requires_grad_(False)
    weights = dict(generator.named_parameters())
    buffers = dict(generator.named_buffers())

    def log_likelihood(weights: dict[str, Tensor], latent: Tensor) -> Tensor:
        image = torch.func.functional_call(generator, (weights, buffers), (latent[None],))
        return nn.functional.logsigmoid(discriminator(image)).sum()

    gradient = torch.func.vmap(torch.func.grad(log_likelihood), in_dims=(None, 0), randomness="different")
    constants = {name: w.detach() for name, w in weights.items()}
    fisher = {name: torch.zeros_like(w) for name, w in constants.items()}
    chunk = max(1, min(64, CHUNK_FLOATS // sum(w.numel() for w in constants.values())))
    for part in latents.split(chunk):
        for name, gradients in gradient(constants, part).items():
            fisher[name] += gradients.square().sum(0)
    mean = torch.cat([f.flatten() for f in fisher.values()]).mean()
    if not mean > 0:
        raise ValueError("the source discriminator's gradient vanishes on the source generator's images")
    return [f / mean for f in fisher.values()]
