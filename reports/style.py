"""How a strategy looks: one fixed colour, marker and line style per name, in every figure and on the page.

Colours are Okabe and Ito's (2008) without their yellow, with Tol's indigo: told apart with the common forms of colour
blindness. A family of strategies shares a colour; a built-in strategy has a marker of its own, so that scatter plots
stay readable in grey, and lines a style besides. A plug-in's look follows from its name only: it never changes when
others come or go. Its markers are half filled, which no built-in's is. Variants (other augmentation or
hyper-parameters) keep colour and marker of their strategy, with another filling.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import matplotlib
import numpy as np
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path

from .fonts import families

BLACK, GREY, BLUE, VERMILLION = "#000000", "#7f7f7f", "#0072b2", "#d55e00"
GREEN, PURPLE, ORANGE, SKY, INDIGO = "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#332288"
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, INDIGO)
"""For plug-ins; grey is the reference's and black is scratch's."""

ON_DARK = {BLACK: "#f2f2f2", INDIGO: "#9d92ee", BLUE: "#3f9fe0", GREY: "#a6a6a6"}
"""Colours that need a lighter twin on a dark ground; the others serve on both."""

MARKERS = {
    "o": "circle",
    "s": "square",
    "^": "triangle-up",
    "D": "diamond",
    "v": "triangle-down",
    "P": "cross",
    "X": "x",
    "*": "star",
    "<": "triangle-left",
    ">": "triangle-right",
    "p": "pentagon",
    "h": "hexagon",
    "d": "diamond-tall",
    "three-up": "star-triangle-up",
    "three-down": "star-triangle-down",
    "four": "star-diamond",
    "six": "hexagram",
    "hourglass": "hourglass",
    "bowtie": "bowtie",
}
"""matplotlib's marker, or one of ``GLYPHS``: Plotly's symbol."""


def _star(points: int, inner: float, turn: float = 0.0) -> Path:
    """A star with so many ``points`` of radius 1, the first ``turn`` degrees from the top, and an ``inner`` radius."""
    angles = np.radians(90 + turn) + np.arange(2 * points + 1) * np.pi / points
    radii = np.where(np.arange(2 * points + 1) % 2, inner, 1.0)
    return Path(np.column_stack([radii * np.cos(angles), radii * np.sin(angles)]), closed=True)


GLYPHS = {
    "three-up": _star(3, 0.32),
    "three-down": _star(3, 0.32, turn=180),
    "four": _star(4, 0.36),
    "six": _star(6, 0.577),
    "hourglass": Path([(-0.8, 1), (0.8, 1), (-0.8, -1), (0.8, -1), (-0.8, 1)], closed=True),
    "bowtie": Path([(-1, 0.8), (-1, -0.8), (1, 0.8), (1, -0.8), (-1, 0.8)], closed=True),
}
"""Markers that matplotlib lacks. They are filled whole or not at all."""

HALVES = ("left", "right", "top", "bottom")
Filling = Literal["full", "none", "left", "right", "top", "bottom"]

LINES: dict[str, Any] = {
    "solid": "solid",
    "dash": (0, (5, 2)),
    "dot": (0, (1, 1.4)),
    "dashdot": (0, (5, 1.6, 1, 1.6)),
    "longdash": (0, (9, 3)),
}
"""Plotly's dash: matplotlib's line style."""


@dataclass(frozen=True)
class Look:
    """The appearance of one strategy. ``marker`` is a key of ``MARKERS``, ``line`` one of ``LINES``."""

    colour: str
    marker: str
    line: str
    filling: Filling = "full"
    """``full`` for built-in strategies, a half for plug-ins, any other than its strategy's for a variant."""

    @property
    def on_dark(self) -> str:
        return ON_DARK.get(self.colour, self.colour)

    @property
    def symbol(self) -> str:
        """Plotly's, which has no half filled ones: theirs are open with a dot."""
        ending = {"full": "", "none": "-open"}.get(self.filling, "-open-dot")
        return MARKERS[self.marker] + ending

    def outline(self, radius: float) -> str:
        """The marker's outline as the data of an SVG path around the origin."""
        marker = MarkerStyle(GLYPHS.get(self.marker, self.marker))
        path = marker.get_path().transformed(marker.get_transform())
        scale = np.array([1, -1]) * radius / np.abs(path.vertices).max()
        corners = [" ".join(f"{x:.1f},{y:.1f}" for x, y in part * scale) for part in path.to_polygons()]
        return " ".join(f"M{part}z" for part in corners)

    @property
    def dashes(self) -> Any:
        return LINES[self.line]

    def line_style(self) -> dict[str, Any]:
        """Keyword arguments for matplotlib's ``plot``."""
        return {"linestyle": self.dashes, **self.marker_style()}

    def marker_style(self) -> dict[str, Any]:
        """Keyword arguments for a marker alone."""
        return {
            "color": self.colour,
            "marker": GLYPHS.get(self.marker, self.marker),
            "markerfacecolor": "white" if self.filling == "none" else self.colour,
            "markerfacecoloralt": "white",
            "markeredgecolor": self.colour,
            "fillstyle": self.filling if self.filling in HALVES else "full",
        }


FIXED = {
    "source-only": Look(GREY, "X", "dot"),
    "scratch": Look(BLACK, "o", "solid"),
    "finetune": Look(BLUE, "s", "solid"),
    "finetune-g": Look(BLUE, "three-up", "dash"),
    "finetune-d": Look(BLUE, "three-down", "dot"),
    "frozen-d": Look(VERMILLION, "D", "solid"),
    "feature-d": Look(VERMILLION, "P", "dash"),
    "l2-sp": Look(GREEN, "^", "solid"),
    "ewc": Look(GREEN, "p", "dash"),
    "feature-distillation": Look(GREEN, "six", "dashdot"),
    "multitask": Look(ORANGE, "four", "solid"),
    "minegan": Look(ORANGE, "<", "dash"),
    "scale-shift": Look(PURPLE, "v", "solid"),
    "svd": Look(PURPLE, "d", "dash"),
    "lora": Look(PURPLE, "h", "dot"),
    "kernel-modulation": Look(PURPLE, ">", "dashdot"),
    "cdc": Look(SKY, "*", "solid"),
    "vae": Look(INDIGO, "bowtie", "longdash"),
    "vae-finetune": Look(INDIGO, "hourglass", "dashdot"),
}
"""The built-in strategies. Add a line for a new one; never change a line, since readers learn them."""


def _free_looks() -> list[Look]:
    taken = {(look.colour, look.marker) for look in FIXED.values()}
    pairs = [(c, m) for c in PALETTE for m in MARKERS if m not in GLYPHS and (c, m) not in taken]
    return [Look(*pair, line, half) for pair in pairs for line in LINES for half in HALVES]


FREE = _free_looks()
"""What is left for plug-ins: no built-in's marker in its colour, whatever the filling, so that variants differ too."""


def look(strategy: str, label: str | None = None) -> Look:
    """The look of ``strategy``; where ``label`` names a variant of it, with another filling and line style."""
    base = FIXED.get(strategy) or FREE[_number(strategy) % len(FREE)]
    if label is None or label == strategy:
        return base
    lines = [line for line in LINES if line != base.line]
    fillings = ["none"] if base.marker in GLYPHS else [each for each in ("none", *HALVES) if each != base.filling]
    number, line = divmod(_number(label), len(lines))
    return replace(base, line=lines[line], filling=fillings[number % len(fillings)])


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


SETTINGS: dict[str, Any] = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.5,
    "figure.dpi": 160,
    "savefig.dpi": 160,
    "figure.facecolor": "white",
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.hashsalt": "graftbench",
    "svg.fonttype": "path",
    "path.simplify": True,
}


@contextmanager
def theme() -> Iterator[None]:
    """Draw and save with the same settings whatever the user's matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(cast(Any, SETTINGS | {"font.family": families()}))
        yield
