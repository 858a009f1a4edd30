"""The report folder: what is in it, that it is the same twice, and what it says of holes."""

import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from graftbench.reports.catalogue import Pictures, drawings, rankings
from graftbench.reports.page import Shown, embed
from graftbench.reports.page_data import interactive
from graftbench.reports.report import do_all, draw_and_save, write_report
from graftbench.reports.settings import settings, slug
from synthetic import synthetic


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
    assert "11 of 12 cells of ranked strategies" in page


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
