"""Which cells are shown beside the others but never ranked."""

from .cell import Cell
from .registries import strategies

REFERENCE_LINES = frozenset({"source-only"})
"""Strategies that are no choice: the unadapted source."""


def is_reference(cell: Cell) -> bool:
    """Whether a cell is shown beside the others but not ranked."""
    return cell.strategy in REFERENCE_LINES or teacher(cell) != ""


def teacher(cell: Cell) -> str:
    """The network that both trained the cell and measures it; empty if there is none.

    An extractor of the network that a strategy learns from measures what it was trained to please: its score is
    shown there, but not ranked.
    """
    entry = strategies.entries().get(cell.strategy)
    network = cell.network or (entry.network if entry else "")  # cells of before do not say it
    return network if network and cell.extractor.startswith(network) else ""
