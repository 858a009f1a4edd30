"""Files given with ``--plugin``: a user's own strategies, domains, backbones, augmentations and extractors."""

from collections.abc import Iterable
from pathlib import Path

from .errors import UserError, place_in, said_by
from .registries import augmentations, backbones, domains, extractors, strategies
from .registry import Entry, import_file

REGISTRIES = (strategies, domains, backbones, augmentations, extractors)


def load_plugins(paths: Iterable[Path]) -> list[Entry]:
    """Announce the components of each file and import it; they run with the user's rights.

    Raises ``UserError`` for a file that is not there, is no Python, cannot be imported, or registers nothing, and for
    a strategy that is none or whose hyper-parameters no matrix could set.
    """
    found: list[Entry] = []
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path}: no such plug-in file")
        entries = _announced(path)
        if not entries:
            raise UserError(f'{path}: registers nothing; decorate a class with @register("its-name")')
        _import(path, entries)
        found += entries
    return found


def foreign_files() -> set[Path]:
    """The files of all components that are not this package's."""
    found = (entry for registry in REGISTRIES for entry in registry.entries().values())
    return {Path(entry.file) for entry in found if not entry.module.startswith("graftbench.")}


def _announced(path: Path) -> list[Entry]:
    return [entry for registry in REGISTRIES for entry in registry.add_file(path.resolve())]


def _import(path: Path, entries: list[Entry]) -> None:
    """Import the file now, so that what is wrong with it is said before anything runs."""
    from ..strategies.base import Strategy, undeclared

    try:
        import_file(path.resolve())
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        place = ", ".join(filter(None, (str(path), place_in(path.resolve(), error))))
        raise UserError(f"{place}: cannot be imported: {said_by(error)}") from error
    for entry in entries:
        if strategies.entries().get(entry.name) == entry:
            kind = strategies.get(entry.name)
            if not (isinstance(kind, type) and issubclass(kind, Strategy)):
                raise UserError(f"{path}: strategy {entry.name!r} is no subclass of graftbench.strategies.Strategy")
            if names := undeclared(kind):
                raise UserError(
                    f"{path}: strategy {entry.name!r} does not take its hyper-parameters ({', '.join(names)}): "
                    f"put @dataclass above each class that declares some"
                )
