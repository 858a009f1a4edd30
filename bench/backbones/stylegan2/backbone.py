"""StyleGAN2 as a backbone: its networks and the settings of its paper."""

from dataclasses import dataclass
from typing import ClassVar

from ...errors import UserError
from .. import register
from ..base import AdversarialDefaults, Backbone
from ..layout import channels_last
from .discriminator import StyleGAN2Discriminator, StyleGAN2Encoder
from .generator import StyleGAN2Generator, channels_at
from .layers import MinibatchStd


@register("stylegan2", cite="Karras et al., CVPR 2020, arXiv:1912.04958")
@dataclass
class StyleGAN2(Backbone):
    """Style-based skip generator, residual discriminator, lazy R1 and path length; reads public checkpoints.

    ``width`` is the number of channels up to 64 px and of the latent; 512 is that of the public checkpoints. The weight
    of R1 is that of configuration F for FFHQ at 1024 px: for others Karras et al. (NeurIPS 2020) give
    0.0002 R^2 / batch as a first guess. Raises ``UserError`` for a width that leaves the full resolution no channel.
    """

    width: int = 512

    resolutions: ClassVar[tuple[int, ...]] = (32, 64, 128, 256, 512, 1024)
    images_seen_together: ClassVar[int] = MinibatchStd.LARGEST_GROUP
    """The minibatch statistics look at groups of so many, so each process's part of a batch is a multiple of it."""
    defaults: ClassVar[AdversarialDefaults] = AdversarialDefaults(
        generator_lr=2e-3,
        discriminator_lr=2e-3,
        betas=(0.0, 0.99),
        r1_gamma=10.0,
        r1_every=16,
        ema_half_life_kimg=10.0,
        path_length_weight=2.0,
        path_length_every=4,
    )

    def __post_init__(self) -> None:
        if channels_at(self.resolution, self.width) < 1:
            smallest = self.resolution // 64
            raise UserError(
                f"stylegan2 of width {self.width} has no channels left at {self.resolution} px; "
                f"the smallest width there is {smallest}"
            )

    def make_generator(self) -> StyleGAN2Generator:
        return channels_last(StyleGAN2Generator(self.resolution, self.width))

    def make_discriminator(self) -> StyleGAN2Discriminator:
        return channels_last(StyleGAN2Discriminator(self.resolution, self.width))

    def make_encoder(self) -> StyleGAN2Encoder:
        return channels_last(StyleGAN2Encoder(self.resolution, self.width))
