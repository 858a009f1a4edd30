"""No transfer."""

from dataclasses import dataclass
from typing import ClassVar

from . import AdversarialStrategy, register


@register("scratch")
@dataclass
class Scratch(AdversarialStrategy):
    """Generator and discriminator start fresh and see only the target's shots."""

    source_kind: ClassVar[None] = None
    generator_from_source: ClassVar[bool] = False
    discriminator_from_source: ClassVar[bool] = False
