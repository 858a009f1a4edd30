"""Transfer strategies, one file each. ``register`` adds yours."""

from ..bench.registries import strategies
from .adversarial import AdversarialStrategy
from .base import Setup, Strategy, generate, to_float, to_uint8, tunable

register = strategies.register

__all__ = ["AdversarialStrategy", "Setup", "Strategy", "generate", "register", "to_float", "to_uint8", "tunable"]
