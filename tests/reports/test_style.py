"""The looks of strategies."""

import itertools
import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from graftbench.bench.registries import strategies
from graftbench.reports.fonts import families
from graftbench.reports.style import FIXED, FREE, LINES, MARKERS, PALETTE, Look, look, theme
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def luminance(colour):
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_marker_alone_tells_the_built_in_strategies_apart_in_grey():
    markers = [(each.marker, each.filling) for each in FIXED.values()]
    assert len(set(markers)) == len(markers)


def test_every_registered_strategy_has_its_own_fixed_look():
    assert set(strategies.names()) <= set(FIXED)


def test_a_plug_in_never_looks_like_a_built_in_strategy_or_a_variant_of_one():
    markers, coloured = ({f(each) for each in FIXED.values()} for f in (grey_marker, coloured_marker))
    assert not markers & {grey_marker(each) for each in FREE}
    assert not coloured & {coloured_marker(each) for each in FREE}
    assert len({(each.colour, *grey_marker(each)) for each in FREE}) > 300


def grey_marker(each):
    return each.marker, each.filling


def coloured_marker(each):
    return each.marker, each.colour


def test_a_plug_in_looks_the_same_in_every_process():
    code = "from graftbench.reports.style import look; print(look('my-own', 'my-own+ada'))"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert seen == str(look("my-own", "my-own+ada"))


def test_a_variant_keeps_its_strategys_colour_and_marker_but_not_its_line():
    plain, variant = look("finetune"), look("finetune", "finetune+ada")
    assert (plain.colour, plain.marker) == (variant.colour, variant.marker)
    assert plain.line != variant.line and plain.filling == "full" != variant.filling
    assert plain.symbol == "square" and variant.symbol.startswith("square-open")
    assert look("finetune", "finetune") == plain


def drawn(each):
    """The pixels of a marker alone, in black."""
    figure = Figure(figsize=(0.4, 0.4), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.plot([0], [0], markersize=12, **replace(each, colour="#000000").marker_style())
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., 0] / 255


def test_markers_and_fillings_look_different_when_drawn():
    shapes = list(dict.fromkeys(grey_marker(each) for each in (*FIXED.values(), *FREE)))
    pictures = [drawn(Look("#000000", marker, "solid", filling)) for marker, filling in shapes]
    for first, second in itertools.combinations(range(len(shapes)), 2):
        assert np.abs(pictures[first] - pictures[second]).sum() > 10, (shapes[first], shapes[second])


@pytest.mark.parametrize("each", [*FIXED.values()], ids=[*FIXED])
def test_a_look_can_be_seen_on_light_and_dark(each):
    assert contrast(each.colour, "#ffffff") > 2.0
    assert contrast(each.on_dark, "#14171b") > 3.0
    assert each.marker in MARKERS and each.line in LINES


def simulate(colour, matrix):
    channels = [(int(colour[place : place + 2], 16) / 255) ** 2.2 for place in (1, 3, 5)]
    return [sum(weight * channel for weight, channel in zip(row, channels, strict=True)) for row in matrix]


DEUTERANOPIA = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881))
PROTANOPIA = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))


@pytest.mark.parametrize("matrix", [DEUTERANOPIA, PROTANOPIA], ids=["deuteranopia", "protanopia"])
def test_no_two_colours_fall_together_for_the_colour_blind(matrix):
    """Machado, Oliveira and Fernandes (2009), full severity, in linear light."""
    for first, second in itertools.combinations(PALETTE, 2):
        apart = max(abs(a - b) for a, b in zip(simulate(first, matrix), simulate(second, matrix), strict=True))
        assert apart > 0.07, (first, second)


def test_figures_use_the_cut_typeface_and_the_whole_one_for_other_signs():
    cut, whole = (TTFont(font_manager.findfont(name, fallback_to_default=False)) for name in families())
    assert set(cut.getBestCmap()) < set(whole.getBestCmap())
    assert {ord(each) for each in "AZaz09é↓↑→±≈–…μ"} <= set(cut.getBestCmap())
    assert cut["name"].getDebugName(6) == "DejaVuSansLatin"
    assert "kern" in cut


def test_a_pdf_shows_signs_that_the_cut_lacks(tmp_path):
    with theme():
        figure = Figure()
        figure.text(0.1, 0.5, "Ж ▲")
        figure.savefig(tmp_path / "x.pdf")
    named = set(re.findall(rb"/FontName /[A-Z]+\+(\w+)", (tmp_path / "x.pdf").read_bytes()))
    assert b"DejaVuSans" in named


def test_the_cut_typeface_leaves_no_folder_behind_also_where_warnings_are_errors(tmp_path):
    code = "from graftbench.reports import fonts; fonts.families()"
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", code]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []
