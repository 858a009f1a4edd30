"""Reported seconds are an exclusive measurement's where it covers all that is compared, and say whose they are."""

import json

import numpy as np
import pandas as pd
import pytest
from graftbench.bench.throughput.stored import stored_speeds
from graftbench.reports.clock import EXCLUSIVE, OWN, WORDS, clock_note, with_exclusive_clock
from graftbench.reports.consistency import headline_problems
from graftbench.reports.ladder import ladders
from graftbench.reports.ranking import rank
from graftbench.reports.report import write_report
from graftbench.reports.tables import all_tables
from synthetic import EXTRACTOR, synthetic

KID = f"kid@{EXTRACTOR}"
STRATEGIES = ["finetune", "frozen-d", "scratch"]
SPEEDS = pd.DataFrame(
    {
        "strategy": STRATEGIES,
        "backbone": "dcgan",
        "resolution": 32,
        "width": 32,
        "batch": 16,
        "precision": "float32",
        "compile": False,
        "hardware": "Imaginary CPU, 2 cores",
        "device": "cpu",
        "threads": 2,
        "torch": "2.14.1",
        "seconds_per_kimg": [2.0, 1.5, 2.5],
    }
)


@pytest.fixture
def results():
    return synthetic(STRATEGIES, targets=2, seeds=2, failed={("frozen-d", "sketches", 0)})


def test_seconds_are_kimg_times_the_measured_seconds_per_kimg(results):
    rows, curves = with_exclusive_clock(*results, SPEEDS)
    ran = rows[~rows["reference"]]
    assert set(ran["clock"]) == {EXCLUSIVE}
    ok = ran[ran["status"] == "ok"]
    speed = ok["strategy"].map(dict(zip(STRATEGIES, [2.0, 1.5, 2.5], strict=True)))
    assert (ok["seconds_per_kimg"] == speed).all() and (ok["train_seconds"] == 10 * speed).all()
    points = curves.merge(ran[["key", "strategy"]], on="key")
    expected = points["kimg"] * points["strategy"].map(dict(zip(STRATEGIES, [2.0, 1.5, 2.5], strict=True)))
    assert (points["seconds"] == expected).all()  # of the cell that failed too
    assert [problem for problem in headline_problems(ok, curves) if "seconds" in problem] == []


def test_the_reference_lines_and_all_other_columns_stay_as_they_are(results):
    rows, curves = with_exclusive_clock(*results, SPEEDS)
    clocked = ["train_seconds", "seconds_per_kimg"]
    pd.testing.assert_frame_equal(rows.drop(columns=[*clocked, "clock"]), results[0].drop(columns=clocked))
    pd.testing.assert_frame_equal(curves.drop(columns="seconds"), results[1].drop(columns="seconds"))
    line = rows["reference"]
    pd.testing.assert_frame_equal(rows.loc[line, clocked], results[0].loc[line, clocked])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("hardware", "Another CPU"), ("threads", 1), ("batch", 64), ("width", 64), ("torch", "2.13.0")),
        *(("precision", "bfloat16"), ("device", "cuda"), ("resolution", 64), ("backbone", "sngan")),
        ("compile", True),
    ],
)
def test_a_measurement_in_another_setting_is_not_taken(results, column, value):
    rows, curves = with_exclusive_clock(*results, SPEEDS.assign(**{column: value}))
    assert set(rows["clock"]) == {OWN}
    pd.testing.assert_frame_equal(rows.drop(columns="clock"), results[0])
    pd.testing.assert_frame_equal(curves, results[1])


def test_two_clocks_are_never_compared_with_each_other(results):
    without_one = SPEEDS[SPEEDS["strategy"] != "scratch"]
    assert set(with_exclusive_clock(*results, without_one)[0]["clock"]) == {OWN}
    for changes in ({"augment": "ada"}, {"params": '{"strength": 1}'}, {"optimisation": '{"r1_every": 1}'}):
        rows = results[0].assign(optimisation="{}", compile=False)
        rows.loc[rows["strategy"] == "scratch", list(changes)] = list(changes.values())
        assert set(with_exclusive_clock(rows, results[1], SPEEDS)[0]["clock"]) == {OWN}


def test_a_later_measurement_replaces_an_earlier_one(results):
    speeds = pd.concat([SPEEDS, SPEEDS.assign(seconds_per_kimg=7.0)], ignore_index=True)
    rows, _ = with_exclusive_clock(*results, speeds)
    assert set(rows.loc[(rows["status"] == "ok") & ~rows["reference"], "seconds_per_kimg"]) == {7.0}


@pytest.mark.parametrize(
    ("speeds", "clock"), [(SPEEDS, EXCLUSIVE), pytest.param(SPEEDS.iloc[:0], OWN, marks=pytest.mark.slow)]
)
def test_tables_and_figures_in_seconds_say_whose_they_are(results, tmp_path, speeds, clock):
    rows, curves = with_exclusive_clock(*results, speeds)
    other = WORDS[OWN if clock == EXCLUSIVE else EXCLUSIVE]
    assert clock_note(rows) == WORDS[clock]
    targets = {KID: ladders(rows, curves, KID)}
    found = all_tables(rows, curves, targets)
    for table in [*found["throughput"], *found["convergence"]]:
        in_seconds = "(s)" in table.title or "(s/kimg)" in table.title
        assert (WORDS[clock] in " ".join(table.notes)) == in_seconds, table.title
        assert other not in " ".join(table.notes)
    page = write_report(rows, curves, tmp_path, ladders=targets).read_text()
    assert page.count(WORDS[clock]) >= 5 and other not in page


def test_stored_results_of_a_busy_machine_are_not_taken(tmp_path):
    def store(name, busy, seconds, width=None):
        shared = {"strategy": "finetune", "backbone": "dcgan", "resolution": 32, "batch": 16, "width": width}
        info = shared | {"precision": "float32", "device": "cuda:0", "phase": "training"}
        info |= {"seconds_per_kimg": seconds, "images_per_second": 1000 / seconds}
        machine = {"hardware": "X", "threads": 1, "torch": "2", "load_before": "0", "load_after": 0, "busy": busy}
        entry = {"extra_info": info, "stats": {"iqr": 0.1, "median": 1.0}}
        path = tmp_path / "machine" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            json.dumps({"benchmarks": [entry], "machine_info": machine, "datetime": f"2026-01-0{int(seconds)}"})
        )

    assert stored_speeds(tmp_path).empty
    store("0001_a.json", True, 9.0)
    assert stored_speeds(tmp_path).empty
    store("0002_b.json", False, 3.0)
    store("0003_c.json", False, 2.0, width=8)
    found = stored_speeds(tmp_path)
    assert found["seconds_per_kimg"].tolist() == [2.0, 3.0], "the newest last"
    assert found["width"].tolist() == [8, 32] and set(found["device"]) == {"cuda"}


def test_one_measurement_is_not_counted_as_often_as_there_are_cells(results):
    rows, _ = with_exclusive_clock(*results, SPEEDS)
    (table,) = [each for each in all_tables(rows)["throughput"] if each.name.startswith("throughput-seconds-per-kimg")]
    assert table.head[1:] == ("all targets", "mean rank") and not table.references
    assert {row[0]: (row[1].text, row[1].mark) for row in table.body} == {
        "frozen-d": ("1.500 (n=1)", "best"),
        "finetune": ("2 (n=1)", "untestable"),
        "scratch": ("2.500 (n=1)", "untestable"),
    }
    (ranking,) = rank(rows, "seconds_per_kimg")
    assert ranking.order == ("frozen-d", "finetune", "scratch") and ranking.worst.friedman_p is None
    assert [each.probability_first for each in ranking.standings] == [None] * 3
    (own,) = rank(results[0], "seconds_per_kimg")
    assert len(own.blocks) == 2


def test_of_two_measurements_none_stands_for_all_cells(results):
    other = results[0]["seed"] == 1
    rows = (results[0].assign(torch=np.where(other, "3.0", "2.14.1")), results[1])
    speeds = pd.concat([SPEEDS, SPEEDS.assign(torch="3.0", seconds_per_kimg=9.0)])
    clocked, _ = with_exclusive_clock(*rows, speeds)
    assert set(clocked.loc[~clocked["reference"], "clock"]) == {EXCLUSIVE}
    (ranking,) = rank(clocked, "seconds_per_kimg")
    assert len(ranking.blocks) == 2
