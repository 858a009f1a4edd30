"""How a strategy looks: one fixed colour, marker and line style per name, in every figure and on the page.

Colours are Okabe and Ito's (2008) without their yellow, with Tol's indigo: told apart with the common forms of colour
blindness. A family of strategies shares a colour; marker and line style alone identify a strategy, so that figures
stay readable in grey. A plug-in's look follows from its name only: it never changes when others come or go.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import matplotlib

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
}
"""matplotlib's marker: Plotly's symbol."""

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
    """The appearance of one strategy. ``marker`` is matplotlib's, ``line`` a key of ``LINES``."""

    colour: str
    marker: str
    line: str
    hollow: bool = False
    """An open marker: a variant (other augmentation or hyper-parameters) of the strategy with the filled one."""

    @property
    def on_dark(self) -> str:
        return ON_DARK.get(self.colour, self.colour)

    @property
    def symbol(self) -> str:
        return MARKERS[self.marker] + ("-open" if self.hollow else "")

    @property
    def dashes(self) -> Any:
        return LINES[self.line]

    def line_style(self) -> dict[str, Any]:
        """Keyword arguments for matplotlib's ``plot``."""
        return {"linestyle": self.dashes, **self.marker_style()}

    def marker_style(self) -> dict[str, Any]:
        """Keyword arguments for a marker alone."""
        face = "white" if self.hollow else self.colour
        return {"color": self.colour, "marker": self.marker, "markerfacecolor": face, "markeredgecolor": self.colour}


FIXED = {
    "source-only": Look(GREY, "X", "dot"),
    "scratch": Look(BLACK, "o", "solid"),
    "finetune": Look(BLUE, "s", "solid"),
    "finetune-g": Look(BLUE, "^", "dash"),
    "finetune-d": Look(BLUE, "v", "dot"),
    "frozen-d": Look(VERMILLION, "D", "solid"),
    "feature-d": Look(VERMILLION, "P", "dash"),
    "l2-sp": Look(GREEN, "^", "solid"),
    "ewc": Look(GREEN, "p", "dash"),
    "feature-distillation": Look(GREEN, "X", "dashdot"),
    "multitask": Look(ORANGE, "P", "solid"),
    "minegan": Look(ORANGE, "<", "dash"),
    "scale-shift": Look(PURPLE, "v", "solid"),
    "svd": Look(PURPLE, "d", "dash"),
    "lora": Look(PURPLE, "h", "dot"),
    "kernel-modulation": Look(PURPLE, ">", "dashdot"),
    "cdc": Look(SKY, "*", "solid"),
    "vae": Look(INDIGO, "h", "longdash"),
    "vae-finetune": Look(INDIGO, "*", "dashdot"),
}
"""The built-in strategies. Add a line for a new one; never change a line, since readers learn them."""


def _free_looks() -> list[Look]:
    taken = {(look.marker, look.line) for look in FIXED.values()}
    shapes = [(marker, line) for marker in MARKERS for line in LINES if (marker, line) not in taken]
    return [Look(colour, marker, line) for colour in PALETTE for marker, line in shapes]


FREE = _free_looks()
"""What is left for plug-ins: no built-in's marker and line style among them."""


def look(strategy: str, label: str | None = None) -> Look:
    """The look of ``strategy``; where ``label`` names a variant of it, its open marker and another line style."""
    base = FIXED.get(strategy) or FREE[_number(strategy) % len(FREE)]
    if label is None or label == strategy:
        return base
    others = [line for line in LINES if line != base.line]
    return replace(base, line=others[_number(label) % len(others)], hollow=True)


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
    "figure.dpi": 100,
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
        matplotlib.rcParams.update(SETTINGS | {"font.family": families()})
        yield
