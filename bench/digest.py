"""Which source files can change a cell's numbers, and their hash.

Editing any of them makes the cell new; editing the documentation, the reports or the command line does not. The files
are found by following imports, read with ``ast``, from the roots that a cell uses: the experiment, its strategy,
domains, backbone, augmentation and extractor. (benchopt hashes only the component's own file and serves stale numbers.)
"""

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .registries import augmentations, backbones, domains, extractors, strategies
from .registry import Entry

if TYPE_CHECKING:
    from .cell import Cell

ROOT = "graftbench"
ENGINE = "graftbench.bench.experiment"
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where a statement holds others."""


def source_digest(cell: "Cell") -> str:
    """Hash of the files that the cell's numbers depend on, sixteen hexadecimal digits."""
    entries = [
        strategies.entry(cell.strategy),
        backbones.entry(cell.backbone),
        augmentations.entry(cell.augment),
        extractors.entry(cell.extractor),
        domains.entry(cell.target.partition(":")[0]),
        domains.entry(cell.source.partition(":")[0]),
    ]
    return digest_of(entries)


def digest_of(entries: Iterable[Entry]) -> str:
    """Hash of the engine's files, those of ``entries`` and all that they import from this package.

    Of a plug-in, and of another distribution's component, the file that defines it counts, what that imports from this
    package and from its own, and the user's own modules that it finds on the path; other installed packages do not.
    """
    files = set(_closure(ENGINE))
    for entry in entries:
        is_ours = entry.module.startswith(f"{ROOT}.")
        files |= _closure(entry.module) if is_ours else _closure_of_file(entry.file, entry.module)
        if not entry.file.endswith(".py"):  # a domain that is described by data
            files.add(str(Path(entry.file).resolve()))
    hashes = sorted(_hash(file) for file in files)
    return hashlib.sha256("".join(hashes).encode()).hexdigest()[:16]


@functools.cache
def _hash(file: str) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


@functools.cache
def _closure(module: str) -> frozenset[str]:
    """Files of a module and of everything that it imports, directly or not, and that counts."""
    return _follow([module], set())


@functools.cache
def _closure_of_file(file: str, module: str = "") -> frozenset[str]:
    """The same for a file that is no module of the package: a plug-in, or another distribution's ``module``."""
    home = package = ""
    if not module.startswith("plugin:"):
        home = module.partition(".")[0]
        package = module if Path(file).name == "__init__.py" else module.rpartition(".")[0]
    return _follow([package, *_imports(Path(file), package)], {str(Path(file).resolve())}, home)


def _follow(pending: list[str], files: set[str], home: str = "") -> frozenset[str]:
    """Files of the modules ``pending`` and of what they import; those of the installed package ``home`` count."""
    while pending:
        name = pending.pop()
        path = _file_of(name, home)
        if path is None or str(path) in files:
            continue
        files.add(str(path))
        folder = name if path.name == "__init__.py" else name.rpartition(".")[0]
        pending += _imports(path, folder)
        if not name.startswith(f"{ROOT}."):  # whose packages' own files hold nothing but names
            pending.append(folder)
    return frozenset(files)


@functools.cache
def _file_of(module: str, home: str) -> Path | None:
    """The file of ``module``; None for a name that is an attribute of a module, or belongs to an installed package that
    is not ``home``."""
    root, *inner = module.split(".")
    if root != ROOT:
        places = _own_module(root, home)
    elif inner:
        places = _folders_of(f"{ROOT}.{inner.pop(0)}")
    else:
        return None
    for place in places:
        path = place.joinpath(*inner)
        for candidate in (path / "__init__.py", path.with_suffix(".py"), *([] if inner else [place])):
            if candidate.is_file():
                return candidate.resolve()
    return None


@functools.cache
def _folders_of(package: str) -> tuple[Path, ...]:
    """Where a package lies, found without importing it; one without ``__init__.py`` may lie in several folders."""
    spec = importlib.util.find_spec(package)
    return tuple(map(Path, (spec and spec.submodule_search_locations) or ()))


@functools.cache
def _own_module(name: str, home: str) -> tuple[Path, ...]:
    """The file or folders of a module that was put on the path and belongs to no installed package but ``home``."""
    if not name or name in sys.stdlib_module_names or name.startswith("__"):
        return ()
    if name != home and _is_installed(name):
        return ()
    if folders := _folders_of(name):
        return folders
    spec = importlib.util.find_spec(name)
    return (Path(spec.origin),) if spec and spec.origin and Path(spec.origin).is_file() else ()


@functools.cache
def _is_installed(module: str) -> bool:
    try:
        importlib.metadata.distribution(module)
    except importlib.metadata.PackageNotFoundError:  # or under another name, which takes longer to find
        return module in _installed_modules()
    return True


@functools.cache
def _installed_modules() -> frozenset[str]:
    return frozenset(importlib.metadata.packages_distributions())


@functools.cache
def _imports(path: Path, package: str) -> tuple[str, ...]:
    """Absolute names that a file may import: of ``from a import b`` both ``a`` and ``a.b``. None of what does not read
    as Python, which a plug-in may try to import and do without."""
    names: list[str] = []
    try:
        pending: list[ast.AST] = [ast.parse(path.read_bytes())]
    except (SyntaxError, ValueError):
        return ()
    while pending:
        node = pending.pop()
        for block in BLOCKS:  # statements alone: expressions are most of a tree and import nothing
            pending += getattr(node, block, ())
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                parents = parents[: len(parents) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(names)
