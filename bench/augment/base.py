"""What an augmentation is: a differentiable image transform that both updates of a GAN apply."""

from typing import Any

from torch import Generator, Tensor


class Augmentation:
    """Applied to reals and fakes, in the discriminator's and in the generator's update.

    ``images`` are N x 3 x R x R in [-1, 1], on any device; every random draw comes from ``rng`` (a generator of
    the same device). ``observe`` sees the logits of the real images after each discriminator update (ADA adapts
    to them).
    """

    keeps_distribution: bool = False
    """True if the augmented images are themselves valid targets (a flip), so that any strategy may use it."""

    def __init__(self, *, from_source: bool = False, kimg: float | None = None):
        """``from_source``: a trained model is being adapted (adaptive augmentation then reacts faster).

        ``kimg``: the run's budget in thousand images, if it is known.
        """

    def __call__(self, images: Tensor, rng: Generator) -> Tensor:
        raise TypeError(f"{type(self).__name__} must define __call__")

    def observe(self, real_logits: Tensor) -> None:
        """Adapt to the discriminator's logits of real images (N)."""

    def state_dict(self) -> dict[str, Any]:
        """What an exact resume needs: tensors and plain numbers."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of ``state_dict``."""
