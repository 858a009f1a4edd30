"""FreezeD: the discriminator's first blocks keep the source's features."""

from dataclasses import dataclass

from ..bench.errors import UserError
from . import register, tunable
from .finetune import FineTune
from .freezing import freeze


@register("frozen-d", cite="Mo et al., Freeze the Discriminator, CVPR workshops 2020, arXiv:2002.10964")
@dataclass
class FrozenD(FineTune):
    """Fine-tuning with the discriminator's blocks frozen from the image down to a resolution.

    ``down_to`` is a resolution in pixels, so that it means the same on every backbone: a block is frozen if what
    comes out of it is at least that large (16 on StyleGAN2-256 freezes convs.0 to convs.4).
    """

    down_to: int = tunable(16, choices=(8, 16))

    def adapt(self) -> None:
        blocks = self.discriminator.blocks
        frozen = [block for block in blocks if block.resolution >= self.down_to]
        if not frozen:
            largest = max(block.resolution for block in blocks)
            raise UserError(f"frozen-d: down_to={self.down_to} freezes no block here; the largest has {largest} px")
        for block in frozen:
            freeze(*block.modules)
