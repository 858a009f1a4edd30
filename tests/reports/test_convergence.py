"""Time to target: two hits in a row, censoring that only lengthens, and a ladder that stays as it was."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from graftbench.bench.errors import UserError
from graftbench.reports import convergence
from graftbench.reports.convergence import Run, anytime, runtime_distribution, speed, time_to_target
from graftbench.reports.ladder import RUNGS, Ladder, climb, frozen_ladders, ladders
from scipy.stats import CensoredData, ecdf

KID, FID = "kid@x", "fid@x"


def results(runs, metric=KID, budget=4.0, seconds_per_kimg=2.0):
    """Rows and curves from {(label, seed): values on an even grid}; None is a run that failed before measuring."""
    rows, curves = [], []
    for (label, seed), values in runs.items():
        key = f"{label}-{seed}"
        complete = values is not None and len(values) == 5 and np.isfinite(values).all()
        rows.append(
            {
                "key": key,
                "source": "faces",
                "target": "cats",
                "shots": 10,
                "strategy": label,
                "label": label,
                "seed": seed,
                "kimg": budget,
            }
            | {"reference": False, "status": "ok" if complete else "diverged"}
        )
        for x, value in zip(np.linspace(0, budget, 5), values or [], strict=False):
            curves.append({"key": key, "kimg": x, "seconds": x * seconds_per_kimg, metric: value})
    return pd.DataFrame(rows), pd.DataFrame(curves)


def table(runs, metric=KID, against="kimg"):
    rows, curves = results(runs, metric)
    return speed(rows, curves, metric, ladders(rows, curves, metric), against).set_index(["label", "rung"])


REFERENCE = {("finetune", 0): [1.0, 0.5, 0.4, 0.2, 0.0], ("finetune", 1): [1.0, 0.6, 0.4, 0.2, 0.0]}


def test_a_target_is_hit_at_the_first_of_two_consecutive_evaluations():
    x = np.arange(6.0)
    noisy = Run("a", 0, x, np.array([1.0, 0.2, 0.9, 0.3, 0.3, 0.3]))
    assert time_to_target(noisy, 0.5, 5.0) == 3.0
    last_only = Run("a", 0, x, np.array([1.0, 0.9, 0.9, 0.9, 0.9, 0.1]))
    assert time_to_target(last_only, 0.5, 5.0) == np.inf


def test_a_value_that_is_nan_reaches_nothing():
    run = Run("a", 0, np.arange(4.0), np.array([1.0, 0.1, np.nan, np.nan]))
    assert time_to_target(run, 0.5, 3.0) == np.inf


def test_rungs_lie_between_start_and_best_of_the_reference_alone():
    rows, curves = results(REFERENCE | {("magic", 0): [1.0, -9.0, -9.0, -9.0, -9.0]})
    (found,) = ladders(rows, curves, KID).values()
    assert (found.start, found.best) == (1.0, 0.0)
    assert found.rungs == pytest.approx([1 - share for share in RUNGS])


def test_rungs_are_geometric_for_fid_and_linear_for_what_may_be_negative():
    assert climb(100.0, 1.0, FID).rungs == pytest.approx([100 * 0.01**share for share in RUNGS])
    assert climb(0.1, -0.1, KID).rungs == pytest.approx([0.1 - 0.2 * share for share in RUNGS])
    assert climb(-0.2, -0.6, "recall@x").rungs == pytest.approx([-0.2 - 0.4 * share for share in RUNGS])


def test_a_metric_where_higher_is_better_is_timed_too():
    runs = {("finetune", 0): [0.1, 0.4, 0.6, 0.6, 0.6], ("slow", 0): [0.1, 0.1, 0.1, 0.6, 0.6]}
    found = table(runs, "recall@x")
    assert found.loc[("finetune", 0.5), "target_value"] == pytest.approx(0.35)
    assert found.loc[("finetune", 0.5), "rmst"] == 1.0
    assert found.loc[("slow", 0.5), "rmst"] == 3.0


@pytest.mark.parametrize(
    "loser",
    [
        [1.0, 1.0, 1.0, 1.0, 1.0],
        [1.0, 0.9, np.nan, np.nan, np.nan],
        [1.0, 0.9],
        [1.0, 0.1, np.nan],
        None,
    ],
    ids=["never hits", "goes NaN", "stops early", "one hit, then NaN", "no curve at all"],
)
def test_a_run_that_is_lost_lengthens_every_mean_time(loser):
    good = {("new", seed): [1.0, 0.5, 0.1, 0.1, 0.1] for seed in range(3)}
    without, with_loser = table(REFERENCE | good), table(REFERENCE | good | {("new", 3): loser})
    for rung in RUNGS[:3]:
        before, after = without.loc[("new", rung)], with_loser.loc[("new", rung)]
        assert (before["runs"], after["runs"]) == (3, 4)
        assert after["hits"] == before["hits"]
        for scalar in ("rmst", "ert", "par10"):
            assert after[scalar] > before[scalar]


def test_with_no_hit_rmst_is_the_horizon_and_ert_is_infinite():
    found = table(REFERENCE | {("bad", 0): [1.0] * 5, ("bad", 1): [1.0] * 5}).loc[("bad", 0.5)]
    assert (found["rmst"], found["ert"], found["par10"]) == (4.0, np.inf, 40.0)


def test_a_miss_costs_a_quick_run_its_own_budget_and_one_that_died_all_of_the_time():
    rows, curves = results(REFERENCE | {("quick", seed): [1.0, 0.4, 0.4, 0.4, 0.4] for seed in (0, 1)})
    rows.loc[rows["key"] == "quick-1", "status"] = "diverged"
    curves.loc[curves["key"].str.startswith("quick"), "seconds"] /= 2
    misses = curves["key"] == "quick-0"
    curves.loc[misses, KID] = 1.0
    ladder = ladders(rows, curves, KID)
    found = speed(rows, curves, KID, ladder, "seconds").set_index(["label", "rung"]).loc[("quick", 0.5)]
    assert (found["horizon"], found["hits"]) == (8.0, 1)
    assert found["spent"] == found["ert"] == 1.0 + 4.0, "the hit at 1 s, the miss after its own 4 s"
    curves.loc[misses, KID], curves.loc[curves["key"] == "quick-1", KID] = 0.4, 1.0
    found = speed(rows, curves, KID, ladder, "seconds").set_index(["label", "rung"]).loc[("quick", 0.5)]
    assert found["ert"] == 0.0 + 8.0


def test_scalars_by_hand():
    times = np.array([1.0, 3.0, np.inf])
    assert convergence.restricted_mean(times, 4.0) == pytest.approx((1 + 3 + 4) / 3)
    assert convergence.expected_running_time(times, np.array([2.0, 2.5, 4.0])) == pytest.approx((1 + 2.5 + 4) / 2)
    assert convergence.penalised_average(times, 4.0) == pytest.approx((1 + 3 + 40) / 3)


def test_rmst_is_the_area_under_the_kaplan_meier_curve():
    rng = np.random.default_rng(0)
    times = np.where(rng.random(30) < 0.3, np.inf, rng.integers(1, 10, 30).astype(float))
    horizon = 10.0
    hit = np.isfinite(times)
    curve = ecdf(CensoredData(uncensored=times[hit], right=np.full((~hit).sum(), horizon))).sf
    x = np.concatenate([[0.0], curve.quantiles[curve.quantiles < horizon], [horizon]])
    area = (np.diff(x) * np.concatenate([[1.0], curve.probabilities[curve.quantiles < horizon]])).sum()
    assert convergence.restricted_mean(times, horizon) == pytest.approx(area)


def test_seconds_count_up_to_the_time_of_fine_tuning():
    rows, curves = results(REFERENCE | {("costly", 0): [1.0, 0.5, 0.1, 0.1, 0.1]})
    curves.loc[curves["key"] == "costly-0", "seconds"] *= 3
    found = speed(rows, curves, KID, ladders(rows, curves, KID), "seconds").set_index(["label", "rung"])
    assert set(found["horizon"]) == {8.0}
    assert found.loc[("costly", 0.25), "rmst"] == 6.0
    assert found.loc[("finetune", 0.25), "rmst"] == 2.0
    assert found.loc[("costly", 0.9), "hits"] == 0  # reached after the horizon


@pytest.mark.parametrize("cost", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("label", ["quick", "new", "finetune"])
def test_a_run_that_never_hits_shortens_no_mean_time_in_seconds_however_quick_it_is(label, cost):
    runs = REFERENCE | {("new", seed): [1.0, 0.5, 0.1, 0.1, 0.1] for seed in range(3)}
    rows, curves = results(runs)
    targets = ladders(rows, curves, KID)
    before = speed(rows, curves, KID, targets, "seconds").set_index(["label", "rung"])
    rows, curves = results(runs | {(label, 9): [1.0] * 5})
    curves.loc[curves["key"] == f"{label}-9", "seconds"] *= cost
    after = speed(rows, curves, KID, targets, "seconds").set_index(["label", "rung"])
    assert (after["rmst"].reindex(before.index) >= before["rmst"]).all()
    assert (after["hits"].reindex(before.index) == before["hits"]).all()
    if label == "new":
        assert (after.loc["new", "rmst"] > before.loc["new", "rmst"])[: RUNGS.index(0.9)].all()


def test_a_strategy_that_trains_nothing_does_not_end_the_watch_of_the_others():
    rows, curves = results(REFERENCE | {("untrained", 0): [0.5] * 5})
    curves = curves[(curves["key"] != "untrained-0") | (curves["kimg"] == 0)]
    targets = ladders(rows, curves, KID)
    assert set(speed(rows, curves, KID, targets, "seconds")["horizon"]) == {8.0}
    found = runtime_distribution(rows, curves, KID, targets, "seconds").groupby("label")["share"].max()
    assert found.to_dict() == pytest.approx({"finetune": 0.6, "untrained": 0.0})


def test_area_under_the_best_so_far_curve_by_hand():
    ladder = Ladder(1.0, 0.0, (0.5,))
    run = Run("a", 0, np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.0, 5.0]))
    assert convergence.area_under_best(run, ladder, 2.0, KID) == pytest.approx(0.25)
    nothing = Run("a", 0, np.empty(0), np.empty(0))
    assert convergence.area_under_best(nothing, ladder, 2.0, KID) == pytest.approx(1.0)
    fid = Run("a", 0, np.array([0.0, 2.0]), np.array([np.e**2, 1.0]))
    assert convergence.area_under_best(fid, Ladder(np.e**2, 1.0, (1.0,)), 2.0, FID) == pytest.approx(1.0)


def test_what_lies_beyond_the_horizon_does_not_count_in_the_area():
    ladder = Ladder(1.0, 0.0, (0.5,))
    late = Run("a", 0, np.array([0.0, 1.0, 2.0, 10.0]), np.array([1.0, 1.0, 1.0, 0.0]))
    assert convergence.area_under_best(late, ladder, 2.5, KID) == pytest.approx(1.0)


def test_a_last_evaluation_beyond_the_budget_by_a_part_of_a_batch_counts():
    rows, curves = results(REFERENCE | {("late", 0): [1.0, 0.9, 0.9, 0.1, 0.1]})
    longer = curves.assign(kimg=curves["kimg"] * 1.001)
    found = speed(rows, longer, KID, ladders(rows, longer, KID)).set_index(["label", "rung"])
    assert found.loc[("late", 0.75), "hits"] == 1
    area = anytime(rows, longer, KID, ladders(rows, longer, KID)).set_index("label")["auc"]
    assert area["late"] == pytest.approx(
        anytime(rows, curves, KID, ladders(rows, curves, KID)).set_index("label")["auc"]["late"]
    )


def test_cells_that_have_not_been_run_are_no_runs():
    rows, curves = results(REFERENCE | {("new", 0): [1.0, 0.5, 0.1, 0.1, 0.1], ("new", 1): None})
    rows.loc[rows["key"] == "new-1", "status"] = "missing"
    found = speed(rows, curves, KID, ladders(rows, curves, KID)).set_index(["label", "rung"])
    assert found.loc[("new", 0.5), "runs"] == found.loc[("new", 0.5), "hits"] == 1


def test_targets_are_frozen_once_every_run_of_the_reference_has_ended(tmp_path):
    path = tmp_path / "targets.json"
    rows, curves = results(REFERENCE)
    rows.loc[rows["seed"] == 1, "status"] = "missing"
    first = curves[curves["key"] == "finetune-0"]
    assert len(frozen_ladders(path, rows, first, KID)) == 1 and not path.exists()
    whole = frozen_ladders(path, *results(REFERENCE), KID)
    assert path.exists() and frozen_ladders(path, rows, first, KID) == whole


def test_targets_on_other_images_of_the_users_are_others(tmp_path):
    path = tmp_path / "targets.json"
    rows, curves = results(REFERENCE)
    named = frozen_ladders(path, rows, curves, KID)
    assert frozen_ladders(path, rows.assign(data=""), curves, KID) == named, "what a name says has the key of before"
    mine = frozen_ladders(path, rows.assign(data="folder:a 0123"), curves.assign(**{KID: curves[KID] + 1}), KID)
    assert len(mine) == 2 and len({ladder.start for ladder in mine.values()}) == 2


def test_a_run_that_died_has_no_final_value_and_is_counted():
    rows, curves = results(REFERENCE | {("dies", 0): [1.0, 0.5], ("dies", 1): [1.0, 0.5, 0.25, 0.25, 0.5]})
    rows.loc[rows["key"] == "dies-0", "status"] = "diverged"
    found = anytime(rows, curves, KID, ladders(rows, curves, KID)).set_index("label").loc["dies"]
    assert (found["runs"], found["ended"]) == (2, 1)
    assert (found["final_over_best"], found["x_of_best"]) == (2.0, 2.0)


def test_a_gain_within_the_standard_error_of_the_metric_gives_no_targets(caplog, tmp_path):
    rows, curves = results({("finetune", 0): [1.0, 0.95, 0.9, 0.85, 0.8]})
    assert ladders(rows.assign(**{f"kid_se@{KID.partition('@')[2]}": 0.1}), curves, KID)
    noisy = rows.assign(**{f"kid_se@{KID.partition('@')[2]}": 0.3})
    assert not ladders(noisy, curves, KID) and not caplog.text
    assert not frozen_ladders(tmp_path / "targets.json", noisy, curves, KID)
    assert "within the standard error of kid@" in caplog.text


def test_a_run_that_spoils_its_best_shows_in_final_over_best():
    runs = {("finetune", 0): [80.0, 40.0, 20.0, 20.0, 20.0], ("spoils", 0): [80.0, 40.0, 20.0, 30.0, 60.0]}
    rows, curves = results(runs, FID)
    found = anytime(rows, curves, FID, ladders(rows, curves, FID)).set_index("label")
    assert found.loc["finetune", "final_over_best"] == 1
    assert found.loc["spoils", "final_over_best"] == 3
    assert found.loc["spoils", "x_of_best"] == 2.0
    assert found.loc["spoils", "auc"] == pytest.approx(found.loc["finetune", "auc"])


def test_the_runtime_distribution_keeps_misses_in_its_denominator():
    rows, curves = results(REFERENCE | {("half", 0): [1.0, 0.0, 0.0, 0.0, 0.0], ("half", 1): None})
    found = runtime_distribution(rows, curves, KID, ladders(rows, curves, KID))
    assert found[found["label"] == "half"]["share"].max() == 0.5
    assert found[found["label"] == "half"]["area"].iloc[0] == pytest.approx(0.5 * 0.75)


def test_without_a_complete_run_nothing_is_said_of_shares_of_the_time():
    rows, curves = results(REFERENCE | {("half", 0): [1.0, 0.0, 0.0, 0.0, 0.0]})
    targets = ladders(rows, curves, KID)
    rows["status"] = "timeout"
    assert runtime_distribution(rows, curves, KID, targets, "kimg")["share"].max() == 1
    assert runtime_distribution(rows, curves, KID, targets, "seconds").empty


def test_frozen_targets_stay_when_the_reference_is_run_again(tmp_path):
    path = tmp_path / "targets.json"
    first = frozen_ladders(path, *results(REFERENCE), KID)
    better = {("finetune", 0): [1.0, 0.0, -1.0, -2.0, -3.0]}
    assert frozen_ladders(path, *results(better), KID) == first
    assert ladders(*results(better), KID) != first


def test_a_run_that_dies_has_no_smaller_area_than_one_that_goes_on_badly():
    ladder = Ladder(1.0, 0.0, (0.5,))
    bad = Run("bad", 0, np.array([0.0, 2.0]), np.array([3.0, 3.0]), True)
    died = Run("died", 0, np.array([]), np.array([]), False)
    areas = [convergence.area_under_best(run, ladder, 2.0, KID) for run in (died, bad)]
    assert areas == pytest.approx([1.0, 1.0])


def test_runs_measured_on_other_numbers_of_images_have_targets_of_their_own(tmp_path):
    few, many = results({("finetune", 0): [9.0, 8.0, 7.0, 6.0, 5.0]}), results(REFERENCE)
    mixed = [pd.concat([one, two.assign(key=two["key"] + "-many")]) for one, two in zip(few, many, strict=True)]
    mixed[0]["fakes"] = [50] * len(few[0]) + [500] * len(many[0])
    found = frozen_ladders(tmp_path / "targets.json", *mixed, KID)
    assert [(ladder.start, ladder.best) for ladder in found.values()] == [(9.0, 5.0), (1.0, 0.0)]
    assert speed(*mixed, KID, found).set_index(["fakes", "rung"])["target_value"].loc[(50, 1.0)] == 5.0


def test_targets_of_another_metric_are_added_beside(tmp_path):
    path = tmp_path / "targets.json"
    frozen_ladders(path, *results(REFERENCE), KID)
    frozen_ladders(path, *results({("finetune", 0): [9.0, 5.0, 4.0, 3.0, 2.0]}, FID), FID)
    assert set(json.loads(path.read_text())) == {KID, FID}


def test_a_file_that_holds_no_targets_is_refused(tmp_path):
    path = tmp_path / "targets.json"
    path.write_text('{"kid@x": {"block": 3}}')
    with pytest.raises(UserError, match="holds no frozen targets"):
        frozen_ladders(path, *results(REFERENCE), KID)
    path.write_text('{"kid@x": {"block": {"start": 1.0, "best": 0.0, "rungs": [0.5]}}}')
    with pytest.raises(UserError, match="1 rungs instead of 5"):
        frozen_ladders(path, *results(REFERENCE), KID)


def test_without_a_finished_reference_there_are_no_targets(caplog, tmp_path):
    rows, curves = results({("finetune", 0): [1.0, np.nan], ("other", 0): [1.0, 0.5, 0.4, 0.3, 0.2]})
    assert frozen_ladders(tmp_path / "targets.json", rows, curves, KID) == {} and not caplog.text
    assert speed(rows, curves, KID, {}).empty


def test_convergence_needs_no_torch():
    code = "import sys, graftbench.reports.convergence, graftbench.reports.gain; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("start", "rungs", "said"),
    [
        ("1.0", "[0.8, 0.6, 0.4, NaN, 0.0]", "no finite number"),
        ("1.0", '[0.8, "0.6", 0.4, 0.2, 0.0]', "no finite number"),
        ("1.0", "[0.8, 0.6, 0.7, 0.2, 0.0]", "do not go down"),
        ("0.5", "[0.8, 0.6, 0.4, 0.2, 0.0]", "do not go down"),
    ],
)
def test_targets_that_none_could_have_frozen_are_refused(start, rungs, said, tmp_path):
    path = tmp_path / "targets.json"
    path.write_text(f'{{"{KID}": {{"block": {{"start": {start}, "best": 0.0, "rungs": {rungs}}}}}}}')
    with pytest.raises(UserError, match=said):
        frozen_ladders(path, *results(REFERENCE), KID)
