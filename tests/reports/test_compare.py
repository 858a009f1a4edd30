"""What moved between two stores, and that speeds of different machines are not compared."""

import pandas as pd
import pytest
from graftbench.bench.errors import UserError
from graftbench.reports.compare import compare, differences, pair
from synthetic import EXTRACTOR, synthetic

KID = f"kid@{EXTRACTOR}"


@pytest.fixture
def rows():
    return synthetic(3, 2, 3)[0]


def changes(before, after, metric=KID):
    return {(each.label, each.block): each.change for each in differences(pair(before, after), metric)}


def test_a_store_compared_with_itself_is_identical(rows):
    assert set(changes(rows, rows).values()) == {"identical"}
    assert compare(rows, rows)[0].body == ()


def test_the_key_does_not_pair_cells_but_what_they_are_does(rows):
    renamed = rows.assign(key=[f"k{index}" for index in range(len(rows))], digest="new").sample(frac=1, random_state=0)
    assert set(changes(rows, renamed).values()) == {"identical"}
    assert any("digest" in note for note in compare(rows, renamed)[0].notes)


def test_only_what_moved_is_said_to_have_moved(rows):
    after = rows.copy()
    after.loc[after["label"] == "finetune", KID] += [0.01, 0.0101, 0.0099] * 2
    after.loc[after["label"] == "l2-sp", KID] -= [0.01, 0.0101, 0.0099] * 2
    found = changes(rows, after)
    assert {change for (label, _), change in found.items() if label == "finetune"} == {"worse"}
    assert {change for (label, _), change in found.items() if label == "l2-sp"} == {"better"}
    assert {change for (label, _), change in found.items() if label == "frozen-d"} == {"identical"}
    (moved,) = [
        each for each in differences(pair(rows, after), KID) if each.label == "finetune" and "babies" in each.block
    ]
    assert moved.difference.estimate == pytest.approx(0.01)


def test_the_rounding_of_another_processor_is_no_change_though_every_seed_moves_alike(rows):
    turned = rows.assign(**{KID: rows[KID] * (1 + 3e-6)})
    assert set(changes(rows, turned).values()) == {"rounding"}
    assert ", 0 identical, " in compare(rows, turned, KID)[1].title
    larger = rows.assign(**{KID: rows[KID] * (1 + 3e-5)})
    assert not {"rounding", "identical"} & set(changes(rows, larger).values())


def test_a_count_that_moved_by_one_image_in_every_seed_shows_no_change(rows):
    recall = f"recall@{EXTRACTOR}"
    before = rows.assign(**{recall: 0.4})
    assert set(changes(before, before.assign(**{recall: 0.402}), recall).values()) == {"no change shown"}
    assert set(changes(before, before.assign(**{recall: 0.5}), recall).values()) == {"better"}


def test_cells_that_did_not_move_are_no_tests_that_others_must_pay_for():
    before = synthetic(12, 8, 3)[0]
    after = before.copy()
    after.loc[after["label"] == "finetune", KID] += [0.01, 0.0102, 0.0095] * 8
    found = changes(before, after)
    assert {change for (label, _), change in found.items() if label == "finetune"} == {"worse"}


def test_noise_is_no_change(rows):
    noisy = synthetic(3, 2, 3, rng=1, noise=0.05)[0]
    noisy[KID] = rows[KID] + 0.001 * pd.Series([1.0, -1.0, 0.2] * (len(rows) // 3))
    assert set(changes(rows, noisy).values()) == {"no change shown"}


def test_one_seed_cannot_tell(rows):
    before = rows[rows["seed"] == 0]
    assert set(changes(before, before.assign(**{KID: before[KID] * 2})).values()) == {"one pair, cannot tell"}


def test_lost_failed_and_new_cells_are_listed(rows):
    after = synthetic(3, 2, 3, failed={("l2-sp", "babies", 1)}, absent={("finetune", "sketches", 0)})[0]
    found = {(row[0], row[2]): row[3:] for row in compare(rows, after)[0].body}
    assert found == {("l2-sp", 1): ("ok", "failed"), ("finetune", 0): ("ok", "absent")}


def test_speeds_across_hardware_are_refused(rows):
    moved = rows.assign(hardware="Another CPU")
    with pytest.raises(UserError, match="hardware differs: Imaginary CPU, 2 cores against Another CPU"):
        compare(rows, moved, by="seconds_per_kimg")
    tables = compare(rows, moved)
    assert not any("seconds" in table.name for table in tables)
    assert any("Speeds and memory are not compared" in note for note in tables[0].notes)
    assert any(table.name.startswith("compare-kid") for table in tables)
    assert any("seconds-per-kimg" in table.name for table in compare(rows, rows))


def test_speeds_with_other_thread_counts_are_refused(rows):
    with pytest.raises(UserError, match="threads differs: 2 against 8"):
        compare(rows, rows.assign(threads=8), by="train_seconds")


def test_what_does_not_depend_on_the_machine_is_compared_across_hardware(rows):
    after = rows.assign(hardware="Another CPU", parameters=rows["parameters"] + 1)
    (_, table) = compare(rows, after, by="parameters")
    assert {row[-1] for row in table.body} == {"changed"}


def test_nothing_in_common_is_said(rows):
    with pytest.raises(UserError, match="no metric 'kid' was measured in both"):
        compare(rows, synthetic(3, 2, 3, extractor="tiny")[0], by="kid")
    for none in (pd.DataFrame(), rows.drop(columns="status")):
        with pytest.raises(UserError, match="second store holds no cells"):
            compare(rows, none)
