"""YAML whose plain words are those of its version 1.2 ("core schema").

PyYAML keeps to 1.1, in which ``on`` is true, ``1e-3`` a word, ``1:30`` ninety and ``010`` eight.
"""

import re
import typing
from typing import Any

import yaml

BOOL, INT, FLOAT, DATE = (f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "timestamp"))
PLAIN = {
    BOOL: (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    INT: (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    FLOAT: (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
}
"""How the plain words of a kind look, and how they begin."""


class Loader(yaml.SafeLoader):
    """Reads truth values and numbers as ``PLAIN`` says, and a date as a word."""

    yaml_implicit_resolvers: typing.ClassVar = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in (*PLAIN, DATE)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


class Dumper(yaml.SafeDumper):
    """Quotes every word that either version would read as something else."""


for tag, (words, beginnings) in PLAIN.items():
    for reader_or_writer in (Loader, Dumper):
        reader_or_writer.add_implicit_resolver(tag, re.compile(rf"^(?:{words})$"), list(beginnings))


def _integer(loader: Loader, node: yaml.ScalarNode) -> int:
    word = loader.construct_scalar(node)
    return int(word, {"0o": 8, "0x": 16}.get(word[:2], 10))


Loader.add_constructor(INT, _integer)


def read_yaml(text: str) -> Any:
    """The content of a text. Raises ``yaml.YAMLError``, and ``ValueError`` for a tag whose value is none (!!int a)."""
    return yaml.load(text, Loader=Loader)
