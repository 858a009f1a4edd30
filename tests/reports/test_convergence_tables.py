"""Convergence tables: censored times by hand, hits, and speeds of different machines apart."""

import pandas as pd
import pytest
from graftbench.reports.convergence_tables import convergence_tables
from graftbench.reports.formats import to_csv, to_html, to_markdown
from graftbench.reports.ladder import ladders
from graftbench.reports.latex import to_latex
from graftbench.reports.page import _numeric_columns
from graftbench.reports.tables import all_tables
from synthetic import EXTRACTOR, synthetic

KID = f"kid@{EXTRACTOR}"


@pytest.fixture(scope="module")
def stored():
    rows, curves = synthetic(3, 2, 3, 12, failed={("l2-sp", "babies", 1)})
    return rows, curves, {KID: ladders(rows, curves, KID)}


def named(stored, part):
    return [table for table in convergence_tables(*stored) if part in table.name]


def test_a_run_that_never_hits_counts_with_the_whole_budget(stored):
    rows, curves, targets = stored
    flat = curves.copy()
    keys = rows.loc[(rows["label"] == "l2-sp") & (rows["target"] == "babies"), "key"]
    flat.loc[flat["key"].isin(keys), KID] = 9.0
    table = named((rows, flat, targets), "time-90-kimg")[0]
    found = {row[0]: row[table.head.index("babies")] for row in table.body}
    assert found["l2-sp"].interval.estimate == 10.0
    assert found["l2-sp"].n == 3, "the failed run is censored, not dropped"
    assert found["l2-sp"].text == "over 10 (n=3)" and " ± " in found["finetune"].text
    assert found["finetune"].interval.estimate < 10.0


def test_hits_count_all_runs(stored):
    assert [table.name.split("-")[2] for table in named(stored, "hits")] == ["kimg", "seconds"]
    for table in named(stored, "hits"):
        assert {row[0] for row in table.body} == {"finetune", "frozen-d", "l2-sp"}
        assert all(cell.endswith("/6") for row in table.body for cell in row[1:6])


def test_in_seconds_a_strategy_of_double_the_cost_has_a_larger_area_and_a_dearer_hit(stored):
    """The same curve over kimg, twice as slow."""
    rows, curves, targets = stored
    fast = rows.loc[rows["label"] == "finetune", "key"]
    slow = rows[rows["label"] == "finetune"].assign(label="slow", strategy="slow", key="slow-" + fast)
    its = curves[curves["key"].isin(fast)]
    its = its.assign(key="slow-" + its["key"], seconds=2 * its["seconds"])
    both = pd.concat([rows, slow]), pd.concat([curves, its]), targets
    for part, column in (("anytime", "area under best so far"), ("hits", "ERT 90%")):
        kimg, seconds = named(both, f"{part}-kimg")[0], named(both, f"{part}-seconds")[0]
        at = kimg.head.index(column)
        in_kimg, in_seconds = ({row[0]: row[at] for row in table.body} for table in (kimg, seconds))
        assert in_kimg["slow"] == in_kimg["finetune"]
        value = {name: float("inf") if cell == "∞" else float(cell) for name, cell in in_seconds.items()}
        assert value["slow"] > value["finetune"]


def test_seconds_of_two_machines_stand_apart_but_kimg_do_not(stored):
    rows, curves, targets = stored
    other = rows.assign(hardware="Another CPU", key="other-" + rows["key"], seed=rows["seed"] + 10)
    both = pd.concat([rows, other]), pd.concat([curves, curves.assign(key="other-" + curves["key"])]), targets
    assert len(named(both, "time-90-seconds")) == 2
    assert len(named(both, "time-90-kimg")) == 1
    for part in ("hits", "anytime"):
        assert (len(named(both, f"{part}-kimg")), len(named(both, f"{part}-seconds"))) == (1, 2)


def test_they_stand_among_the_tables_of_convergence(stored):
    names = [table.name for table in all_tables(*stored)["convergence"]]
    assert len(names) == len(set(names)) == 9
    assert len(all_tables(stored[0])["convergence"]) == 1


def test_runs_that_have_no_place_in_a_table_are_counted_in_its_note():
    """No run on a target ended: there is no time of fine-tuning that seconds could count up to."""
    names, targets = ("finetune", "frozen-d", "l2-sp"), ("sketches", "babies")
    rows, curves = synthetic(3, 2, 3, 12)
    ladder = {KID: ladders(rows, curves, KID)}
    assert set(rows["target"]) >= set(targets) and set(rows["label"]) >= set(names)
    died = (rows["target"] == "babies") & rows["label"].isin(names)
    rows.loc[died, "status"] = "failed"
    for part in ("hits", "anytime"):
        kimg, seconds = (named((rows, curves, ladder), f"{part}-{against}")[0] for against in ("kimg", "seconds"))
        assert "but for" not in kimg.notes[0]
        assert "but for 9 in blocks that have no frozen target or no run of finetune that ended" in seconds.notes[0]
    assert next(row for row in named((rows, curves, ladder), "hits-seconds")[0].body if row[0] == "l2-sp")[1] == "3/3"


def test_what_was_not_run_has_no_time_and_is_counted(stored):
    rows, curves, targets = stored
    rows = rows.copy()
    never = (rows["label"] == "l2-sp") & (rows["target"] == "babies")
    rows.loc[never, "status"] = "missing"
    for part in ("time-90-kimg", "hits-kimg", "anytime-kimg"):
        table = named((rows, curves[~curves["key"].isin(rows.loc[never, "key"])], targets), part)[0]
        left = (
            f"Completeness: {len(rows) - never.sum() - rows['reference'].sum()} of {(~rows['reference']).sum()} cells"
        )
        assert any(note.startswith(f"{left}; the others have not been run yet") for note in table.notes)
        (line,) = (row for row in table.body if row[0] == "l2-sp")
        if part == "time-90-kimg":
            assert line[table.head.index("babies")] is None
        else:
            assert "/6" not in " ".join(map(str, line)), "only the runs on the other target count"


def test_a_time_that_is_only_exceeded_is_told_from_a_mean_in_every_format(stored):
    rows, curves, targets = stored
    flat = curves.copy()
    flat.loc[flat["key"].isin(rows.loc[rows["label"] == "l2-sp", "key"]), KID] = 9.0
    table = named((rows, flat, targets), "time-90-kimg")[0]
    (line,) = (line for line in to_csv(table).splitlines() if line.startswith("l2-sp"))
    assert line.count(",10.0,,,3,3,,exceeded") == 2
    assert "over 10 (n=3)" in to_markdown(table) and " & over 10 & " in to_latex(table)
    (line,) = (line for line in to_html(table).splitlines() if ">l2-sp<" in line)
    assert line.count("<td>over 10 (n=3)</td>") == 2, "sorted behind what is known"
    assert _numeric_columns(table)[1:] == [True, True]


def test_a_quick_strategy_that_never_hits_is_watched_for_less_and_stands_last(stored):
    rows, curves, targets = stored
    mine = curves["key"].isin(rows.loc[rows["label"] == "l2-sp", "key"])
    flat = curves.assign(
        seconds=curves["seconds"].where(~mine, curves["seconds"] / 10), **{KID: curves[KID].mask(mine, 9.0)}
    )
    table = named((rows, flat, targets), "time-90-seconds")[0]
    assert table.body[-1][0] == "l2-sp"
    ends = curves.loc[curves["key"].isin(rows.loc[rows["label"] == "finetune", "key"]), "seconds"]
    assert table.body[-1][1].interval.estimate == pytest.approx(ends.max() / 10, rel=0.5)


def test_a_strategy_that_died_on_one_target_before_it_was_measured_is_no_quicker_for_it(stored):
    rows, curves, targets = stored
    died = rows.loc[(rows["label"] == "finetune") & (rows["target"] == "babies"), "key"]
    before = [row[0] for row in named(stored, "time-50-kimg")[0].body]
    after = [row[0] for row in named((rows, curves[~curves["key"].isin(died)], targets), "time-50-kimg")[0].body]
    assert after.index("finetune") >= before.index("finetune")
    assert after[-1] == "finetune"


def test_an_infinite_cost_is_a_sign_in_latex(stored):
    rows, curves, targets = stored
    flat = curves.copy()
    flat.loc[flat["key"].isin(rows.loc[rows["label"] == "l2-sp", "key"]), KID] = 9.0
    table = named((rows, flat, targets), "hits-kimg")[0]
    assert r"$\infty$" in to_latex(table) and "U+" not in to_latex(table)
