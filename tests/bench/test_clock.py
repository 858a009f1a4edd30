"""The training clock counts training and nothing else, however often a run is evaluated."""

import dataclasses
import json

import pytest
import torch
from finished import a_cell
from graftbench.bench import clock as training_clock
from graftbench.bench import experiment
from graftbench.bench.metrics.evaluator import Evaluator
from graftbench.bench.throughput.clock_check import Trace, evaluation_trace
from graftbench.strategies.scratch import Scratch

STEPS, EVALUATION_SECONDS = 20, 50.0
CELL = a_cell(shots=8, kimg=STEPS * 8 / 1000, fakes=8, reals=16)


@pytest.fixture
def clock(monkeypatch, tmp_path):
    """A clock that moves only when work is done: a second a step, and fifty an evaluation."""
    now = [0.0]

    def costing(seconds, function):
        def call(*args, **kwargs):
            now[0] += seconds
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(training_clock.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(Scratch, "step", costing(1.0, Scratch.step))
    monkeypatch.setattr(Evaluator, "evaluate", costing(EVALUATION_SECONDS, Evaluator.evaluate))
    monkeypatch.setenv("GRAFTBENCH_CACHE", str(tmp_path / "cache"))
    return now


@pytest.mark.parametrize("points", [1, 10])
def test_evaluations_do_not_change_the_reported_training_seconds(clock, tmp_path, points):
    cell = dataclasses.replace(CELL, points=points)
    final = experiment.run_cell(cell, None, tmp_path / "cell", tmp_path / "references", torch.device("cpu"))
    assert final["train_seconds"] == STEPS
    assert final["wall_seconds"] == STEPS + EVALUATION_SECONDS * (points + 1)
    curve = [json.loads(line) for line in (tmp_path / "cell/curve.jsonl").read_text().splitlines()]
    assert [row["seconds"] for row in curve] == [STEPS * point / points for point in range(points + 1)]


def test_the_clock_check_passes_this_clock_and_catches_one_that_counts_evaluations(clock, monkeypatch):
    """``graftbench clock-check`` does the same with a real clock."""
    trace = evaluation_trace(CELL, 3, 1, torch.device("cpu"))
    assert trace.added == [0, 0, 0] and trace.step_seconds == 1 and trace.steps == STEPS and trace.change == 0
    monkeypatch.setattr(experiment.Training, "seconds", property(lambda training: clock[0]))
    trace = evaluation_trace(CELL, 2, 1, torch.device("cpu"))
    assert trace.seconds == EVALUATION_SECONDS and trace.change > 0.02


def test_one_disturbed_evaluation_does_not_decide():
    assert Trace([0.0, 0.01, -0.01, 0.0, 5.0], step_seconds=1, steps=10).change == 0
