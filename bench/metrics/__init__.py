"""How good the images are: feature extractors, metrics on features, and the evaluator that runs them.

Importing this package imports no torch; ``names`` (what each metric means) is torch-free too.
"""

from ..registries import extractors

register = extractors.register

__all__ = ["register"]
