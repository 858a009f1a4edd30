"""A table as data: text, numbers and measured cells, written as Markdown, CSV, LaTeX or HTML by `reports.formats`."""

from dataclasses import dataclass, field
from functools import cached_property
from math import floor, isfinite, log10
from typing import Literal

from .intervals import Interval

Mark = Literal["", "best", "tied", "worse", "untestable"]
MARKS = {"tied": "≈ not told apart from it", "untestable": "? too few seeds to tell"}
"""The signs beside a cell in words; the best is bold and has none."""


@dataclass(frozen=True)
class Measured:
    """One cell of a strategy x target table: a mean with its interval over seeds.

    ``interval`` is ``None`` where no seed gave a score; ``reason`` then says why. ``expected`` is the number of seeds
    that were asked for.
    """

    interval: Interval | None
    expected: int
    mark: Mark = ""
    reason: str = ""
    exceeded: bool = False
    """Whether the estimate is a bound from below: of times, that no run hit by then."""

    @property
    def n(self) -> int:
        return self.interval.n if self.interval else 0

    @property
    def text(self) -> str:
        """``0.0321 ± 0.0012 (n=3)``; ``n=2/3`` where a seed is missing."""
        if self.interval is None:
            return self.short
        count = f"n={self.n}" if self.n == self.expected else f"n={self.n}/{self.expected}"
        return f"{self.short} ({count})"

    @cached_property
    def short(self) -> str:
        """Without n."""
        if self.interval is None:
            return f"– ({self.reason or 'missing'})"
        return f"{'over ' if self.exceeded else ''}{estimate_text(self.interval)}"


Value = str | int | float | Measured | None


@dataclass(frozen=True)
class Table:
    """``head`` names the columns, ``body`` holds the rows, ``references`` rows shown below a line and never ranked.

    ``notes`` state direction, completeness, what is compared and what the marks mean; every format prints them.
    """

    name: str
    """For file names and links: small letters, digits and dashes."""
    title: str
    head: tuple[str, ...]
    body: tuple[tuple[Value, ...], ...]
    references: tuple[tuple[Value, ...], ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def rows(self) -> tuple[tuple[Value, ...], ...]:
        return self.body + self.references

    @property
    def common_n(self) -> int | None:
        """How many seeds stand behind each measured cell, if it is the same number and all that were asked for."""
        found = {(value.n, value.expected) for row in self.rows for value in row if isinstance(value, Measured)}
        n, asked = found.pop() if len(found) == 1 else (None, 0)
        return n if n == asked else None


def estimate_text(interval: Interval) -> str:
    """The estimate, with half of the interval's width to two significant digits where there is one."""
    half = interval.half_width
    if half is None:
        return number(interval.estimate)
    if half <= 1e-9 * abs(interval.estimate):
        return f"{number(interval.estimate)} ± 0"
    places = decimals(half, 2)
    return f"{fixed(interval.estimate, places)} ± {fixed(half, places)}"


def range_text(interval: Interval, places: int = 2) -> str:
    """``0.83 [0.52, 0.98]``, for intervals that are not symmetric."""
    if interval.low is None or interval.high is None:
        return fixed(interval.estimate, places)
    return f"{fixed(interval.estimate, places)} [{fixed(interval.low, places)}, {fixed(interval.high, places)}]"


def fixed(value: float, places: int) -> str:
    """With so many places; what would fill a line with digits is rounded to three of them."""
    return f"{value:.{places}f}" if abs(value) < 1e9 else f"{value:.3g}"


def number(value: float) -> str:
    """Four significant digits, integers as they are."""
    if not isfinite(value):
        return "–"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value)}"
    return fixed(value, decimals(value, 4))


def decimals(value: float, digits: int) -> int:
    """Places after the point that show ``digits`` significant digits of ``value``; at most 8."""
    if value == 0 or not isfinite(value):
        return 2
    return min(8, max(0, digits - 1 - floor(log10(abs(value)))))


def text(value: Value) -> str:
    """A cell in plain words, without its mark."""
    if value is None:
        return "–"
    if isinstance(value, Measured):
        return value.text
    return value if isinstance(value, str) else number(value)


def marked(value: Value) -> Mark:
    return value.mark if isinstance(value, Measured) else ""
