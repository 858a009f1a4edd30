"""Feature distillation: the discriminator keeps seeing the target as the source's discriminator does."""

from dataclasses import dataclass

import torch
from torch import Tensor

from . import register, tunable
from .finetune import FineTune
from .freezing import freeze


@register("feature-distillation", cite="Mo et al., Freeze the Discriminator, CVPR workshops 2020, arXiv:2002.10964")
@dataclass
class FeatureDistillation(FineTune):
    """Fine-tuning that holds the discriminator's features of real images near the source discriminator's.

    Adds ``strength`` x the sum over blocks of the mean squared difference of the block's outputs.
    """

    strength: float = tunable(1.0, low=1e-2, high=100.0, log=True)

    def adapt(self) -> None:
        self.source_discriminator = self.setup.source.make_discriminator().to(self.setup.device)
        freeze(self.source_discriminator)

    def discriminator_penalty(self, real: Tensor) -> Tensor:
        with torch.no_grad():
            taught = self.source_discriminator.features(real)
        learnt = self.discriminator.features(real)
        losses = [torch.nn.functional.mse_loss(ours, theirs) for ours, theirs in zip(learnt, taught, strict=True)]
        return self.strength * torch.stack(losses).sum()
