"""Files given with ``--plugin``: a user's own strategies, domains, backbones, augmentations and extractors."""

from collections.abc import Iterable
from pathlib import Path

from .errors import UserError
from .registries import augmentations, backbones, domains, extractors, strategies
from .registry import Entry


def load_plugins(paths: Iterable[Path]) -> list[Entry]:
    """Announce the components of each file; they run with the user's rights when they are asked for.

    Raises ``UserError`` for a file that is not there, is no Python, or registers nothing.
    """
    found: list[Entry] = []
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path}: no such plug-in file")
        entries = [
            e for r in (strategies, domains, backbones, augmentations, extractors) for e in r.add_file(path.resolve())
        ]
        if not entries:
            raise UserError(f'{path}: registers nothing; decorate a class with @register("its-name")')
        found += entries
    return found
