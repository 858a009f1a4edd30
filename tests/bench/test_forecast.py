"""What `graftbench plan` says of hours and disk comes from what was measured on this hardware."""

import pandas as pd
import pytest
from finished import a_cell, finish
from graftbench.bench.files import write_json
from graftbench.bench.forecast import disk_sentence, forecast, measurements
from graftbench.bench.rows import read_rows
from graftbench.bench.store import Store


@pytest.fixture
def runs(tmp_path):
    """A store with two finished cells, at 2 and 4 s/kimg, each with a second of evaluation."""
    store = Store(tmp_path / "runs/one", create=True)
    finish(store, a_cell(0), kid=0.5, seconds=2.0)
    finish(store, a_cell(1), kid=0.5, seconds=4.0)
    read_rows(store)
    return tmp_path / "runs"


def test_hours_are_the_median_speed_times_kimg_and_the_time_around_it(runs):
    left = [a_cell(seed, kimg=1200.0) for seed in (2, 3, 4)]
    found = forecast(left, measurements(runs / "two", left[0], "a CPU"))
    assert found.train_seconds == pytest.approx(3 * 1200 * 3.0)
    assert found.other_seconds == pytest.approx(3 * 1.0)
    assert "left to run: 3 cells, 3600 kimg; 3 h one after the other on a CPU" in found.sentence("a CPU")


def test_a_store_whose_run_was_cut_off_tells_from_its_own_cells(tmp_path):
    store = Store(tmp_path / "runs/cut", create=True)
    finish(store, a_cell(0), kid=0.5, seconds=2.0)
    assert not (store.root / "rows.parquet").exists()
    assert forecast([a_cell(1)], measurements(store.root, a_cell(1), "a CPU")).measured == 1


@pytest.mark.parametrize("other", [{"width": 64}, {"batch": 64}, {"resolution": 64}, {"precision": "bfloat16"}])
def test_speeds_of_other_settings_do_not_count(runs, other):
    left = [a_cell(2, **other)]
    assert "unknown" in forecast(left, measurements(runs / "two", left[0], "a CPU")).sentence("a CPU")


def test_speeds_of_other_hardware_do_not_count(runs):
    assert measurements(runs / "two", a_cell(2), "another CPU").empty


def test_a_strategy_that_was_not_measured_is_counted_as_the_slowest_and_named(runs):
    left = [a_cell(2, strategy="finetune")]
    found = forecast(left, measurements(runs / "two", left[0], "a CPU"))
    assert found.guessed == ("finetune",)
    table = pd.DataFrame({"strategy": ["scratch", "vae"], "seconds_per_kimg": [1.0, 7.0]})
    assert forecast(left, table).train_seconds == 7.0


def test_a_damaged_table_of_a_store_beside_is_passed_over(runs):
    (runs / "other").mkdir()
    (runs / "other" / "rows.parquet").write_bytes(b"no table")
    assert forecast([a_cell(2)], measurements(runs / "two", a_cell(2), "a CPU")).measured == 2


@pytest.mark.parametrize("place", ["runs/throughput", "runs/new/throughput"])
def test_what_throughput_measured_counts_where_nothing_was_run(tmp_path, place):
    said = {name: getattr(a_cell(), name) for name in ("strategy", "backbone", "resolution", "width", "batch")}
    info = {**said, "precision": "float32", "device": "cpu", "phase": "training"}
    info |= {"images_per_second": 100.0, "seconds_per_kimg": 10.0}
    machine = {"hardware": "a CPU", "threads": 1, "torch": "2", "load_before": "0", "load_after": 0.0, "busy": False}
    result = {"benchmarks": [{"extra_info": info, "stats": {"iqr": 0.0, "median": 1.0}}], "machine_info": machine}
    write_json(tmp_path / place / "0001.json", result)
    assert forecast([a_cell()], measurements(tmp_path / "runs/new", a_cell(), "a CPU")).train_seconds == 10.0


def test_disk_is_told_from_stored_cells_or_from_the_number_of_parameters(runs):
    assert "as 2 stored cells take" in disk_sentence(runs / "one", 10, 1.0)
    assert "disk: 2 GB more for 1000 cells, by the number of parameters" in disk_sentence(runs / "new", 1000, 2.0)
    assert "NOT ENOUGH" in disk_sentence(runs / "new", 10**9, 2.0)


def test_plan_says_it(runs, matrix_file, graftbench, tmp_path):
    pairs = ["toycats", "toyfaces->toyfaces-sketches@5"]
    store = tmp_path / "runs" / "tiny"
    (store / "throughput").mkdir(parents=True)  # measured before anything was run
    twice = graftbench("plan", matrix_file(targets=pairs, shots=[5, 10], strategies=["scratch", "vae"])).stdout
    assert "2 strategies on 3 blocks" in twice
    said = graftbench("plan", matrix_file()).stdout
    assert "left to run: 1 cells, 0.2 kimg; how long is unknown" in said and "GB are free" in said
