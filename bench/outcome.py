"""What a cell came to, without its timings: equal for a cell that was run twice on the same machine."""

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .errors import UserError
from .store import TIMINGS, read_status


@dataclass(frozen=True)
class Outcome:
    """How a cell ended, its final numbers and its curve, timings left out."""

    status: str
    reason: str
    final: dict[str, Any]
    curve: list[dict[str, Any]]
    hardware: str = ""

    @cached_property
    def digest(self) -> str:
        """Twelve hexadecimal digits: equal numbers (to the last bit, NaN included) and equal status give equal ones."""
        content = [self.status, self.reason, self.final, self.curve]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def read_outcome(folder: Path) -> Outcome:
    """The outcome stored in a cell's folder; its status is ``missing`` if the cell has not ended."""
    state = read_status(folder)
    final = read_json(folder / "final.json") if state["status"] == "ok" else {}
    curve = read_lines(folder / "curve.jsonl") if (folder / "curve.jsonl").is_file() else []
    return Outcome(
        state["status"],
        state["reason"],
        without_timings(final),
        [without_timings(point) for point in curve],
        str(state.get("hardware", "unknown hardware")),
    )


def without_timings(numbers: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in numbers.items() if name not in TIMINGS}


def differences(one: dict[str, Any], two: dict[str, Any]) -> dict[str, float]:
    """By how much each number of ``two`` is off, relative to ``one``; infinite where one of them lacks it."""
    return {name: _relative(one.get(name), two.get(name)) for name in sorted({*one, *two}) if not equal(one, two, name)}


def equal(one: dict[str, Any], two: dict[str, Any], name: str) -> bool:
    return name in one and name in two and json.dumps(one[name]) == json.dumps(two[name])


def _relative(one: Any, two: Any) -> float:
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in (one, two)):
        return math.inf
    return abs(two - one) / (max(abs(one), abs(two)) or 1.0)  # 0.0 and -0.0 are written differently


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a store. Raises ``UserError`` that names a file that is missing or damaged."""
    return _decoded(path, _text(path))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file with one JSON object per line; the same errors."""
    return [_decoded(path, line) for line in _text(path).splitlines()]


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        raise UserError(f"{path}: is missing; `graftbench verify` shows all that is damaged") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is damaged ({error.reason}); `graftbench verify` shows all that is") from error


def _decoded(path: Path, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise UserError(f"{path}: is damaged ({error}); `graftbench verify` shows all that is") from error
    if not isinstance(found, dict):
        raise UserError(f"{path}: is damaged (no JSON object); `graftbench verify` shows all that is")
    return found
