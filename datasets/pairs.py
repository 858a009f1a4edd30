"""Source -> target pairs by name, as in ``ffhq->babies@10``."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from ..bench.errors import UserError

PAIRS = Path(__file__).with_name("pairs.yaml")


@dataclass(frozen=True)
class Pair:
    """A transfer from a source domain to some images of a target domain."""

    source: str
    target: str
    shots: int
    checkpoint: str = ""
    """A public model of the source, by its name in ``graftbench sources``; empty where none is known."""
    used_by: str = ""
    """The papers that report numbers for it."""

    def __str__(self) -> str:
        return f"{self.source}->{self.target}@{self.shots}"


def is_pair(text: str) -> bool:
    """Whether a target is written as a pair."""
    return "->" in text


def parse_pair(text: str) -> Pair:
    """The pair written as ``SOURCE->TARGET@SHOTS``, a usual one or any other.

    Raises ``UserError`` if it is written otherwise.
    """
    if text in usual_pairs():
        return usual_pairs()[text]
    found = re.fullmatch(r"(.+?)->(.+)@([1-9][0-9]*)", text)
    if found is None:
        raise UserError(f"{text!r}: a pair is written SOURCE->TARGET@SHOTS, as in ffhq->babies@10")
    return Pair(found[1], found[2], int(found[3]))


@cache
def usual_pairs() -> dict[str, Pair]:
    """Those of the literature, by name."""
    named = {}
    for name, facts in yaml.safe_load(PAIRS.read_text(encoding="utf-8")).items():
        source, _, rest = name.partition("->")
        target, _, shots = rest.rpartition("@")
        named[name] = Pair(source, target, int(shots), **facts)
    return named
