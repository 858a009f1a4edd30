"""Rankings from rows: golden values, missing cells, strata, and what must not matter."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from graftbench.bench.errors import UserError
from graftbench.reports.plots.ranking import critical_difference
from graftbench.reports.ranking import rank
from graftbench.reports.ranking_tables import neighbours_table, standings_table
from graftbench.reports.scores import strata
from graftbench.reports.settings import settings
from graftbench.reports.standing import mean_rank_interval, probability_first
from graftbench.reports.style import theme
from synthetic import EXTRACTOR, synthetic

KID = f"kid@{EXTRACTOR}"


@pytest.fixture
def rows():
    return synthetic(4, 5, 3)[0]


def golden() -> pd.DataFrame:
    """Three strategies, two targets, two seeds, with scores that can be averaged and ranked by hand."""
    rows = synthetic(["a", "b", "c"], ["s", "t"], 2)[0]
    scores = {
        ("a", "s"): (1.0, 3.0),
        ("b", "s"): (2.0, 4.0),
        ("c", "s"): (0.0, 1.0),
        ("a", "t"): (1.0, 1.0),
        ("b", "t"): (2.0, 3.0),
        ("c", "t"): (4.0, 4.0),
    }
    for (label, target), values in scores.items():
        for seed, value in enumerate(values):
            rows.loc[(rows["label"] == label) & (rows["target"] == target) & (rows["seed"] == seed), KID] = value
    return rows


def test_golden_ranks_by_hand():
    (ranking,) = rank(golden())
    # s: means 2, 3, 0.5 -> ranks 2, 3, 1; t: means 1, 2.5, 4 -> ranks 1, 2, 3
    assert ranking.worst.mean_ranks == {"a": 1.5, "b": 2.5, "c": 2.0}
    assert ranking.order == ("a", "c", "b")
    assert ranking.improvements["a", "b"].estimate == 1.0
    assert ranking.improvements["a", "c"].estimate == 0.5


def test_golden_iqm_on_the_normalised_scale():
    rows = golden()
    rows.loc[rows["label"] == "source-only", KID] = 5.0
    rows[f"floor_{KID}"] = 1.0
    (ranking,) = rank(rows)
    found = {standing.strategy: standing.iqm.estimate for standing in ranking.standings}
    # a: (5 - {1, 3, 1, 1}) / 4 = 1, .5, 1, 1 -> middle half 1, 1
    assert found == pytest.approx({"a": 1.0, "b": (0.5 + 0.75) / 2, "c": (0.25 + 1.0) / 2})


def test_permuting_rows_changes_nothing(rows):
    expected = [each.to_dict() for each in rank(rows)]
    shuffled = rows.sample(frac=1, random_state=3)
    assert [each.to_dict() for each in rank(shuffled)] == expected


def test_a_missing_cell_changes_only_what_it_should():
    whole = rank(synthetic(4, 5, 3)[0])[0]
    name, target = whole.order[0], "babies"
    holed = rank(synthetic(4, 5, 3, failed={(name, target, 1)})[0])[0]
    assert holed.missing == (f"{name} on {target}, seed 1: failed",)
    assert holed.completeness == "59 of 60 cells, 1 missing (1 failed)"
    assert holed.complete.blocks == 4
    assert holed.worst.blocks == 5
    assert holed.worst.mean_ranks[name] >= whole.worst.mean_ranks[name]
    untouched = [pair for pair in whole.improvements if name not in pair]
    assert {pair: holed.improvements[pair] for pair in untouched} == {
        pair: whole.improvements[pair] for pair in untouched
    }
    others = {each.strategy: each.iqm for each in whole.standings if each.strategy != name}
    assert {each.strategy: each.iqm for each in holed.standings if each.strategy != name} == others


def test_a_cell_without_a_row_is_as_missing_as_a_failed_one():
    cell = ("frozen-d", "babies", 1)
    failed, absent = (rank(synthetic(4, 5, 3, **{how: {cell}})[0])[0] for how in ("failed", "absent"))
    assert failed.worst == absent.worst
    assert absent.missing == ("frozen-d on babies, seed 1: never run",)


def test_a_strategy_that_always_fails_is_last_and_nothing_is_nan():
    dead = {("finetune", target, seed) for target in ("sketches", "babies", "sunglasses") for seed in range(3)}
    (ranking,) = rank(synthetic(4, 3, 3, failed=dead)[0])
    assert ranking.order[-1] == "finetune"
    assert ranking.complete.blocks == 0
    assert "no block is left" in ranking.complete.note
    assert ranking.standings[-1].iqm is None
    json.dumps(ranking.to_dict(), allow_nan=False)


def test_reference_lines_are_shown_but_not_ranked(rows):
    (ranking,) = rank(rows)
    assert "source-only" not in ranking.order
    assert ranking.references["source-only"] > 0.1
    assert [row[0] for row in standings_table(ranking).references] == ["source-only"]


def test_blocks_of_one_target_are_also_tested_as_one():
    rows = synthetic(4, 3, 2)[0]
    twice = pd.concat([rows, rows.assign(shots=100, key=rows["key"] + "x")])
    once, doubled = rank(rows)[0], rank(twice)[0]
    assert doubled.worst.friedman_p < once.worst.friedman_p, "the same results twice pass for more"
    (note,) = [each for each in doubled.notes if "Only 3 targets behind 6 blocks" in each]
    assert f"its shots averaged: Friedman p = {once.worst.friedman_p:.3g}." in note
    assert not any("behind" in each for each in once.notes)
    (alone,) = [each for each in rank(twice[twice["target"] == "babies"])[0].notes if "Only 1 target behind" in each]
    assert alone.endswith("its shots averaged: no test.")


def test_other_extractors_protocols_and_resolutions_are_ranked_apart(rows):
    other = synthetic(4, 5, 3, extractor="tiny")[0]
    assert [each.metric for each in rank(pd.concat([rows, other]))] == [KID, "kid@tiny"]
    assert [each.metric for each in rank(pd.concat([rows, other]), by="kid@tiny")] == ["kid@tiny"]
    for column, value in {"protocol": "literature", "resolution": 64, "kimg": 20.0}.items():
        both = rank(pd.concat([rows, rows.assign(**{column: value})]))
        assert len(both) == 2
        assert both[0].stratum[column] != both[1].stratum[column]


@pytest.mark.parametrize(
    ("column", "usual", "other"),
    [
        ("fakes", 500, 50),
        ("reals", 1000, 100),
        ("points", 5, 2),
        ("compile", False, True),
        ("optimisation", "{}", '{"generator_lr": 1e-09}'),
    ],
)
def test_rows_of_other_settings_are_ranked_apart_which_is_said_only_then(rows, column, usual, other):
    (alone,) = rank(rows.assign(**{column: usual}))
    assert column not in alone.stratum
    mixed = rows.assign(**{column: [other if label == "finetune" else usual for label in rows["label"]]})
    both = rank(mixed)
    assert sorted((each.stratum[column], len(each.order)) for each in both) == sorted([(usual, 3), (other, 1)])
    again = rank(pd.concat([rows.assign(**{column: value}) for value in (usual, other)]))
    assert [len(each.order) for each in again] == [4, 4], "the same strategies with both: nothing is refused"


def test_shots_are_blocks_and_the_reader_is_told(rows):
    (ranking,) = rank(pd.concat([rows, synthetic(4, 5, 3, shots=100)[0]]))
    assert len(ranking.blocks) == 10
    assert "babies, 100 shots" in ranking.blocks
    assert any("Only 5 targets behind 10 blocks" in note for note in ranking.notes)


def test_two_rows_for_one_place_are_refused(rows):
    with pytest.raises(UserError, match="they differ in digest"):
        rank(pd.concat([rows, rows.assign(digest="other")]))


def test_higher_is_better_turns_the_order_round(rows):
    rows[f"recall@{EXTRACTOR}"] = -rows[KID] + 1
    assert rank(rows, by="recall")[0].order == rank(rows)[0].order


@pytest.mark.parametrize(("by", "message"), [("kidd", "did you mean 'kid'"), ("kid_shots", "cannot be ranked")])
def test_what_cannot_be_ranked_is_said(rows, by, message):
    with pytest.raises(UserError, match=message):
        rank(rows, by=by)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("seed", None, "some rows have no seed; "),
        ("reference", None, "some rows have no reference; "),
        ("shots", "ten", "the rows have a shots that is no number"),
        (KID, "low", f"the rows have a {KID} that is no number"),
    ],
)
def test_a_table_with_a_cell_that_is_empty_or_no_number_is_refused(rows, name, value, message):
    rows[name] = rows[name].astype(object)
    rows.loc[rows.index[0], name] = value
    with pytest.raises(UserError, match=message):
        rank(rows)


def test_a_table_that_is_none_of_cells_is_refused_with_what_it_lacks(rows):
    with pytest.raises(UserError, match="the rows lack seed, reference; "):
        rank(rows.drop(columns=["reference", "seed"]))


def test_neighbours_say_what_would_separate_them(rows):
    (ranking,) = rank(rows)
    pair = ranking.neighbours[0]
    assert (pair.better, pair.worse) == ranking.order[:2]
    assert pair.verdict == "untestable"
    assert pair.more_blocks > 0
    assert len(neighbours_table(ranking).body) == 3


def test_probability_of_being_first_adds_up_and_is_seeded(rows):
    (ranking,) = rank(rows)
    assert sum(each.probability_first for each in ranking.standings) == pytest.approx(1)
    assert ranking == rank(rows)[0]


def test_always_first_on_three_targets_is_not_certainly_first():
    found = mean_rank_interval(np.array([1.0, 1.0, 1.0]), 5)
    assert found.low == 1.0
    assert found.high > 1.5


def test_a_block_without_any_score_changes_no_number_and_is_named():
    rows = golden()
    rows.loc[rows["label"] == "source-only", KID] = 5.0
    rows[f"floor_{KID}"] = 1.0
    asked = rows[rows["target"] == "t"].assign(target="u", status="missing", **{KID: np.nan})
    (before,), (after,) = rank(rows), rank(pd.concat([rows, asked.assign(key=asked["key"] + "u")]))
    assert after.worst == before.worst
    assert after.power == before.power
    assert [each.iqm for each in after.standings] == [each.iqm for each in before.standings]
    assert [each.missing for each in after.standings] == [2, 2, 2]
    assert after.completeness == "12 of 18 cells, 6 missing (6 not run yet)"
    assert any("no strategy has a score there: u" in note for note in after.notes)


def test_a_seed_that_nobody_has_run_changes_no_number_and_is_counted():
    """The first seed of every block is run before the second: a store is like this for most of its time."""
    rows, _ = synthetic(3, 6, 1)
    later = [rows.assign(seed=seed, status="missing", key=rows["key"] + str(seed), **{KID: np.nan}) for seed in (1, 2)]
    (before,), (after,) = rank(rows), rank(pd.concat([rows, *later], ignore_index=True))
    assert after.standings != before.standings  # it says how many are missing
    assert [(each.mean_rank, each.iqm, each.probability_first) for each in after.standings] == [
        (each.mean_rank, each.iqm, each.probability_first) for each in before.standings
    ]
    assert (after.improvements, after.power, after.complete) == (before.improvements, before.power, before.complete)
    assert after.completeness == "18 of 54 cells, 36 missing (36 not run yet)"


def test_one_seed_on_one_block_does_not_say_how_sure_the_first_place_is():
    (ranking,) = rank(synthetic(3, 1, 1)[0])
    assert [each.probability_first for each in ranking.standings] == [None] * 3
    assert [row[3] for row in standings_table(ranking).body] == [None] * 3
    notes = "\n".join(standings_table(ranking).notes)
    assert "Mean rank, without an interval on one block" in notes and "IQM on these blocks" in notes
    (ranking,) = rank(synthetic(3, 1, 2)[0])
    assert sum(each.probability_first for each in ranking.standings) == pytest.approx(1)


def test_what_stands_in_the_columns_is_what_the_notes_say(rows):
    notes = "\n".join(standings_table(rank(rows)[0]).notes)
    assert "Mean rank with its 95 % interval over blocks" in notes and "IQM with its 95 % interval over seeds" in notes
    notes = "\n".join(standings_table(rank(rows[~rows["reference"]])[0]).notes)
    assert "No IQM: no source-only cells" in notes and "IQM with" not in notes


@pytest.mark.parametrize(("targets", "words"), [(8, "separates the two (p = 0.0078)"), (3, "too few blocks")])
def test_two_strategies_are_said_to_be_compared_by_wilcoxons_test(targets, words):
    rows, curves = synthetic(2, targets, 2)
    (ranking,) = rank(rows)
    text = "\n".join([*standings_table(ranking).notes, *neighbours_table(ranking).notes])
    assert "Separated: Wilcoxon p < 0.05" in text and "Smallest attainable p: Wilcoxon" in text
    assert "Nemenyi" not in text and "Friedman" not in text
    (setting,) = settings(rows, curves)
    with theme():
        caption = critical_difference(next(strata(rows, KID)), setting.looks()).caption
    assert words in caption and "cannot separate" not in caption


@pytest.mark.parametrize(("targets", "said"), [(2, False), (5, False), (6, True)])
def test_the_first_place_on_a_few_blocks_of_one_seed_is_not_called_certain(targets, said):
    (ranking,) = rank(synthetic(3, targets, 1)[0])
    assert [each.probability_first is not None for each in ranking.standings] == [said] * 3


def with_more_seeds(rows: pd.DataFrame, label: str, more: int) -> pd.DataFrame:
    """``rows`` and so many copies of a strategy's first seed, under seeds that no other strategy has."""
    first = rows[(rows["label"] == label) & (rows["seed"] == 0)]
    copies = [first.assign(seed=10 + number, key=first["key"] + f"+{number}") for number in range(more)]
    return pd.concat([rows, *copies], ignore_index=True)


def test_seeds_that_only_one_strategy_was_asked_for_change_nothing_of_the_others(rows):
    (before,), (after,) = rank(rows), rank(with_more_seeds(rows, "scratch", 3))
    (note,) = [note for note in after.notes if note not in before.notes]
    assert "(0, 1, 2)" in note and "(scratch: 10, 11, 12)" in note
    assert replace(after, notes=before.notes) == before


def test_easier_seeds_do_not_make_a_worse_strategy_win():
    rows = synthetic(["a", "b"], 7, 5, noise=0.0)[0]
    ranked = ~rows["reference"]
    rows.loc[ranked, KID] = np.where(rows["seed"] < 2, 9.0, 1.0)[ranked] + (rows.loc[ranked, "label"] == "a") * 0.02
    (ranking,) = rank(rows[~((rows["label"] == "b") & (rows["seed"] >= 2))])
    assert ranking.order == ("b", "a") and ranking.worst.verdicts["a", "b"] == "separated"
    assert ranking.improvements["a", "b"].estimate == 0.0 and ranking.standings[0].probability_first > 0.9


def test_a_cell_that_was_never_run_is_missing_if_its_strategy_has_that_seed_elsewhere(rows):
    gone = (rows["label"] == "scratch") & (rows["target"] == "sketches") & (rows["seed"] == 1)
    (ranking,) = rank(rows[~gone])
    assert {each.strategy: each.missing for each in ranking.standings}["scratch"] == 1
    assert ranking.missing == ("scratch on sketches, seed 1: never run",)


@pytest.mark.parametrize(("blocks", "seeds"), [(1, 2), (1, 3), (3, 2)])
def test_equal_strategies_are_seldom_called_surely_first(blocks, seeds):
    rng, there = np.random.default_rng(0), np.ones((blocks, seeds), bool)
    sure = [probability_first(rng.normal(size=(2, blocks, seeds)), there, 400).max() >= 0.95 for _ in range(100)]
    assert np.mean(sure) <= 0.1


def test_where_nothing_ended_nobody_is_probably_first():
    dead = {(label, "sketches", seed) for label in ("finetune", "frozen-d") for seed in range(2)}
    (ranking,) = rank(synthetic(2, 1, 2, failed=dead)[0])
    assert [each.probability_first for each in ranking.standings] == [None, None]
