"""Markers that are drawn as one artist look as those that ``plot`` draws."""

import numpy as np
import pytest
from graftbench.reports.plots.markers import draw_markers
from graftbench.reports.style import FIXED, FREE, look, theme
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

OPEN = look("vae", "vae(width=8)")
LOOKS = [*FIXED.values(), OPEN, *(free for free in FREE[::97] if free.filling != "full")]
assert OPEN.filling == "none"


def pixels(draw) -> np.ndarray:
    """Of a 1 x 1 inch panel with two logarithmic axes."""
    with theme():
        figure = Figure(figsize=(1, 1), dpi=600)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xscale="log", yscale="log", xlim=(1, 100), ylim=(1, 100))
        axes.set_axis_off()
        draw(axes)
        assert axes.get_xlim() == axes.get_ylim() == (1, 100)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(float)


def differing(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The ink that is elsewhere, as a share of all."""
    return abs(ours - theirs).sum() / (255 - theirs).sum()


@pytest.mark.parametrize("drawn", LOOKS, ids=lambda each: f"{each.marker}-{each.colour}-{each.filling}")
def test_they_look_as_plotted_ones(drawn):
    ours = pixels(lambda axes: draw_markers(axes, [10, np.nan, 1e9], [10, 10, 10], [drawn] * 3))
    theirs = pixels(lambda axes: axes.plot(10, 10, linestyle="none", **drawn.marker_style()))
    assert (theirs < 255).any()
    assert differing(ours, theirs) < 0.2, "`plot` puts some on whole pixels, and cuts the points of stars"


def test_each_has_its_own_place_and_none_is_no_mistake():
    both = pixels(lambda axes: draw_markers(axes, [3, 30], [3, 30], [FIXED["scratch"], FIXED["finetune"]]))
    alone = [
        pixels(lambda axes, n=n, name=name: draw_markers(axes, [n], [n], [FIXED[name]]))
        for n, name in ((3, "scratch"), (30, "finetune"))
    ]
    assert differing(both, np.minimum(*alone)) < 0.1
    assert (pixels(lambda axes: draw_markers(axes, [], [], [])) == 255).all()
