"""The README's table is the committed bundle's, and the command that made it makes it again."""

from pathlib import Path

import pytest
from graftbench.bench.errors import UserError
from graftbench.reports.bundle import MANIFEST, read_bundle
from graftbench.reports.readme import results_section, with_results

ROOT = Path(__file__).parents[2]


def test_the_section_replaces_what_stands_between_the_markers():
    text = "a\n<!-- results -->\nold\n<!-- /results -->\nz\n"
    assert with_results(text, "new") == "a\n<!-- results -->\nnew\n<!-- /results -->\nz\n"


def test_a_readme_without_markers_is_refused():
    with pytest.raises(UserError, match="no place for results"):
        with_results("a\n<!-- results -->\n", "new")


def test_the_readme_holds_the_table_of_the_committed_bundle():
    folder = ROOT / "reports" / "results"
    if not (folder / MANIFEST).is_file():
        pytest.skip("no results bundle is committed yet")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert with_results(readme, results_section(read_bundle(folder))) == readme
