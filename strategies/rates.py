"""Learning rates that differ from the backbone's, for strategies that train few or new parameters."""

import dataclasses

from .base import Setup


def with_rates(setup: Setup, *, generator: float = 1.0, discriminator: float = 1.0) -> Setup:
    """The setup with the networks' learning rates multiplied."""
    rates = setup.optimisation
    changed = dataclasses.replace(
        rates,
        generator_lr=rates.generator_lr * generator,
        discriminator_lr=rates.discriminator_lr * discriminator,
    )
    return dataclasses.replace(setup, optimisation=changed)
