"""One joint GAN on source and target."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from ..bench import parallel
from ..bench.backbones.base import Discriminator
from . import register, to_float, tunable
from .finetune import FineTune


@register("multitask", cite="Caruana, Multitask Learning, Machine Learning 28, 1997")
@dataclass
class Multitask(FineTune):
    """Fine-tuning of one domain-conditional GAN on target and real source images together.

    No published code defines it for GANs, so this does. The trunks are shared: the generator makes a target image
    from z and a source image from z + e with a learned e that starts at 0; the discriminator has one head for each
    domain, both starting as the source's. Each batch of target images is joined by ``ratio`` times as many source
    images, and the loss is target + ``weight`` x source; batch statistics and R1 are those of the joint batch.
    Sampling takes e = 0, that is, the target. With ``weight`` 0 no source image is seen: that is ``finetune``.
    """

    uses_source_images: ClassVar[bool] = True

    weight: float = tunable(0.5, low=0.05, high=2.0, log=True)
    ratio: float = tunable(0.5, low=0.25, high=1.0, least=0.01)  # without any source image it is weight 0

    def adapt(self) -> None:
        self.discriminator = TwoHeads(cast(Discriminator, self.discriminator))
        self.embedding = nn.Embedding(1, self.generator.latent_dim, device=self.setup.device)
        nn.init.zeros_(self.embedding.weight)
        self.source_images = None
        if self.weight > 0:
            if self.setup.load_source_images is None:
                raise ValueError("multitask trains on source images, but was given none")
            self.source_images = self.setup.load_source_images()

    def generator_parameters(self) -> Iterable[nn.Parameter]:
        extra = self.embedding.parameters() if self.weight > 0 else ()
        return chain(super().generator_parameters(), extra)

    def discriminator_parameters(self) -> Iterable[nn.Parameter]:
        network = self.discriminator if self.weight > 0 else self.discriminator.target
        return (p for p in network.parameters() if p.requires_grad)

    def step(self, real: Tensor) -> dict[str, Tensor]:
        if self.source_images is None:
            return super().step(real)
        count = max(1, round(self.ratio * len(real)))
        whole = (count * parallel.processes(),)
        drawn = torch.randint(len(self.source_images), whole, generator=self.rng, device=real.device)
        self.discriminator.counts = len(real), count
        return super().step(torch.cat([real, to_float(self.source_images[parallel.own(drawn)])]))

    def latents(self, count: int) -> Tensor:
        """Latents of the joint batch: the target's, then the source's, which are moved by the embedding."""
        target, source = self.discriminator.split(super().latents(count))
        return torch.cat([target, source + self.embedding.weight])

    def generator_loss(self, latents: Tensor, fake: Tensor) -> Tensor:
        target, source = self.discriminator.split(self.discriminator(self.augment(fake)))
        loss = self.setup.backbone.generator_loss(target)
        if len(source):
            loss = loss + self.weight * self.setup.backbone.generator_loss(source)
        return loss + self.generator_penalty()

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        split = self.discriminator.split
        (real, source_real), (fake, source_fake) = split(real_logits), split(fake_logits)
        loss = super().discriminator_loss(real, fake)
        if len(source_real):
            loss = loss + self.weight * super().discriminator_loss(source_real, source_fake)
        return loss

    def observe(self, real_logits: Tensor) -> None:
        target, _ = self.discriminator.split(real_logits)
        super().observe(target)

    def parameter_count(self) -> int:
        extra = [self.discriminator.source_head, self.embedding] if self.weight > 0 else []
        return super().parameter_count() + sum(p.numel() for module in extra for p in module.parameters())

    def networks(self) -> dict[str, nn.Module]:
        return {"generator": self.average.module, "discriminator": self.discriminator.target}


class TwoHeads(nn.Module):
    """A discriminator for the target, and a second head on its trunk for the source.

    It takes batches that hold the target's rows first and then the source's, in the proportion of ``counts``
    (target, source), and returns N logits in that order.
    """

    def __init__(self, target: Discriminator):
        super().__init__()
        self.target = target
        self.source_head = copy.deepcopy(target.head)
        self.counts: tuple[int, int] = (1, 0)

    def split(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The target's and the source's rows of a joint batch, a part of one, or those of all processes."""
        target, source = self.counts
        border = -(-len(rows) * target // (target + source))
        return rows[:border], rows[border:]

    def forward(self, images: Tensor) -> Tensor:
        target, source = self.split(self.target.features(images)[-1])
        logits = self.target.head(target).flatten().float()
        return torch.cat([logits, self.source_head(source).flatten().float()]) if len(source) else logits
