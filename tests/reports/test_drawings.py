"""Single figures: what stands on them and in their captions, and what is not drawn."""

import resource

import numpy as np
import pandas as pd
import pytest
from graftbench.bench.errors import UserError
from graftbench.reports.plots.bounds import mark_bounds
from graftbench.reports.plots.convergence import convergence
from graftbench.reports.plots.figure import Absent, Plot, arrange, panels, save
from graftbench.reports.plots.samples import samples
from graftbench.reports.plots.shots import shots_quality
from graftbench.reports.plots.speed import runtime_ecdf
from graftbench.reports.plots.strips import interpolations, nearest
from graftbench.reports.plots.tradeoffs import pareto
from graftbench.reports.settings import settings
from graftbench.reports.style import theme
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from synthetic import EXTRACTOR, synthetic

KID = f"kid@{EXTRACTOR}"


def test_curves_that_less_than_half_of_the_cells_have_are_not_drawn_as_an_empty_figure():
    rows, curves = synthetic(3, 2, 3)
    rows.loc[rows["seed"] > 0, "status"] = "missing"
    (setting,) = settings(rows, curves[curves["key"].isin(rows.loc[rows["seed"] == 0, "key"])])
    drawn = convergence(setting)
    assert isinstance(drawn, Absent) and "half of a strategy's cells" in drawn.reason


def test_targets_that_were_frozen_without_any_block_are_not_made_anew():
    (setting,) = settings(*synthetic(["scratch", "finetune"], 1, 2))
    assert isinstance(runtime_ecdf(setting), Plot)
    assert isinstance(runtime_ecdf(setting, targets={}), Absent)


def test_captions_of_images_claim_only_what_is_shown(results):
    rows, pictures = results["rows"], results["pictures"].samples
    (setting,) = settings(rows, results["curves"])
    same = samples(setting, "babies", pictures, results["pictures"].real).caption
    assert "one latent vector for all" in same and "Top row: real" in same
    first = {key: path for key, path in pictures.items() if key.endswith("0") == key.startswith("scratch")}
    apart = samples(setting, "babies", first, {}).caption
    assert "seeds differ in their latents" in apart and "one latent vector" not in apart and "Top row" not in apart
    assert "for strategies of one seed" in interpolations(setting, "babies", first).caption


def test_floor_and_ceiling_stand_on_every_plot_of_a_metric_even_far_outside_its_range():
    rows, curves = synthetic(["scratch", "finetune"], 1, 2)
    rows = pd.concat([rows, rows.assign(shots=100, key=rows["key"] + "x")])
    (setting, _), (family,) = settings(rows, curves), settings(rows, curves, across_shots=True)
    for plot in (pareto(setting), shots_quality(family)):
        words = [text.get_text() for text in plot.figure.axes[0].texts]
        assert any(each.startswith("floor 0.001") for each in words)
        assert any(each.startswith("ceiling 0.") for each in words)


@pytest.mark.parametrize(("floor", "source"), [(True, True), (True, False), (False, True), (False, False)])
def test_captions_and_legends_name_the_floor_and_the_ceiling_only_where_they_are_known(floor, source):
    rows, curves = synthetic(["scratch", "finetune"], 1, 2, reference=source)
    rows = pd.concat([rows, rows.assign(shots=100, key=rows["key"] + "x")])
    rows = rows if floor else rows[[name for name in rows if not name.startswith("floor_")]]
    (setting, _), (family,) = settings(rows, curves), settings(rows, curves, across_shots=True)
    for plot in (convergence(setting), pareto(setting), shots_quality(family)):
        names = [text.get_text() for text in plot.figure.legends[0].get_texts()]
        assert ("the floor" in plot.caption) == ("real vs. real (floor)" in names) == floor
        assert ("the unadapted source" in plot.caption) == ("unadapted source (ceiling)" in names) == source


def test_a_target_without_results_whose_source_is_at_zero_has_an_empty_panel_among_logarithmic_ones():
    rows, curves = synthetic(["scratch", "finetune"], 2, 2)
    lost = (rows["target"] == "babies") & ~rows["reference"]
    rows.loc[lost, "status"] = "failed"
    rows.loc[(rows["target"] == "babies") & rows["reference"], KID] = -0.01
    curves.loc[curves["key"].str.startswith("scratch"), KID] *= 20
    (setting,) = settings(rows, curves[~curves["key"].isin(rows.loc[lost, "key"])])
    drawn = convergence(setting)
    assert [len(axes.get_lines()[0].get_xdata()) > 2 for axes in drawn.figure.axes if axes.lines] == [True]
    assert {axes.get_yscale() for axes in drawn.figure.axes} == {"log"}


def test_a_strategy_named_like_a_formula_is_none_in_the_data_of_a_figure(tmp_path):
    (setting,) = settings(*synthetic(["=1+1", "finetune"], 1, 2))
    plot = pareto(setting)
    read = pd.read_csv(save(plot, tmp_path, ("svg",))["csv"])
    assert read["label"].tolist() == ["'=1+1", "finetune"]
    assert read["x"].tolist() == pytest.approx(plot.data["x"].tolist())


def test_a_full_disk_leaves_the_figure_that_was_there(tmp_path):
    (setting,) = settings(*synthetic(["scratch", "finetune"], 1, 2))
    good = {path: path.read_bytes() for path in save(pareto(setting), tmp_path, ("pdf",)).values()}
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))  # to a file, the same as a disk without room
    try:
        with pytest.raises(OSError, match="File too large"):
            save(pareto(setting), tmp_path, ("pdf",))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == good


def test_a_picture_that_cannot_be_read_is_named_in_one_line(results, tmp_path):
    (setting,) = settings(results["rows"], results["curves"])
    path = tmp_path / "broken.png"
    Image.new("RGB", (31, 32)).save(path)
    narrow = path.read_bytes()
    for content in (b"", b"no picture", narrow, narrow[:-30]):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"broken\.png: ") as raised:
            samples(setting, "babies", dict.fromkeys(results["rows"]["key"], path), {})
        assert "\n" not in str(raised.value)


def test_the_nearest_of_white_shots_is_one_of_them():
    white, black = np.full((2, 8, 8, 3), 255, np.uint8), np.zeros((1, 8, 8, 3), np.uint8)
    found, distances = nearest(black, white)
    assert (found.tolist(), distances.tolist()) == ([0], [255.0])
    assert nearest(white, np.concatenate([white, black]))[0].tolist() == [2, 2], "white images fill a grid up"


def test_floor_and_ceiling_outside_on_the_same_side_share_one_line():
    axes = Figure().subplots()
    axes.set_ylim(10, 20)
    mark_bounds(axes, pd.DataFrame({"floor": 0.5, "ceiling": 8.8}, index=["babies"]), "babies")
    assert [text.get_text() for text in axes.texts] == ["floor 0.5, ceiling 8.8 ↓"]


def test_a_floor_of_fewer_images_than_the_runs_says_so():
    rows, curves = synthetic(["scratch", "finetune"], 2, 2)
    enough = rows.assign(n_real=2 * rows["n_fake"])
    few = rows.assign(n_real=np.where(rows["target"] == "babies", rows["n_fake"] + 20, 10**4))
    none = enough.assign(protocol="literature")
    captions = [convergence(settings(each, curves)[0]).caption for each in (enough, few, none)]
    assert "Where fewer images" not in captions[0]
    assert (
        "Where fewer images may be held out for validation than were generated, a floor may be of fewer" in captions[2]
    )
    assert (
        "Where fewer images may be held out for validation than were generated (babies), a floor may be of fewer"
        in captions[1]
    )


@pytest.mark.parametrize(("largest", "multiplier"), [(3.0, ""), (3e-5, "1e"), (3e7, "1e")])
def test_a_title_stands_above_the_multiplier_of_its_axis(largest, multiplier):
    with theme():
        figure, (axes,) = panels(1)
        axes.plot([0, 1], [0, largest])
        axes.set_title("a target")
        arrange(figure)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    above = axes.yaxis.get_offset_text()
    assert above.get_text().startswith(multiplier) and bool(above.get_text()) == bool(multiplier)
    (title,) = (text for text in axes.get_children() if isinstance(text, Text) and text.get_text() == "a target")
    renderer = canvas.get_renderer()
    assert title.get_window_extent(renderer).y0 > above.get_window_extent(renderer).y1 or not multiplier
    assert title.get_window_extent(renderer).y1 <= figure.bbox.y1
