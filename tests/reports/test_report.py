"""The report folder: what is in it, that it is the same twice, and what it says of holes."""

import json
import os
import re
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from graftbench.bench.errors import UserError
from graftbench.reports.catalogue import Pictures, drawings, rankings
from graftbench.reports.page import Shown, embed
from graftbench.reports.page_data import interactive
from graftbench.reports.plots.bounds import mark_bounds
from graftbench.reports.plots.convergence import convergence
from graftbench.reports.plots.figure import Absent, save
from graftbench.reports.plots.samples import samples
from graftbench.reports.plots.shots import shots_quality
from graftbench.reports.plots.strips import interpolations, nearest
from graftbench.reports.plots.tradeoffs import pareto
from graftbench.reports.report import do_all, draw_and_save, write_report
from graftbench.reports.settings import settings, slug
from matplotlib.figure import Figure
from PIL import Image
from synthetic import EXTRACTOR, synthetic

KID = f"kid@{EXTRACTOR}"


def grid(path, tiles=4, resolution=32, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 255, (resolution * 2, resolution * tiles // 2, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grids")
    rows, curves = synthetic(["scratch", "finetune", "vae"], 2, 2, failed=[("vae", "babies", 0)])
    samples = {key: grid(folder / f"{number}.png", seed=number) for number, key in enumerate(rows["key"])}
    real = dict.fromkeys(rows["key"], grid(folder / "real.png", seed=999))
    return {"rows": rows, "curves": curves, "sample_images": samples, "real_images": real}


@pytest.fixture(scope="module")
def report(results, tmp_path_factory):
    return write_report(**results, folder=tmp_path_factory.mktemp("report")).parent


def test_has_the_page_the_tables_and_each_figure_in_three_formats_with_its_data(report):
    assert (report / "index.html").is_file()
    assert {path.suffix for path in (report / "tables").iterdir()} >= {".csv", ".md", ".tex"}
    stems = {path.stem for path in (report / "figures").iterdir()}
    assert {"convergence-kid-kimg", "convergence-kid-seconds", "throughput", "samples-babies"} <= stems
    for stem in stems:
        assert all((report / "figures" / f"{stem}.{kind}").stat().st_size for kind in ("svg", "pdf", "png", "csv"))


def test_the_same_results_give_the_same_bytes_whatever_the_order_of_the_rows(results, report, tmp_path):
    shuffled = results | {
        "rows": results["rows"].sample(frac=1, random_state=1),
        "curves": results["curves"].sample(frac=1, random_state=2),
    }
    again = write_report(**shuffled, folder=tmp_path / "again").parent
    files = sorted(path.relative_to(report) for path in report.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert [str(f) for f in files if (report / f).read_bytes() != (again / f).read_bytes()] == []


def test_pdf_figures_embed_their_fonts_as_true_type(report):
    text = (report / "figures" / "convergence-kid-kimg.pdf").read_bytes()
    assert b"/FontFile2" in text and b"/Type3" not in text
    assert b"CreationDate" not in text


def test_failed_cells_are_counted_and_explained(report):
    page = (report / "index.html").read_text()
    assert "RuntimeError: made up" in page
    assert "15 of 16 cells" in page


@pytest.mark.parametrize("rows", [pd.DataFrame(), synthetic(2, 1, 1)[0].iloc[:0]])
def test_an_empty_store_has_a_page_that_says_so(rows, tmp_path):
    page = write_report(rows, pd.DataFrame(columns=["key", "kimg", "seconds"]), tmp_path)
    assert "holds no cells yet" in page.read_text()


def test_a_store_without_any_finished_cell_says_what_is_not_drawn(tmp_path):
    rows, curves = synthetic(2, 1, 1, reference=False)
    rows["status"], rows["reason"] = "missing", ""
    page = write_report(rows[[*rows.columns[:21], "precision", "digest"]], curves.iloc[:0], tmp_path).read_text()
    assert "Not drawn" in page and "Not run yet (2)" in page


def test_an_unfinished_store_tells_what_has_not_run_apart_from_what_failed(tmp_path):
    rows, curves = synthetic(3, 2, 2, failed=[("l2-sp", "babies", 0)])
    waits = (rows["label"] == "frozen-d") | ((rows["label"] == "l2-sp") & (rows["seed"] == 1))
    rows.loc[waits, "status"], rows.loc[waits, "reason"] = "missing", ""
    rows.loc[waits, [name for name in rows if "@" in name]] = np.nan
    page = write_report(rows, curves[~curves["key"].isin(rows.loc[waits, "key"])], tmp_path).read_text()
    assert "Failures (1)" in page and "Not run yet (6)" in page
    assert "5 of 12 cells, 7 missing (6 not run yet, 1 failed)" in page
    assert "Preliminary: 6 of 12 cells have not been run yet; of frozen-d none has." in page
    assert "– (not run yet)" in page and "– (missing)" not in page


def test_a_finished_store_with_failures_is_not_called_preliminary(report):
    page = (report / "index.html").read_text()
    assert "Preliminary" not in page and "not run yet" not in page.lower()


def test_rows_of_different_extractors_shots_or_sources_never_share_a_figure():
    first, second = synthetic(2, 1, 1), synthetic(2, 1, 1, extractor="other", shots=100)
    rows, curves = pd.concat([first[0], second[0]]), pd.concat([first[1], second[1]])
    found = settings(rows, curves)
    assert [setting.extractor for setting in found] == ["inception-v3-compat", "other"]
    assert all(setting.rows["shots"].nunique() == 1 for setting in found)
    assert len({setting.slug for setting in found}) == 2


@pytest.mark.parametrize(("column", "words"), [("batch", ["batch 16", "batch 64"]), ("width", ["width 8", "width 32"])])
def test_settings_are_told_apart_by_their_titles_too(column, words):
    rows, curves = synthetic(["finetune"], 1, 1)
    other = rows.assign(**{column: 64 if column == "batch" else 8}, key="other-" + rows["key"])
    both = pd.concat([rows, other], ignore_index=True), pd.concat([curves, curves.assign(key="other-" + curves["key"])])
    assert [next(word for word in words if word in setting.title) for setting in settings(*both)] == words
    assert len({chart["setting"] for chart in json.loads(interactive(*both))["charts"]}) == 2
    assert all(word.split()[0] not in setting.title for setting in settings(rows, curves) for word in words)


def test_captions_of_rankings_tell_strata_apart_where_there_are_several():
    rows, _ = synthetic(3, 2, 2)
    both = pd.concat([rows, rows.assign(batch=64, key="other-" + rows["key"])], ignore_index=True)
    for table, words in ((rows, []), (both, ["batch 16", "batch 64"])):
        captions = [draw().caption for kind, draw in rankings(table) if kind == "critical-difference"]
        assert [re.search(r"batch \d+", each)[0] for each in captions if "batch" in each] == words


def test_reference_lines_belong_to_every_budget():
    rows, curves = synthetic(["finetune"], 1, 1)
    short = rows[~rows["reference"]].assign(kimg=1.0, key="short")
    found = settings(pd.concat([rows, short]), curves)
    assert [bool(setting.rows["reference"].any()) for setting in found] == [True, True]


def test_different_names_never_share_a_file():
    names = ["folder:/a/b", "folder:/a-b", "a b", "A b", "x" * 300, "x" * 301, "../up", "ü", "ö"]
    assert len({slug(name) for name in names}) == len(names)
    assert all("/" not in slug(name) and not slug(name).startswith(".") for name in names)


def test_reporting_imports_no_torch():
    code = "import sys, graftbench.reports.report; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_what_an_earlier_report_left_is_removed(tmp_path):
    rows, curves = synthetic(["scratch", "finetune"], 1, 2)
    write_report(rows, curves, tmp_path)
    before = {path.name for path in (tmp_path / "tables").iterdir()}
    write_report(rows.assign(protocol="literature"), curves, tmp_path)
    after = {path.name for path in (tmp_path / "tables").iterdir()}
    assert any("held-out" in name for name in before)
    assert [name for name in after if "held-out" in name] == []
    assert (tmp_path / "figures" / "pareto-kid.png").is_file()
    write_report(rows.drop(columns="train_seconds"), curves, tmp_path)
    assert list((tmp_path / "figures").glob("pareto-kid*")) == []


def test_curves_that_less_than_half_of_the_cells_have_are_not_drawn_as_an_empty_figure():
    rows, curves = synthetic(3, 2, 3)
    rows.loc[rows["seed"] > 0, "status"] = "missing"
    (setting,) = settings(rows, curves[curves["key"].isin(rows.loc[rows["seed"] == 0, "key"])])
    drawn = convergence(setting)
    assert isinstance(drawn, Absent) and "half of a strategy's cells" in drawn.reason


def test_captions_of_images_claim_only_what_is_shown(results):
    rows, pictures = results["rows"], results["sample_images"]
    (setting,) = settings(rows, results["curves"])
    same = samples(setting, "babies", pictures, results["real_images"]).caption
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
    enough = rows.assign(n_real=rows["n_fake"])
    few = rows.assign(n_real=rows["n_fake"].where(rows["target"] != "babies", 20))
    none = enough.assign(protocol="literature")
    captions = [convergence(settings(each, curves)[0]).caption for each in (enough, few, none)]
    assert "With fewer images held out" not in captions[0]
    assert "With fewer images held out than generated, a floor is of fewer" in captions[2]
    assert "With fewer images held out than generated (babies), a floor is of fewer" in captions[1]


@pytest.mark.slow
def test_two_processes_draw_the_same_bytes_as_one(tmp_path):
    rows, curves = synthetic(["scratch", "finetune"], 2, 2)
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        wanted = [partial(draw_and_save, draw, folder) for _, draw in drawings(rows, curves, Pictures(), {})]
        do_all(wanted, processes)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / n).iterdir()} for n in "12")
    assert one == two and len(one) > 20


def test_processes_that_draw_leave_no_typefaces_behind(tmp_path):
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from functools import partial
from pathlib import Path
from synthetic import synthetic
from graftbench.reports.catalogue import Pictures, drawings
from graftbench.reports.page import Shown, embed
from graftbench.reports.report import do_all, draw_and_save
wanted = [draw for _, draw in drawings(*synthetic(["scratch", "finetune"], 1, 1), Pictures(), {{}})][:3]
do_all([partial(draw_and_save, draw, Path({str(tmp_path / "drawn")!r})) for draw in wanted], 2)
"""
    (tmp_path / "temporary").mkdir()
    environment = os.environ | {"TMPDIR": str(tmp_path / "temporary")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert list((tmp_path / "drawn").iterdir()) and list((tmp_path / "temporary").iterdir()) == []


def test_figures_that_are_too_large_for_the_page_are_shown_small_before_they_are_left_out(report):
    def embedded(room: int) -> list[Shown]:
        stems = sorted({path.stem for path in (report / "figures").iterdir()})
        files = [{kind: f"figures/{stem}.{kind}" for kind in ("svg", "pdf", "png", "csv")} for stem in stems]
        sections = {"all": [Shown(None, "", "", each) for each in files]}
        embed(sections, report, room)
        return sections["all"]

    whole = embedded(10**8)
    assert {each.source.partition(";")[0] for each in whole} == {"data:image/svg+xml"}
    assert all(each.data.startswith("data:text/csv") for each in whole)
    room = sum(len(each.source) for each in whole) - 1
    small = embedded(room)
    assert "data:image/webp" in {each.source.partition(";")[0] for each in small}
    assert all(0 < len(each.source) <= len(faithful.source) for each, faithful in zip(small, whole, strict=True))
    assert sum(len(each.source) + len(each.data) for each in small) <= room
    assert not any(each.source or each.data for each in embedded(10))
