"""The search draws inside the declared ranges, alike for all, and chooses on validation."""

import dataclasses
import json
import math

import pytest
from finished import a_cell, finish
from graftbench.bench.errors import UserError
from graftbench.bench.planning import Plan
from graftbench.bench.registries import strategies
from graftbench.bench.rows import read_rows
from graftbench.bench.store import Store, write_status
from graftbench.bench.tuning import (
    TUNING_SEED,
    Choice,
    choose,
    draw,
    plan_trials,
    record,
    searched,
    trials_of,
    tuned_plan,
)
from graftbench.strategies import tunable
from graftbench.strategies.scratch import Scratch

CELL = a_cell(strategy="l2-sp", batch=16, fakes=8, reals=8, points=5)


@pytest.mark.parametrize("name", strategies.names())
def test_draws_lie_in_the_declared_ranges_and_suit_the_strategy(name):
    kind = strategies.get(name)
    names = searched(dataclasses.replace(CELL, strategy=name))
    for trial in range(20):
        drawn = draw(name, names, trial)
        for field in (f for f in dataclasses.fields(kind) if f.name in names):
            low, high, choices = (field.metadata[key] for key in ("low", "high", "choices"))
            value = drawn[field.name]
            assert value in choices if choices is not None else low <= value <= high
            assert type(value) is type(field.default)
        kind(**drawn)


def test_trial_zero_is_the_default_and_the_others_differ():
    drawn = [draw("l2-sp", ["strength"], t)["strength"] for t in range(10)]
    assert drawn[0] == strategies.get("l2-sp")().strength
    assert len(set(drawn)) == 10


def test_a_new_hyper_parameter_does_not_move_the_draws_of_the_others():
    assert [draw("multitask", ["weight"], t)["weight"] for t in range(5)] == [
        draw("multitask", ["ratio", "weight"], t)["weight"] for t in range(5)
    ]
    assert draw("l2-sp", ["strength"], 1) != draw("ewc", ["strength"], 1)


def test_a_logarithmic_range_is_drawn_evenly_in_the_exponent():
    exponents = [math.log10(draw("l2-sp", ["strength"], t)["strength"]) for t in range(1, 400)]
    shares = [sum(low <= e < low + 1 for e in exponents) / len(exponents) for low in (-4, -3, -2, -1)]
    assert all(share == pytest.approx(0.25, abs=0.07) for share in shares)


@dataclasses.dataclass
class Declared(Scratch):
    """As a user writes it: the bounds and the default of a float are not always floats, and the types may be words."""

    strength: "float" = tunable(1, low=0.1, high=10.0, log=True)  # noqa: RUF009
    share: float = tunable(1, low=0, high=1)
    weight: "float | None" = tunable(1, low=0, high=2)  # noqa: RUF009
    rank: int = tunable(4, low=1, high=8)


def test_only_what_is_declared_whole_is_drawn_whole(monkeypatch):
    monkeypatch.setitem(strategies._objects, "declared", Declared)
    drawn = [draw("declared", ["strength", "share", "weight", "rank"], t) for t in range(1, 20)]
    for name in ("strength", "share", "weight"):
        assert all(type(each[name]) is float for each in drawn)
        assert len({each[name] for each in drawn}) > 10
    assert all(type(each["rank"]) is int and 1 <= each["rank"] <= 8 for each in drawn)


def test_what_the_matrix_sets_and_what_is_not_searched_is_not_drawn():
    assert searched(CELL) == ["strength", "on"]
    held = dataclasses.replace(CELL, params={"strength": 0.5})
    assert searched(held) == ["on"]
    assert all(cell.params["strength"] == 0.5 for cell in trials_of(held, 5))
    assert searched(dataclasses.replace(CELL, strategy="source-only")) == []


def test_every_strategy_gets_the_same_trials_whatever_the_seeds_of_the_matrix():
    cells = [dataclasses.replace(CELL, strategy=s, seed=i) for s in ("l2-sp", "ewc", "finetune") for i in (0, 1)]
    trials = plan_trials(Plan(cells=cells), 4).cells
    assert [cell.strategy for cell in trials] == ["l2-sp"] * 4 + ["ewc"] * 4
    assert {cell.seed for cell in trials} == {TUNING_SEED}
    assert {cell.kimg for cell in trials} == {CELL.kimg}
    with pytest.raises(UserError, match="kept for tuning"):
        plan_trials(Plan(cells=[dataclasses.replace(CELL, seed=TUNING_SEED)]), 2)


def finished(store, cell, kid, validation_kid, seconds=2.0):
    store.add(cell)
    final = {f"kid@{cell.extractor}": kid, f"validation_kid@{cell.extractor}": validation_kid, "train_seconds": seconds}
    (store.folder(cell.key) / "final.json").write_text(json.dumps(final))
    write_status(store.folder(cell.key), "ok")


def test_the_choice_is_made_on_validation_and_not_on_the_reference(tmp_path):
    store = Store(tmp_path, create=True)
    trials = trials_of(CELL, 3)
    for cell, kid, validation_kid in zip(trials, (0.1, 0.5, 0.3), (0.4, 0.2, 0.3), strict=True):
        finished(store, cell, kid, validation_kid)
    choice = choose(trials, store)
    assert choice.trial == 1 and choice.params == trials[1].params
    assert choice.seconds == 6.0 and choice.failed == 0


def test_a_failed_trial_is_not_chosen_and_is_counted(tmp_path):
    store = Store(tmp_path, create=True)
    trials = trials_of(CELL, 3)
    finished(store, trials[2], 0.1, 0.1)
    store.add(trials[1])
    write_status(store.folder(trials[1].key), "diverged", "nan")
    choice = choose(trials, store)
    assert (choice.trial, choice.failed, choice.seconds) == (2, 2, 2.0)
    assert choose(trials, Store(tmp_path / "empty", create=True)).params == draw("l2-sp", ["strength", "on"], 0)


def test_tuned_cells_keep_their_seeds_and_say_that_they_are_tuned(tmp_path):
    store = Store(tmp_path, create=True)
    for number, cell in enumerate(trials_of(CELL, 3)):
        finished(store, cell, 0.1, 1.0 - number)
    cells = [dataclasses.replace(CELL, seed=seed) for seed in (0, 1)]
    tuned, choices = tuned_plan(Plan(cells=cells), 3, store)
    assert [cell.seed for cell in tuned.cells] == [0, 1]
    assert {cell.label for cell in tuned.cells} == {"l2-sp(tuned)"}
    assert all(cell.params == trials_of(CELL, 3)[2].params for cell in tuned.cells)
    assert set(choices) == {cell.key for cell in tuned.cells}


def test_more_trials_that_choose_the_same_are_charged_in_rows_that_were_kept_before(tmp_path):
    store = Store(tmp_path, create=True)
    finish(store, a_cell(), kid=0.5)
    for trials, seconds in ((3, 30.0), (10, 100.0)):
        record(store, {a_cell().key: Choice({}, 0, trials, 0, seconds)})
        (row,) = read_rows(store).to_dict("records")
        assert (row["tuning_trials"], row["tuning_seconds"]) == (trials, seconds)


@pytest.mark.slow
def test_a_tuned_run_charges_its_trials_and_repeats_none(graftbench, matrix_file, tmp_path):
    from graftbench.bench.rows import read_rows

    file = matrix_file(strategies=["vae"], tune={"trials": 2})
    first = graftbench("run", file, "--no-report")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "tuning: 2 trials to run" in first.stdout and "the best of 2 trials" in first.stdout
    (row,) = read_rows(Store(tmp_path / "runs/tiny")).itertuples()
    trials = read_rows(Store(tmp_path / "runs/tiny/tuning"))
    assert row.label == "vae(tuned)" and row.seed == 0
    assert row.tuning_trials == len(trials) == 2
    assert row.tuning_seconds == pytest.approx(trials.train_seconds.sum())
    again = graftbench("run", file, "--no-report")
    assert "nothing to do: all 1 cells" in again.stdout and "to run" not in again.stdout
