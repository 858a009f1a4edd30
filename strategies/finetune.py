"""Fine-tuning both networks, or one of them beside a fresh other."""

from dataclasses import dataclass
from typing import ClassVar

from . import AdversarialStrategy, register


@register("finetune", cite="Wang et al., Transferring GANs, ECCV 2018, arXiv:1805.01677")
@dataclass
class FineTune(AdversarialStrategy):
    """Generator and discriminator start from the source and are trained end to end (TransferGAN)."""


@register("finetune-g", cite="Wang et al., Transferring GANs, ECCV 2018, arXiv:1805.01677")
@dataclass
class FineTuneG(AdversarialStrategy):
    """The generator starts from the source, the discriminator fresh."""

    discriminator_from_source: ClassVar[bool] = False


@register("finetune-d", cite="Wang et al., Transferring GANs, ECCV 2018, arXiv:1805.01677")
@dataclass
class FineTuneD(AdversarialStrategy):
    """The discriminator starts from the source, the generator fresh."""

    generator_from_source: ClassVar[bool] = False
