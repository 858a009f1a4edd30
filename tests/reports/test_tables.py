"""Strategy x target tables: numbers, marks, completeness, and what their notes say."""

import numpy as np
import pandas as pd
import pytest
from graftbench.bench.errors import UserError
from graftbench.reports.columns import step
from graftbench.reports.intervals import mean_interval
from graftbench.reports.ladder import ladders
from graftbench.reports.latex import to_latex
from graftbench.reports.ranking import rank
from graftbench.reports.significance import holm_adjust
from graftbench.reports.tables import WRITERS, all_tables, paired_p, subject_tables, write_tables
from scipy import stats
from synthetic import EXTRACTOR, synthetic

KID = f"kid@{EXTRACTOR}"


def kid_table(rows):
    return next(iter(subject_tables(rows, "quality")))


def entry(table, strategy, target):
    row = next(row for row in table.rows if row[0] == strategy)
    return row[table.head.index(target)]


def golden():
    """Two targets, three seeds; ``a`` beats ``b`` by the same on each seed of ``s``, and by luck on ``t``."""
    rows = synthetic(["a", "b", "c"], ["s", "t"], 3)[0]
    scores = {
        ("a", "s"): (1.0, 2.0, 3.0),
        ("b", "s"): (1.5, 2.5, 3.5),
        ("c", "s"): (1.0, 2.5, 3.1),
        ("a", "t"): (5.0, 6.0, 7.0),
        ("b", "t"): (1.0, 9.0, 5.0),
        ("c", "t"): (9.0, 9.5, 10.5),
    }
    for (label, target), values in scores.items():
        rows.loc[(rows["label"] == label) & (rows["target"] == target), KID] = values
    return rows


def test_means_intervals_and_n_by_hand():
    found = entry(kid_table(golden()), "a", "s")
    assert found.interval == mean_interval([1.0, 2.0, 3.0])
    assert found.interval.estimate == 2.0
    assert found.n == 3
    assert found.text.startswith("2.0 ± ")
    assert found.text.endswith("(n=3)")


def test_best_and_tied_with_best_by_hand():
    table = kid_table(golden())
    marks = {(row[0], target): entry(table, row[0], target).mark for row in table.body for target in ("s", "t")}
    assert marks["a", "s"] == "best"
    assert marks["b", "s"] == "worse", "half a unit behind on every seed"
    assert marks["c", "s"] == "tied"
    assert marks["b", "t"] == "best"
    assert marks["a", "t"] == "tied"


def test_what_equals_the_best_seed_by_seed_is_best_too():
    rows = golden()
    rows.loc[(rows["label"] == "c") & (rows["target"] == "s"), KID] = [1.0, 2.0, 3.0]
    table = kid_table(rows)
    assert [entry(table, name, "s").mark for name in "abc"] == ["best", "worse", "best"]


def test_paired_p_and_holm_are_the_books():
    differences = np.array([0.2, 0.5, -0.1, 0.4])
    assert paired_p(differences) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)
    np.testing.assert_allclose(holm_adjust([0.01, 0.04, 0.03, 0.5]), [0.04, 0.09, 0.09, 0.5])


def test_one_more_image_in_each_seed_is_no_certainty():
    rows, recall = golden(), f"recall@{EXTRACTOR}"
    rows[recall] = 0.4
    rows.loc[rows["label"] == "a", recall] += 1 / 500  # of 500 real images
    rows.loc[rows["label"] == "c", recall] -= 20 / 500
    (table,) = [table for table in subject_tables(rows, "diversity") if "recall" in table.name]
    assert [entry(table, label, "s").mark for label in "abc"] == ["best", "tied", "worse"]
    assert "Counted in steps of 0.002" in "".join(table.notes)
    assert paired_p(np.full(3, 0.002)) == pytest.approx(0), "of a score that is no count"


@pytest.mark.parametrize(
    ("metric", "smallest"),
    [("precision", 1e-3), ("density", 2e-4), ("recall", 2e-3), ("occupied_clusters", 1), ("kid", 0), ("vendi", 0)],
)
def test_a_count_has_steps(metric, smallest):
    rows = golden()
    assert step(f"{metric}@{EXTRACTOR}", rows) == pytest.approx(smallest)
    assert step(metric, rows.drop(columns=["n_real", "n_fake"])) == (1 if metric == "occupied_clusters" else 0)


def test_rows_run_from_best_to_worst_and_references_stand_apart():
    table = kid_table(golden())
    assert [row[0] for row in table.body] == ["a", "b", "c"]
    assert [row[-1] for row in table.body] == ["1.50", "2.00", "2.50"]
    assert [row[0] for row in table.references] == ["source-only"]


def test_direction_completeness_and_sample_sizes_are_stated():
    text = "\n".join(kid_table(golden()).notes)
    for words in ("lower is better", "18 of 18 cells (complete)", "500 real and 1000 generated", "protocol held-out"):
        assert words in text
    assert kid_table(golden()).title == "KID ↓"


def test_one_missing_cell_changes_its_own_entry_only():
    whole = kid_table(synthetic(4, 3, 4)[0])
    holed = kid_table(synthetic(4, 3, 4, failed={("l2-sp", "babies", 2)})[0])
    for row in whole.body:
        for target in whole.head[1:-1]:
            if (row[0], target) != ("l2-sp", "babies"):
                assert entry(holed, row[0], target).interval == entry(whole, row[0], target).interval
    assert entry(holed, "l2-sp", "babies").text.endswith("(n=3/4)")
    assert entry(holed, "l2-sp", "babies").mark == ""
    assert "47 of 48 cells, 1 missing (1 failed)" in "\n".join(holed.notes)


def test_a_wholly_failed_entry_says_why():
    dead = {("l2-sp", "babies", seed) for seed in range(3)}
    assert entry(kid_table(synthetic(4, 3, 3, failed=dead)[0]), "l2-sp", "babies").text == "– (failed)"


def test_one_seed_cannot_tell():
    table = kid_table(synthetic(3, 2, 1)[0])
    assert {entry(table, row[0], "babies").mark for row in table.body} == {"best", "untestable"}


def test_permuting_rows_changes_no_byte():
    rows = synthetic(4, 3, 3, failed={("l2-sp", "babies", 2)})[0]
    shuffled = rows.sample(frac=1, random_state=1)
    for before, after in zip(all_tables(rows).values(), all_tables(shuffled).values(), strict=True):
        for write in WRITERS.values():
            assert [write(table) for table in before] == [write(table) for table in after]


def test_each_subject_has_its_own_tables(tmp_path):
    tables = all_tables(synthetic(3, 2, 2)[0])
    assert list(tables) == [
        *("ranking", "quality", "diversity", "memorisation", "convergence", "throughput", "hyper-parameters")
    ]
    paths = write_tables(tables, tmp_path)
    assert len(paths) == len(set(paths)) == 4 * sum(map(len, tables.values()))


def test_alarms_have_no_best():
    (alarm,) = [
        table for table in subject_tables(golden(), "memorisation") if "shots" in table.name and "kid" in table.name
    ]
    assert "mean rank" not in alarm.head
    assert "no better or worse" in alarm.notes[0]
    assert {entry(alarm, row[0], "s").mark for row in alarm.body} == {""}


def test_counts_that_are_all_equal_have_an_interval_of_the_width_of_their_steps():
    rows = golden().assign(n_fake=500)
    rows[f"precision@{EXTRACTOR}"] = 0.0
    (table,) = (each for each in subject_tables(rows, "quality") if "precision" in each.name)
    found = entry(table, "a", "s").interval
    assert found == mean_interval([0.0] * 3, 1 / 500)
    assert found.high == pytest.approx(mean_interval([1.0, 2.0, 3.0]).half_width / 500 / 12**0.5)
    assert any("which intervals and tests allow for" in note for note in table.notes)


def test_latex_says_once_how_many_seeds_all_cells_have_and_sets_minus_signs():
    rows = golden()
    rows.loc[rows["label"] == "a", KID] *= -1
    said = to_latex(kid_table(rows))
    assert "(n=3)" not in said and "n = 3 in each cell." in said
    assert r"$-$2.0 $\pm$" in said and "& -2" not in said
    rows.loc[(rows["label"] == "a") & (rows["seed"] == 0), "status"] = "failed"
    said = to_latex(kid_table(rows))
    assert "(n=2/3)" in said and "in each cell" not in said


def test_signs_of_copying_have_a_direction_and_no_order():
    rows = golden().assign(n_real=1000, n_fake=500, shots=10)
    rows[f"authenticity@{EXTRACTOR}"] = rows[KID] / 20
    (table,) = (each for each in subject_tables(rows, "memorisation") if "authenticity" in each.name)
    assert "mean rank" not in table.head and {entry(table, row[0], "s").mark for row in table.body} == {""}
    notes = " ".join(table.notes)
    assert "higher is better" in notes and "An alarm, not a merit" in notes
    assert "Measured on 10 training and 500 generated images" in notes
    with pytest.raises(UserError, match="is an alarm, no merit, and cannot be ranked"):
        rank(rows, "authenticity")


def test_the_best_checkpoint_is_said_to_be_the_one_of_the_lowest_validation_kid():
    rows = golden()
    rows[f"best_fid@{EXTRACTOR}"] = rows[KID]
    (table,) = (each for each in subject_tables(rows, "quality") if "best-fid" in each.name)
    assert any(note.startswith("Of the checkpoint whose KID to the validation split is lowest") for note in table.notes)


def test_speeds_of_different_machines_stand_in_different_tables():
    rows = synthetic(3, 2, 2)[0]
    moved = rows.assign(hardware="Another CPU", seed=rows["seed"] + 10)
    tables = list(subject_tables(pd.concat([rows, moved]), "throughput"))
    training = [table for table in tables if table.title.startswith("training time (s)")]
    assert len(training) == 2
    assert "Another CPU" in training[0].notes[0]
    quality = [table for table in subject_tables(pd.concat([rows, moved]), "quality") if table.title == "KID ↓"]
    assert len(quality) == 1


def test_one_seed_is_said_to_have_no_interval():
    notes = " ".join(kid_table(synthetic(3, 2, 1)[0]).notes)
    assert "One value each: no interval" in notes
    assert "± half" not in notes


def test_every_table_of_the_literatures_protocol_says_so():
    rows, curves = synthetic(3, 2, 2)
    rows = rows.assign(protocol="literature")
    found = all_tables(rows, curves, {KID: ladders(rows, curves, KID)})
    assert len(found["convergence"]) > 1
    tables = [table for group in found.values() for table in group]
    assert [table.name for table in tables if "literature" not in " ".join(table.notes)] == []


def test_each_table_has_a_file_of_its_own_that_a_disk_can_name(tmp_path):
    signs = [synthetic(["scratch", "finetune"], 1, 2, extractor=extractor)[0] for extractor in ("a+b", "a-b")]
    twice = [*signs, signs[0].assign(optimisation="x" * 300, key="long")]
    tables = all_tables(pd.concat(twice, ignore_index=True))
    paths = write_tables(tables, tmp_path)
    assert len(paths) == len(set(paths)) == 4 * sum(len(group) for group in tables.values())
    assert any("a+b" in path.read_text() for path in paths) and any("a-b" in path.read_text() for path in paths)


def test_tables_say_what_flatters_their_numbers():
    rows = synthetic(3, 2, 2)[0].assign(n_real=100, n_fake=100)
    found = {
        protocol: {table.name.partition("@")[0]: " ".join(table.notes) for table in subject_tables(given, "quality")}
        for protocol in ("held-out", "literature")
        if len(given := rows.assign(protocol=protocol))
    }
    for protocol, tables in found.items():
        for name, notes in tables.items():
            assert ("FID of few images is too high" in notes) == ("fid" in name)
            assert ("shots are among the images compared with" in notes) == (protocol == "literature")


def test_more_seeds_do_not_make_a_worse_strategy_the_best():
    rows = synthetic(["finetune", "scratch"], 1, 2)[0]
    worst = rows[(rows["label"] == "scratch") & (rows["seed"] == 0)]
    rows = pd.concat([rows, worst.assign(seed=7, key="more")])
    (table,) = [each for each in subject_tables(rows, "quality") if each.name.startswith("quality-kid")]
    marks = {str(row[0]): (row[1].text, row[1].mark) for row in table.body}
    assert marks["finetune"][1] == "best" and "(n=2)" in marks["finetune"][0]
    assert marks["scratch"][1] in ("tied", "worse") and "(n=2)" in marks["scratch"][0]
    assert any("(scratch: 7)" in note for note in table.notes)


def test_where_all_are_equal_none_is_said_to_be_behind():
    rows = synthetic(["finetune", "scratch"], 1, 2)[0]
    rows[KID] = 1.0
    (table,) = [each for each in subject_tables(rows, "quality") if each.name.startswith("quality-kid")]
    assert any("all are equal there" in note for note in table.notes)
