"""Reading a matrix from its YAML file, every mistake in one line that says where it is."""

import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from .errors import UserError, nearest
from .matrix import Matrix, Section
from .yaml_core import Dumper, Loader, read_yaml

SHIPPED = Path(__file__).parent / "matrices"


def load_matrix(name: str) -> Matrix:
    """A shipped matrix by name, or one from a YAML file. Raises ``UserError`` that says what is wrong and where."""
    path = SHIPPED / f"{name}.yaml"
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
    elif not path.is_file():
        shipped = [p.stem for p in SHIPPED.glob("*.yaml")]
        raise UserError(f"unknown matrix {name!r}; {nearest(name, shipped)} (or give a path ending in .yaml)")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        text = path.read_text(encoding="utf-8")
        for name, line, first in _repeated_keys(yaml.compose(text, Loader=Loader)):
            raise UserError(f"{path}: line {line}: the key {name!r} is there twice (also on line {first})")
        content = read_yaml(text)
    except (yaml.YAMLError, ValueError) as error:  # the latter for bytes that are no text, !!int x
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    except RecursionError:
        raise UserError(f"{path}: nested too deeply for a matrix") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: must be a mapping with keys such as targets, strategies, budget")
    return parse_matrix({"name": path.stem, **content}, str(path))


def parse_matrix(content: dict[str, Any], where: str) -> Matrix:
    """Validate a mapping. Raises ``UserError`` with one line for the first mistake."""
    try:
        return Matrix.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "matrix"
        if first["type"] == "extra_forbidden":
            known = _known_keys(first["loc"])
            raise UserError(f"{where}: unknown key {place!r}; {nearest(str(first['loc'][-1]), known)}") from error
        if first["type"] == "missing":
            raise UserError(f"{where}: the key {place!r} is missing") from error
        message = first["msg"].removeprefix("Value error, ").partition(" or instance of ")[0]
        if first["loc"][-1] == "[key]":
            message = "a key must be a word"
        message = message.replace("a valid dictionary", "a mapping").replace("a valid list", "a list")
        raise UserError(f"{where}: {place}: {message} (got {first['input']!r:.80})") from error
    except UserError as error:
        raise type(error)(f"{where}: {error}") from error


def dump_matrix(matrix: Matrix) -> str:
    """YAML that reads as this matrix: what was said, without defaults, which some keys may not stand beside."""
    return yaml.dump(matrix.model_dump(mode="json", exclude_unset=True), Dumper=Dumper, sort_keys=False)


def _repeated_keys(root: yaml.Node | None) -> Iterator[tuple[str, int, int]]:
    """Name, line and earlier line of each key that a mapping has twice; YAML itself lets the last one win."""
    pending, seen = [root], set()
    while pending:
        node = pending.pop(0)
        if id(node) in seen or not isinstance(node, yaml.CollectionNode):
            continue
        seen.add(id(node))  # an alias leads to the same node again
        if isinstance(node, yaml.SequenceNode):
            pending += node.value
            continue
        lines: dict[str, int] = {}
        for key, value in node.value:
            pending.append(value)
            if isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                if key.value in lines:
                    yield key.value, line, lines[key.value]
                lines.setdefault(key.value, line)


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    """The keys that the section holding the misspelt one has."""
    section: Any = Matrix
    for part in location[:-1]:
        if isinstance(part, str) and part in section.model_fields:
            hint = section.model_fields[part].annotation
            section = next(
                (t for t in [hint, *typing.get_args(hint)] if isinstance(t, type) and issubclass(t, Section)), section
            )
    return list(section.model_fields)
