"""The README's table is the committed bundle's, and the command that made it makes it again."""

from pathlib import Path

import pytest
from graftbench.bench.errors import UserError
from graftbench.reports.bundle import MANIFEST, Bundle, read_bundle
from graftbench.reports.catalogue import Pictures
from graftbench.reports.readme import results_section, update_readme, with_results
from synthetic import synthetic

ROOT = Path(__file__).parents[2]


def test_the_section_replaces_what_stands_between_the_markers():
    text = "a\n<!-- results -->\nold\n<!-- /results -->\nz\n"
    assert with_results(text, "new") == "a\n<!-- results -->\nnew\n<!-- /results -->\nz\n"


def test_a_readme_without_markers_is_refused():
    with pytest.raises(UserError, match="no place for results"):
        with_results("a\n<!-- results -->\n", "new")


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_readme_that_cannot_be_read_is_named(tmp_path, content):
    path = tmp_path / "README.md"
    if content:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"README\.md: cannot be read"):
        update_readme(path, measured(), tmp_path / "b")


def test_results_without_a_commit_name_the_machine_alone():
    assert "(on Imaginary CPU, 2 cores)" in results_section(measured())


def test_the_section_names_the_bundle_that_it_was_made_from_and_how_to_make_it_again(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("<!-- results -->\n<!-- /results -->\n")
    update_readme(path, measured(), tmp_path / "runs" / "mine")
    assert "From `runs/mine/`" in path.read_text()
    assert "`graftbench readme --bundle runs/mine` remakes this section" in path.read_text()
    update_readme(path, measured(), tmp_path / "reports" / "results")
    assert "From `reports/results/`" in path.read_text() and "`graftbench readme` remakes" in path.read_text()


def measured():
    return Bundle(*synthetic(2, 1, 2), {}, Pictures(), {})


def test_a_bundle_without_any_score_is_refused_in_one_line():
    rows, curves = synthetic(2, 1, 1)
    unscored = rows[[name for name in rows if "@" not in name]].assign(status="failed")
    with pytest.raises(UserError, match="no cell whose quality was measured"):
        results_section(Bundle(unscored, curves, {}, Pictures(), {}))


def test_the_readme_holds_the_table_of_the_committed_bundle():
    folder = ROOT / "reports" / "results"
    if not (folder / MANIFEST).is_file():
        pytest.skip("no results bundle is committed yet")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert with_results(readme, results_section(read_bundle(folder))) == readme
