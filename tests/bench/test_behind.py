"""Results say when they were made by other source than the package's, and how long ago."""

import warnings

import pandas as pd
from finished import a_cell
from graftbench.bench.behind import DECISIVE, behind
from graftbench.bench.digest import source_digest
from graftbench.bench.environment import CHECKOUT, commit, commits_since
from graftbench.reports.bundle import read_bundle


def rows_of(*cells) -> pd.DataFrame:
    return pd.DataFrame([{name: getattr(cell, name) for name in (*DECISIVE, "digest")} for cell in cells])


def test_cells_of_the_current_source_say_nothing():
    assert behind(rows_of(a_cell(0).with_digest(), a_cell(1, strategy="l2-sp").with_digest())) == ""


def test_cells_of_other_source_are_counted_with_their_strategies_commit_and_digests():
    rows = rows_of(a_cell(0, digest="0ld"), a_cell(1, strategy="l2-sp").with_digest(), a_cell(2, strategy="gone"))
    sentence = behind(rows, "abc")
    assert sentence.startswith("2 of 3 cells were made by other source than this package's now (commit abc")
    assert "0ld" in sentence and sentence.endswith("of gone, scratch")


def test_commits_are_counted_where_git_knows_them():
    here = commit()["commit"]
    assert commits_since(here) == (0 if here else None)
    assert commits_since("no-such-commit") is None


def test_the_committed_results_are_of_the_current_source_or_it_is_said_how_far_behind():
    bundle = read_bundle(CHECKOUT / "reports" / "results")
    cells = bundle.rows[[*DECISIVE, "digest"]].drop_duplicates()
    sentence = behind(bundle.rows, bundle.environment["commit"])
    assert (sentence == "") == all(source_digest(cell) == cell.digest for cell in cells.itertuples())
    if sentence:
        warnings.warn(f"reports/results: {sentence}", stacklevel=1)
