"""The VAE that starts from a source VAE."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ..bench.backbones.base import Generator
from . import register
from .vae import VAE


@register("vae-finetune", cite="Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, arXiv:1312.6114")
@dataclass
class VAEFineTune(VAE):
    """Encoder and decoder start from a VAE of the source, pretrained at the same budget as the source GAN."""

    source_kind: ClassVar = "vae"

    def make_generator(self) -> Generator:
        return self.setup.source.make_generator()

    def make_encoder(self) -> nn.Module:
        return self.setup.source.make_encoder()
