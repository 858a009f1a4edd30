"""The markers of many strategies in a panel, each in its look, as one artist, which draws faster than one for each."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path
from matplotlib.transforms import IdentityTransform

from ..style import Look


def draw_markers(axes: Axes, x: Sequence[float], y: Sequence[float], looks: Sequence[Look], zorder: float = 2) -> None:
    """A marker at each ``x``, ``y``, as ``plot`` draws it. The panel's limits stay as they are."""
    parts = [
        (path, (place, height), face, look.colour)
        for place, height, look in zip(x, y, looks, strict=True)
        for path, face in _filled(look)
    ]
    if not parts:
        return
    paths, places, faces, edges = zip(*parts, strict=True)
    drawn = PathCollection(
        paths,
        sizes=[rcParams["lines.markersize"] ** 2],
        offsets=np.array(places, float),
        offset_transform=axes.transData,
        transform=IdentityTransform(),
        facecolors=faces,
        edgecolors=edges,
        linewidths=rcParams["lines.markeredgewidth"],
        zorder=zorder,
    )
    axes.add_collection(drawn, autolim=False)


@cache
def _filled(look: Look) -> list[tuple[Path, str]]:
    """The outlines of a marker one point high, with what fills them: two of a half filled one."""
    style = look.marker_style()
    marker = MarkerStyle(style["marker"], style["fillstyle"])
    found = [(marker.get_path().transformed(marker.get_transform()), style["markerfacecolor"])]
    if (other := marker.get_alt_path()) is not None:
        found.append((other.transformed(marker.get_alt_transform()), style["markerfacecoloralt"]))
    return found
