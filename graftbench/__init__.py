"""graftbench: which GAN transfer strategy to use, how good it gets, how fast, and whether to trust it.

The folders of the repository are sub-packages of this name: ``graftbench.bench`` (the engine),
``graftbench.strategies``, ``graftbench.datasets`` and ``graftbench.reports``.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .bench.export import Model

__version__ = "0.1.0"


def load(folder: str | Path) -> "Model":
    """A generator that ``graftbench export`` wrote: ``graftbench.load(folder).sample(16)`` gives 16 images (uint8)."""
    from .bench.export import load as read

    return read(folder)
