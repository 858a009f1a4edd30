"""A GAN training loop written by hand, without the engine: what its steps are compared with, in numbers and speed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..backbones import Backbone
from ..backbones.base import AdversarialDefaults

PATH_LENGTH_DECAY = 0.01


@dataclass
class BareLoop:
    """Networks, optimisers and random states of a training from scratch on ``shots`` (uint8, on the CPU or a GPU).

    ``tuned``: fused Adam, one call for the whole moving average, regularisers taken lazily, no look at the losses,
    and the layout that the backbone chose. Otherwise what a first version does: weights in the default layout, one
    Adam and averaging operation for each tensor, both regularisers at every step, and the losses read at each.
    """

    backbone: Backbone
    optimisation: AdversarialDefaults
    shots: Tensor
    batch: int
    seed: Callable[[str], int]
    tuned: bool = True

    def __post_init__(self) -> None:
        device = self.shots.device
        self.order = torch.Generator(device).manual_seed(self.seed("data-order"))
        self.rng = torch.Generator(device).manual_seed(self.seed("training-noise"))
        torch.manual_seed(self.seed("generator-init"))
        self.generator = self.backbone.make_generator().to(device)
        torch.manual_seed(self.seed("discriminator-init"))
        self.discriminator = self.backbone.make_discriminator().to(device)
        torch.manual_seed(self.seed("generator-init"))
        self.average = self.backbone.make_generator().to(device).eval()
        if not self.tuned:
            for network in (self.generator, self.discriminator, self.average):
                for parameter in network.parameters():
                    parameter.data = parameter.data.contiguous()
        self.generator_optimiser = self._adam(self.generator, self.optimisation.generator_lr)
        self.discriminator_optimiser = self._adam(self.discriminator, self.optimisation.discriminator_lr)
        self.path_length_mean = torch.zeros((), device=device)
        self.steps_done = 0
        torch.manual_seed(self.seed("global"))

    def _adam(self, network: nn.Module, lr: float) -> torch.optim.Adam:
        kernels: dict[str, Any] = {"fused": True} if self.tuned else {"foreach": False}
        return torch.optim.Adam(network.parameters(), lr=lr, betas=self.optimisation.betas, **kernels)

    def step(self) -> None:
        optimisation, d, g = self.optimisation, self.discriminator, self.generator
        chosen = torch.randint(len(self.shots), (self.batch,), generator=self.order, device=self.shots.device)
        real = self.shots[chosen].float() / 127.5 - 1
        z = torch.randn(self.batch, g.latent_dim, generator=self.rng, device=real.device)
        fake = g.training_images(z, self._others(z), self.rng)

        r1_every = optimisation.r1_every if self.tuned else 1
        regularise = optimisation.r1_gamma > 0 and self.steps_done % r1_every == 0
        real.requires_grad_(regularise)
        real_logits = d(real)
        loss = self.backbone.discriminator_loss(real_logits, d(fake.detach()))
        if regularise:
            (gradient,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
            loss = loss + optimisation.r1_gamma / 2 * r1_every * gradient.square().sum() / self.batch
        self.discriminator_optimiser.zero_grad()
        loss.backward(inputs=list(d.parameters()))
        self.discriminator_optimiser.step()

        path_every = optimisation.path_length_every if self.tuned else 1
        generator_loss = self.backbone.generator_loss(d(fake))
        if optimisation.path_length_weight > 0 and self.steps_done % path_every == 0:
            z = torch.randn(max(1, self.batch // 2), g.latent_dim, generator=self.rng, device=real.device)
            lengths = g.path_lengths(z, self._others(z), self.rng)
            mean = lengths.detach().mean()
            self.path_length_mean = self.path_length_mean * (1 - PATH_LENGTH_DECAY) + mean * PATH_LENGTH_DECAY
            penalty = (lengths - self.path_length_mean).square().mean()
            generator_loss = generator_loss + optimisation.path_length_weight * path_every * penalty
        self.generator_optimiser.zero_grad()
        generator_loss.backward(inputs=list(g.parameters()))
        self.generator_optimiser.step()

        self.steps_done += 1
        self._update_average()
        if not self.tuned:
            _ = loss.item(), generator_loss.item()

    def _others(self, z: Tensor) -> Tensor | None:
        """Latents to mix styles with."""
        mixes = self.generator.mixes_styles
        return torch.randn(z.shape, generator=self.rng, device=z.device) if mixes else None

    @torch.no_grad()
    def _update_average(self) -> None:
        images = self.steps_done * self.batch
        half_life = min(self.optimisation.ema_half_life_kimg * 1000, 0.05 * images)
        weight = 1 - 0.5 ** (self.batch / half_life)
        if self.tuned:
            torch._foreach_lerp_(list(self.average.parameters()), list(self.generator.parameters()), weight)
        else:
            for mine, theirs in self._pairs(self.average.parameters(), self.generator.parameters()):
                mine.lerp_(theirs, weight)
        for mine, theirs in self._pairs(self.average.buffers(), self.generator.buffers()):
            mine.copy_(theirs)

    @staticmethod
    def _pairs(mine: Iterator[Tensor], theirs: Iterator[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        return zip(mine, theirs, strict=True)
