"""A share of a set's training images, as in ``cifar10:10%``."""

import numpy as np

from ..bench.errors import UserError
from .collection import Collection, select


def is_share(name: str) -> bool:
    """Whether a domain's full name asks for a share."""
    return name.partition(":")[2].endswith("%")


def check_share(name: str) -> int:
    """The percentage that a domain's full name ends in. Raises ``UserError`` if it is none."""
    asked = name.partition(":")[2]
    if not asked[:-1].isdecimal() or not 0 < int(asked[:-1]) <= 100:
        raise UserError(f"domain {name!r}: {asked!r} is no share of the training images; write 10% or 20%")
    return int(asked[:-1])


def share_of_training(whole: Collection, name: str) -> Collection:
    """That share of the training part, and all of the test part.

    ``10%`` and ``20%`` of CIFAR are the images that the DiffAugment experiments train on (Zhao et al. 2020,
    ``DiffAugment-biggan-cifar``: numpy's legacy generator, seed 0, drawn without replacement).
    """
    tests = whole.published_test or [False] * len(whole)
    training = len(whole) - sum(tests)
    count = training * check_share(name) // 100
    chosen = set(np.random.RandomState(0).choice(training, count, replace=False).tolist())
    return select(whole, [i for i in range(len(whole)) if tests[i] or i in chosen])
