"""The variational autoencoder, the likelihood-based baseline of the adversarial strategies."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..bench.backbones.base import Generator
from . import Setup, Strategy, generate, register, tunable
from .averaging import MovingAverage

FINEST_SCALE = 1 / 255
"""Floor of the likelihood's scale, half a grey level of images in [-1, 1]: nothing finer is in a uint8 image."""


@register("vae", cite="Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, arXiv:1312.6114")
@dataclass
class VAE(Strategy):
    """Encoder and decoder start fresh and see only the target's shots; the decoder is the backbone's generator.

    The likelihood is Gaussian with one scale for all pixels, set to its optimum for the batch (Rybkin et al.,
    Simple and Effective VAE Training with Calibrated Decoders, ICML 2021), so that ``beta`` (Higgins et al.,
    ICLR 2017) is the one weight between reconstruction and prior. Images are sampled from the prior N(0, 1).
    """

    source_kind: ClassVar = None

    beta: float = tunable(1.0, low=0.1, high=10.0, log=True)
    learning_rate: float = tunable(1e-3, low=1e-4, high=3e-3, log=True)

    def make_generator(self) -> Generator:
        torch.manual_seed(self.setup.seed("generator-init"))
        return self.setup.backbone.make_generator()

    def make_encoder(self) -> nn.Module:
        torch.manual_seed(self.setup.seed("encoder-init"))
        return self.setup.backbone.make_encoder()

    def prepare(self, setup: Setup) -> None:
        self.setup = setup
        self.rng = torch.Generator(setup.device).manual_seed(setup.seed("training-noise"))
        self.generator = self.make_generator().to(setup.device).train()
        self.encoder = self.make_encoder().to(setup.device).train()
        self.augmentation = setup.augmentation
        self.average = MovingAverage(self.generator, setup.optimisation.ema_half_life_kimg)
        parameters = [*self.generator.parameters(), *self.encoder.parameters()]
        self.optimiser = torch.optim.Adam(parameters, lr=self.learning_rate, fused=True)
        setup.compile_networks(self.generator, self.encoder)

    def step(self, real: Tensor) -> dict[str, Tensor]:
        images = self.augmentation(real, self.rng)
        with self.setup.autocast():
            mean, log_variance = (part.float() for part in self.encoder(images))
            noise = torch.randn(mean.shape, generator=self.rng, device=mean.device)
            reconstruction = self.generator(mean + noise * (log_variance / 2).exp())
        misfit = gaussian_nll(images, reconstruction.float())
        divergence = kl_to_prior(mean, log_variance).mean()
        loss = (misfit + self.beta * divergence) / images[0].numel()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.average.update(self.setup.batch)
        return {"negative_elbo": (misfit + divergence).detach(), "kl": divergence.detach()}

    def sample(self, count: int, rng: torch.Generator) -> Tensor:
        latents = torch.randn(count, self.generator.latent_dim, generator=rng, device=self.setup.device)
        return generate(self.average.module, latents)

    def trained(self) -> dict[str, list[nn.Parameter]]:
        return {"generator": list(self.generator.parameters()), "encoder": list(self.encoder.parameters())}

    def networks(self) -> dict[str, nn.Module]:
        return {"generator": self.average.module, "encoder": self.encoder}


def gaussian_nll(images: Tensor, means: Tensor) -> Tensor:
    """Negative log-likelihood in nats per image of images (N x ...) under N(means, s^2), s^2 the mean squared error.

    At that optimal s the quadratic term is 1/2 per pixel: nll = d/2 (log(2 pi s^2) + 1).
    """
    variance = (images - means).square().mean()
    floor = FINEST_SCALE**2
    clamped = variance.clamp_min(floor)
    return images[0].numel() / 2 * (math.log(2 * math.pi) + clamped.log() + variance / clamped)


def kl_to_prior(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, diag exp log_variance) || N(0, 1)) in nats for each row: N x d -> N (Kingma and Welling, app. B)."""
    return (mean.square() + log_variance.exp() - log_variance - 1).sum(1) / 2
