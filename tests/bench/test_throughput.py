"""The throughput suite measures exclusively, counts exactly, and keeps what pytest-benchmark can compare."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import filelock
import pytest
import torch
from graftbench.bench.cli import app
from graftbench.bench.cli.reporting import read_reported
from graftbench.bench.errors import UserError
from graftbench.bench.files import write_json
from graftbench.bench.registries import strategies
from graftbench.bench.rows import read_rows
from graftbench.bench.store import Store
from graftbench.bench.throughput import session
from graftbench.bench.throughput.stored import FOLDER
from graftbench.bench.throughput.workload import OperationCount, Workload, counted, peak_memory
from graftbench.bench.train import Training
from torch import nn
from typer.testing import CliRunner

TINY = Workload("finetune", width=4, batch=4)


def test_operations_are_counted_forward_and_backward_with_a_multiply_add_as_two():
    layer, x = nn.Conv2d(3, 5, 3, padding=1, bias=False), torch.randn(2, 3, 8, 8, requires_grad=True)
    with OperationCount() as count:
        y = layer(x)
    forward = 2 * (2 * 8 * 8) * 5 * (3 * 9)
    assert count.total == forward
    with OperationCount() as count:
        y.sum().backward(inputs=[x, layer.weight])
    assert count.total == 2 * forward


def test_freezing_trains_fewer_parameters_of_as_many():
    whole, frozen = counted(TINY), counted(Workload("frozen-d", width=4, batch=4))
    assert frozen["parameters"] == whole["parameters"]
    assert frozen["trainable_parameters"] < whole["trainable_parameters"]
    assert frozen["training_flops_per_image"] < whole["training_flops_per_image"]


def test_counts_are_the_same_every_time():
    assert counted(TINY) == counted(TINY)


def test_a_compiled_workload_compiles_its_networks_and_counts_the_same_operations():
    compiled = replace(TINY, compile=True)
    assert compiled.training(1).setup.compile == "inductor" and TINY.training(1).setup.compile is None
    assert counted(compiled) == counted(TINY)


def test_a_plugins_strategy_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(strategies, "_entries", dict(strategies.entries()))
    file = tmp_path / "mine.py"
    file.write_text(
        "from graftbench.strategies import register\nfrom graftbench.strategies.scratch import Scratch\n"
        '@register("measured-of-mine")\nclass It(Scratch):\n    """It."""\n'
    )
    workload = replace(TINY, strategy="measured-of-mine", plugins=(str(file),))
    again = Workload.from_json(workload.to_json())
    assert again == workload and "plugins" not in again.facts()
    assert counted(again) == counted(replace(TINY, strategy="scratch"))


@pytest.mark.parametrize(("precision", "rounded"), [("float32", False), ("tf32", True), ("bfloat16", True)])
def test_speed_and_memory_are_those_of_a_cell_of_that_precision(precision, rounded, monkeypatch):
    seen = set()

    def advance(training, until):
        seen.add((torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32))

    monkeypatch.setattr(Training, "advance", advance)
    peak_memory(replace(TINY, precision=precision))
    assert seen == {(rounded, rounded)}


def test_a_busy_machine_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(session.os, "getloadavg", lambda: (100.0, 0.0, 0.0))
    with pytest.raises(UserError, match="the machine is busy"):
        session.run_suite(tmp_path, TINY.to_json())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--strategy", "source-only"], "--strategy source-only does not train"),
        (["--backbone", "dcgan@33"], "'dcgan' has no resolution 33; it offers"),
        (["--backbone", "dcgan"], "--backbone is NAME@RESOLUTION"),
        (["--batch", "0"], "--batch"),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_is(options, message, tmp_path):
    refused = CliRunner().invoke(app, ["throughput", "--out", str(tmp_path / "out"), *options])
    assert refused.exit_code in (1, 2) and message in f"{refused.exception} {refused.output}"
    assert not (tmp_path / "out").exists()


def test_two_measurements_never_run_at_once(monkeypatch, tmp_path):
    monkeypatch.setenv("GRAFTBENCH_CACHE", str(tmp_path))
    with filelock.FileLock(tmp_path / "throughput.lock"), pytest.raises(UserError, match="another throughput"):
        session.run_suite(tmp_path / "out", TINY.to_json(), allow_busy=True)


@pytest.mark.slow
def test_a_measurement_is_stored_flagged_and_comparable(monkeypatch, tmp_path):
    monkeypatch.setenv("GRAFTBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(session.os, "getloadavg", lambda: (100.0, 0.0, 0.0))
    path = session.run_suite(
        tmp_path / "out", TINY.to_json(), ["finetune", "scratch"], ["dcgan@32"], 2, 2, allow_busy=True
    )
    row, _ = session.read_results(path).to_dict("records")
    assert (row["strategy"], row["backbone"], row["threads"], row["busy"]) == ("finetune", "dcgan", 1, True)
    assert row["seconds_per_kimg"] == pytest.approx(1000 / row["training_images_per_second"])
    assert row["sampling_images_per_second"] > row["training_images_per_second"]
    assert row["peak_memory_mb"] > 100
    assert row["torch"] == torch.__version__
    compared = subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", f"--storage={tmp_path / 'out'}", "compare"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "test_training[turn0-finetune-dcgan@32]" in compared.stdout
    names = [each["name"] for each in json.loads(path.read_text())["benchmarks"]]
    turns = [f"test_training[turn{turn}-{name}-dcgan@32]" for turn in (0, 1) for name in ("finetune", "scratch")]
    assert names[:4] == turns, "all once before any a second time"


def test_the_median_turn_counts_and_their_range_is_told(tmp_path):
    shared = {"strategy": "ewc", "backbone": "dcgan", "resolution": 32, "batch": 8, "precision": "float32"}
    machine = {"hardware": "X", "threads": 1, "torch": "2", "load_before": "0", "load_after": 0, "busy": False}
    entries = [
        {"extra_info": shared | {"device": "cpu", "phase": phase, "images_per_second": speed} | more}
        for phase, speed, more in (
            ("training", 50.0, {"parameters": 7}),
            ("sampling", 400.0, {}),
            ("training", 40.0, {}),
            ("sampling", 300.0, {}),
            ("training", 10.0, {}),
            ("sampling", 400.0, {}),
        )
    ]
    write_json(tmp_path / "x.json", {"benchmarks": entries, "machine_info": machine})
    (row,) = session.read_results(tmp_path / "x.json").to_dict("records")
    assert (row["training_images_per_second"], row["sampling_images_per_second"]) == (40.0, 400.0)
    assert (row["training_range"], row["sampling_range"], row["seconds_per_kimg"]) == (1.0, 0.25, 25.0)
    assert row["parameters"] == 7


def test_a_file_that_is_no_result_is_refused(tmp_path):
    for text in ("{}", "[]", '{"machine_info": {}, "benchmarks": [{"extra_info": {}, "stats": {}}]}'):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(UserError, match="no stored throughput result"):
            session.read_results(tmp_path / "x.json")


def test_a_store_reports_on_the_clock_of_the_measurement_that_it_holds(finished_run, tmp_path):
    shutil.copytree(finished_run, tmp_path / "store")
    store = Store(tmp_path / "store")
    (row,) = read_rows(store).to_dict("records")
    shared = ("strategy", "backbone", "resolution", "width", "batch", "precision", "device")
    info = {name: row[name] for name in shared} | {"phase": "training", "images_per_second": 8.0}
    machine = {name: row[name] for name in ("hardware", "threads", "torch")}
    machine |= {"load_before": "0", "load_after": 0.0, "busy": False}
    result = {
        "benchmarks": [{"extra_info": info | {"seconds_per_kimg": 125.0}, "stats": {"iqr": 0.0, "median": 1.0}}],
        "machine_info": machine,
        "datetime": "2026-01-01T00:00:00",
    }
    assert read_reported(store)[0]["clock"].tolist() == ["own"]
    write_json(store.root / FOLDER / "machine/0001.json", result)
    rows, curves = read_reported(store)
    assert rows["clock"].tolist() == ["exclusive"] and rows["seconds_per_kimg"].tolist() == [125.0]
    assert curves["seconds"].tolist() == (125.0 * curves["kimg"]).tolist()
    assert read_rows(store)["seconds_per_kimg"].tolist() == [row["seconds_per_kimg"]], "the store keeps the cell's own"
