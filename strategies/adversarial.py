"""The one alternating update that all adversarial strategies share, and the hooks in which they differ."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..bench import parallel
from ..bench.backbones.base import Generator
from .averaging import MovingAverage
from .base import Setup, Strategy, generate

PATH_LENGTH_DECAY = 0.01
PATH_LENGTH_BATCH_SHRINK = 2


@dataclass
class AdversarialStrategy(Strategy):
    """A generator and a discriminator trained in turn on the target's shots.

    A strategy says which networks start from the source, may ``adapt`` them (freeze, re-parametrise), may narrow
    what is trained, and may add to either loss.
    """

    any_augmentation: ClassVar[bool] = True
    generator_from_source: ClassVar[bool] = True
    discriminator_from_source: ClassVar[bool] = True

    # -- hooks ---------------------------------------------------------------------------------------------------

    def make_generator(self) -> Generator:
        if self.generator_from_source:
            return self.setup.source.make_generator()
        torch.manual_seed(self.setup.seed("generator-init"))
        return self.setup.backbone.make_generator()

    def make_discriminator(self) -> nn.Module:
        if self.discriminator_from_source:
            return self.setup.source.make_discriminator()
        torch.manual_seed(self.setup.seed("discriminator-init"))
        return self.setup.backbone.make_discriminator()

    def adapt(self) -> None:
        """Change the networks after they are made and before optimisers and average exist."""

    def generator_parameters(self) -> Iterable[nn.Parameter]:
        return (p for p in self.generator.parameters() if p.requires_grad)

    def discriminator_parameters(self) -> Iterable[nn.Parameter]:
        return (p for p in self.discriminator.parameters() if p.requires_grad)

    def generator_loss(self, latents: Tensor, fake: Tensor) -> Tensor:
        """Loss of the generator for the images that it made from ``latents``."""
        return self.setup.backbone.generator_loss(self.discriminator(self.augment(fake))) + self.generator_penalty()

    def generator_penalty(self) -> Tensor | float:
        """What the strategy adds to the generator's loss."""
        return 0.0

    def fake_images(self, latents: Tensor) -> Tensor:
        """The fakes of an update; the gradient reaches the generator through them."""
        return self.generator.training_images(latents, self._others(len(latents)), self.rng)

    def mixing_latents(self, count: int) -> Tensor | None:
        """Latents to mix into the fakes of an update on a backbone that mixes styles; None if it shall not."""
        return self.latents(count)

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Loss of the discriminator for its logits of (augmented) reals and fakes."""
        return self.setup.backbone.discriminator_loss(real_logits, fake_logits)

    def discriminator_penalty(self, real: Tensor) -> Tensor | float:
        """What the strategy adds to the discriminator's loss, given the augmented reals."""
        return 0.0

    def observe(self, real_logits: Tensor) -> None:
        """Let the augmentation adapt to the discriminator's (detached) logits of the reals."""
        self.augmentation.observe(real_logits)

    # -- the shared update ---------------------------------------------------------------------------------------

    def prepare(self, setup: Setup) -> None:
        self.setup = setup
        self.rng = torch.Generator(setup.device).manual_seed(setup.seed("training-noise"))
        self.generator = self.make_generator().to(setup.device).train()
        self.discriminator = self.make_discriminator().to(setup.device).train()
        self.augmentation = setup.augmentation
        self.adapt()
        for network in (self.generator, self.discriminator):
            parallel.synchronise_batch_norm(network)
        optimisation = setup.optimisation
        self.average = MovingAverage(self.generator, optimisation.ema_half_life_kimg)
        self.generator_optimiser = self._adam(self.generator_parameters(), optimisation.generator_lr)
        self.discriminator_optimiser = self._adam(self.discriminator_parameters(), optimisation.discriminator_lr)
        self.path_length_mean = torch.zeros((), device=setup.device)
        self.steps_done = 0
        setup.compile_networks(self.generator, self.discriminator)

    def _adam(self, parameters: Iterable[nn.Parameter], lr: float) -> torch.optim.Adam:
        return torch.optim.Adam(list(parameters), lr=lr, betas=self.setup.optimisation.betas, fused=True)

    def step(self, real: Tensor) -> dict[str, Tensor]:
        if self.setup.optimisation.lr_decay != 1:
            self._decay_rates()
        latents = self.latents(len(real))
        with self.setup.autocast():
            fake = self.fake_images(latents)
        losses = self.update_discriminator(real, fake.detach())
        losses |= self.update_generator(latents, fake)
        self.average.update(self.setup.batch)
        self.steps_done += 1
        return losses

    def _decay_rates(self) -> None:
        """Set the learning rates of this step; ``lr_decay`` is reached at the end of the budget."""
        optimisation = self.setup.optimisation
        share = 1 - (1 - optimisation.lr_decay) * self.steps_done / self.setup.steps
        for optimiser, rate in (
            (self.generator_optimiser, optimisation.generator_lr),
            (self.discriminator_optimiser, optimisation.discriminator_lr),
        ):
            for group in optimiser.param_groups:
                group["lr"] = rate * share

    def update_discriminator(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """One step of the discriminator; R1 is taken lazily, on the augmented reals."""
        optimisation = self.setup.optimisation
        real, fake = self.augment(real), self.augment(fake)
        regularise = optimisation.r1_gamma > 0 and self.steps_done % optimisation.r1_every == 0
        if regularise:
            real = real.detach().requires_grad_(True)
        with self.setup.autocast(), _uncompiled(regularise):
            real_logits, fake_logits = self.discriminator(real), self.discriminator(fake)
            loss = self.discriminator_loss(real_logits, fake_logits) + self.discriminator_penalty(real)
        losses = {"discriminator": loss.detach()}
        if regularise:
            (gradient,) = torch.autograd.grad(real_logits.view(len(real), -1).mean(1).sum(), real, create_graph=True)
            r1 = gradient.square().sum() / len(real)
            losses["r1"] = r1.detach()
            loss = loss + optimisation.r1_gamma / 2 * optimisation.r1_every * r1
        self._descend(loss, self.discriminator_optimiser)
        self.observe(parallel.gather(real_logits.detach()))
        return losses

    def update_generator(self, latents: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """One step of the generator on the images that it made before the discriminator's step."""
        optimisation = self.setup.optimisation
        with self.setup.autocast():
            loss = self.generator_loss(latents, fake)
        losses = {"generator": loss.detach()}
        if optimisation.path_length_weight > 0 and self.steps_done % optimisation.path_length_every == 0:
            penalty = self.path_length_penalty(max(1, len(latents) // PATH_LENGTH_BATCH_SHRINK))
            losses["path_length"] = penalty.detach()
            loss = loss + optimisation.path_length_weight * optimisation.path_length_every * penalty
        self._descend(loss, self.generator_optimiser)
        return losses

    def path_length_penalty(self, count: int) -> Tensor:
        """E (|J^T y| - a)^2, where a is the running mean of |J^T y| (Karras et al., CVPR 2020, eq. 4)."""
        latents = self.latents(count)
        lengths = self.generator.path_lengths(latents, self._others(count), self.rng)
        mean = lengths.detach().mean()
        parallel.average([mean])
        self.path_length_mean = self.path_length_mean.lerp(mean, PATH_LENGTH_DECAY)
        return (lengths - self.path_length_mean).square().mean()

    def _others(self, count: int) -> Tensor | None:
        return self.mixing_latents(count) if self.generator.mixes_styles else None

    @staticmethod
    def _descend(loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
        """One optimiser step; gradients are computed for its parameters only, not for the other network's.

        A strategy with phases may switch ``requires_grad`` of some off: those keep their value.
        """
        parameters = [p for group in optimiser.param_groups for p in group["params"] if p.requires_grad]
        optimiser.zero_grad(set_to_none=True)
        loss.backward(inputs=parameters)
        parallel.average(p.grad for p in parameters if p.grad is not None)
        optimiser.step()

    # -- what the strategies use ---------------------------------------------------------------------------------

    def latents(self, count: int) -> Tensor:
        """Standard normal latents, count x latent_dim, from the strategy's own random state."""
        whole = count * parallel.processes()
        return parallel.own(torch.randn(whole, self.generator.latent_dim, generator=self.rng, device=self.setup.device))

    def augment(self, images: Tensor) -> Tensor:
        return self.augmentation(images, self.rng)

    def sample(self, count: int, rng: torch.Generator) -> Tensor:
        latents = torch.randn(count, self.generator.latent_dim, generator=rng, device=self.setup.device)
        return generate(self.average.module, latents)

    def trained(self) -> dict[str, list[nn.Parameter]]:
        return {
            "generator": list(self.generator_parameters()),
            "discriminator": list(self.discriminator_parameters()),
        }

    def networks(self) -> dict[str, nn.Module]:
        return {"generator": self.average.module, "discriminator": self.discriminator}


def _uncompiled(apply: bool) -> contextlib.AbstractContextManager:
    """Run compiled networks as they are written: ``torch.compile`` cannot differentiate a gradient again."""
    return torch.compiler.set_stance("force_eager") if apply else contextlib.nullcontext()
