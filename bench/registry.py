"""One typed, lazy registry for strategies, domains, backbones, augmentations and feature extractors.

A component announces itself with a decorator whose arguments are literals::

    @register("frozen-d", cite="Mo et al., Freeze the Discriminator, 2020, arXiv:2002.10964")
    class FrozenD(FineTune):
        \"\"\"Fine-tuning with the first discriminator blocks frozen.\"\"\"

The folder is read with ``ast``, so that listing names, summaries and citations imports nothing (and no torch);
a component's module is imported when it is asked for by name.
"""

import ast
import importlib
import importlib.metadata
import importlib.util
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from .errors import UnknownName, UserError, nearest

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """What is known of a component before it is imported."""

    name: str
    summary: str
    cite: str
    module: str
    """Importable name of the defining module; ``plugin:PATH`` for a file given with ``--plugin``."""
    file: str
    line: int
    network: str = ""
    """Pretrained network that the component is made of; an extractor of that network must not judge it."""

    @property
    def origin(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Registry(Generic[T]):
    """Components of one kind, found in a package folder, in entry points and in plug-in files.

    ``kind`` is the word used in messages ("strategy"), ``package`` the package whose files are scanned,
    ``group`` the entry-point group open to other distributions, and ``catalogue`` an optional function
    that yields further entries (the domains that are described by data instead of by code).
    """

    def __init__(
        self,
        kind: str,
        package: str,
        group: str,
        catalogue: Callable[[], Iterable[tuple[Entry, T]]] | None = None,
    ):
        self.kind = kind
        self.package = package
        self.group = group
        self._catalogue = catalogue
        self._entries: dict[str, Entry] | None = None
        self._objects: dict[str, T] = {}
        self._owners: dict[str, str] = {}
        self._lock = threading.RLock()

    def register(self, name: str, *, cite: str = "", network: str = "") -> Callable[[Any], Any]:
        """Decorator that puts a class or function under ``name``.

        ``cite`` is the paper it comes from, ``network`` the pretrained network that it learns from, as the names of
        that network's extractors begin ("dinov2", "efficientnet-lite0").
        """

        def add(component: Any) -> Any:
            file = sys.modules[component.__module__].__file__ or component.__module__
            with self._lock:
                owner = self._owners.setdefault(name, str(file))
                if owner != str(file):
                    raise UserError(f"{self.kind} {name!r} is registered twice: in {owner} and in {file}; rename one")
                self._objects[name] = component
            return component

        return add

    def entries(self) -> dict[str, Entry]:
        """All components by name, without importing any of them."""
        with self._lock:
            if self._entries is None:
                found: dict[str, Entry] = {}
                for entry in self._discover():
                    self._announce(entry, found)
                self._entries = found  # not before all are found: an error must not leave a part of them
            return dict(sorted(self._entries.items()))

    def names(self) -> list[str]:
        return list(self.entries())

    def get(self, name: str) -> T:
        """The component called ``name``; its module is imported now if it was not yet.

        Raises ``UserError`` with the nearest names if there is none.
        """
        with self._lock:
            if name in self._objects:
                return self._objects[name]
            entry = self.entry(name)
            if name not in self._objects:
                if entry.module.startswith("plugin:"):
                    import_file(Path(entry.file))
                else:
                    importlib.import_module(entry.module)
            return self._objects[name]

    def entry(self, name: str) -> Entry:
        """What is known of ``name`` without importing it. Raises ``UnknownName`` with the nearest names."""
        entries = self.entries()
        if name not in entries:
            raise UnknownName(f"unknown {self.kind} {name!r}; {nearest(name, entries)}")
        return entries[name]

    def add_file(self, path: Path) -> list[Entry]:
        """Announce the components of a plug-in file; returns them (empty if the file registers none here)."""
        with self._lock:
            known = self.entries()
            found = list(_scan(path, f"plugin:{path}", self.package))
            for entry in found:
                self._announce(entry, known)
            self._entries = known
            return found

    def _announce(self, entry: Entry, entries: dict[str, Entry]) -> None:
        known = entries.get(entry.name)
        if known is not None and known.origin != entry.origin:
            raise UserError(
                f"{self.kind} {entry.name!r} is registered twice: in {known.origin} and in {entry.origin}; rename one"
            )
        entries[entry.name] = entry

    def _discover(self) -> Iterable[Entry]:
        spec = importlib.util.find_spec(self.package)
        assert spec is not None and spec.submodule_search_locations is not None
        for folder in spec.submodule_search_locations:
            for path in sorted(Path(folder).rglob("*.py")):
                if b"@register" in path.read_bytes():  # most register nothing, and looking is quicker than parsing
                    dotted = ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
                    yield from _scan(path, f"{self.package}.{dotted}")
        if self._catalogue is not None:
            for entry, component in self._catalogue():
                self._objects[entry.name] = component
                yield entry
        for point in importlib.metadata.entry_points(group=self.group):
            module = point.value.partition(":")[0]
            broken = f"entry point {point.name!r} of {self.group} names {module}, which cannot be imported"
            try:
                found = importlib.util.find_spec(module)
            except ImportError as error:  # the package around it is not there
                raise UserError(f"{broken} ({error}); install it again or remove its distribution") from error
            if found is None or found.origin is None:
                raise UserError(f"{broken}; install it again or remove its distribution")
            theirs = list(_scan(Path(found.origin), module, self.package))
            if not theirs:
                raise UserError(
                    f"entry point {point.name!r} of {self.group}: {found.origin} registers no {self.kind}; name the "
                    "module in which @register stands"
                )
            yield from theirs


def _scan(path: Path, module: str, package: str | None = None) -> Iterable[Entry]:
    """Entries of the ``@register("literal")`` decorators at the top level of a file.

    With ``package``, only decorators that the file imported from that package count, so that one plug-in file
    may hold a strategy and a domain. Raises ``UserError`` if the file is no Python or an argument is no literal string.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a readable Python file ({error})") from error
    imported = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            imported |= {alias.asname or alias.name: node.module or "" for alias in node.names}
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef):
            continue
        doc = (ast.get_docstring(node) or "").strip().partition("\n")[0]
        for decorator in node.decorator_list:
            if not (isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name)):
                continue
            word = decorator.func.id
            if not word.startswith("register") or not decorator.args:
                continue
            if package is not None and imported.get(word) != package:
                continue
            try:
                name = ast.literal_eval(decorator.args[0])
                said = {k.arg: ast.literal_eval(k.value) for k in decorator.keywords}
            except (ValueError, TypeError) as error:
                raise UserError(f"{path}: the name and citation of @register must be written out as strings") from error
            if not all(isinstance(value, str) for value in (name, *said.values())):
                raise UserError(f"{path}: the name and citation of @register must be strings")
            yield Entry(name, doc, said.get("cite", ""), module, str(path), node.lineno, said.get("network", ""))


def import_file(path: Path) -> Any:
    """Import a Python file by its path (the user's own code: a plug-in runs with the user's rights)."""
    path = path.resolve()
    name = f"graftbench_plugin_{path.stem}_{abs(hash(str(path))):x}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
