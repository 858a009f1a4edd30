"""Convergence tables: censored times by hand, hits, and speeds of different machines apart."""

import pandas as pd
import pytest
from graftbench.reports.convergence_tables import convergence_tables
from graftbench.reports.ladder import ladders
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
    assert found["finetune"].interval.estimate < 10.0


def test_hits_count_all_runs(stored):
    (table,) = named(stored, "hits")
    assert {row[0] for row in table.body} == {"finetune", "frozen-d", "l2-sp"}
    assert all(cell.endswith("/6") for row in table.body for cell in row[1:6])


def test_seconds_of_two_machines_stand_apart_but_kimg_do_not(stored):
    rows, curves, targets = stored
    other = rows.assign(hardware="Another CPU", key="other-" + rows["key"], seed=rows["seed"] + 10)
    both = pd.concat([rows, other]), pd.concat([curves, curves.assign(key="other-" + curves["key"])]), targets
    assert len(named(both, "time-90-seconds")) == 2
    assert len(named(both, "time-90-kimg")) == 1


def test_they_stand_among_the_tables_of_convergence(stored):
    names = [table.name for table in all_tables(*stored)["convergence"]]
    assert len(names) == len(set(names)) == 7
    assert len(all_tables(stored[0])["convergence"]) == 1
