"""graftbench: which GAN transfer strategy to use, how good it gets, how fast, and whether to trust it.

The folders of the repository are sub-packages of this name: ``graftbench.bench`` (the engine),
``graftbench.strategies``, ``graftbench.datasets`` and ``graftbench.reports``.
"""

__version__ = "0.1.0"
