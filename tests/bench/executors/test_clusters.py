"""Real clusters on this machine give the very rows of the local executor, also when a node is lost or time runs out."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import psutil
import pytest
from graftbench.bench.rows import read_curves, read_rows
from graftbench.bench.store import Store

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]
TIMINGS = ["asked", "train_seconds", "seconds_per_kimg", "wall_seconds", "peak_memory_mb"]
SETTINGS = {"strategies": ["scratch", "finetune", "frozen-d", "own"], "budget": {"kimg": 0.8, "batch": 8}}
PLUGIN = '''
from dataclasses import dataclass
from graftbench.strategies import register
from graftbench.strategies.scratch import Scratch


@register("own")
@dataclass
class Own(Scratch):
    """A user's strategy, which must travel."""
'''


@pytest.fixture
def arguments(matrix_file, tmp_path):
    plugin = tmp_path / "own.py"
    plugin.write_text(PLUGIN)
    return [matrix_file(**SETTINGS), "--plugin", plugin, "--threads", "1", "--no-report"]


def assert_equal_stores(one, two) -> None:
    rows = [read_rows(Store(store)).sort_values("key", ignore_index=True).drop(columns=TIMINGS) for store in (one, two)]
    assert set(rows[0].status) == {"ok"}
    pd.testing.assert_frame_equal(*rows, check_exact=True)
    curves = [read_curves(Store(store)).drop(columns="seconds") for store in (one, two)]
    pd.testing.assert_frame_equal(*curves, check_exact=True)
    for folder in Store(one).cells.iterdir():
        weights = [(Store(s).folder(folder.name) / "generator.safetensors").read_bytes() for s in (one, two)]
        assert weights[0] == weights[1]


@pytest.fixture
def start(tmp_path, cache):
    """Start ``graftbench run …`` and leave it running."""
    started = []

    def call(*arguments) -> subprocess.Popen:
        command = [sys.executable, "-m", "graftbench", "run", *map(str, arguments)]
        environment = {**os.environ, "GRAFTBENCH_CACHE": str(cache), "TMPDIR": str(tmp_path / "nodes")}
        run = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
        started.append(run)
        return run

    yield call
    for run in started:
        run.kill()


def wait_for(happened, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_a_ray_cluster_that_loses_a_node_gives_the_rows_of_the_local_executor(
    graftbench, start, arguments, tmp_path, monkeypatch
):
    ray_cluster = pytest.importorskip("ray.cluster_utils")
    assert graftbench("run", *arguments, "--store", "local").returncode == 0
    nodes = tmp_path / "nodes"
    nodes.mkdir()
    monkeypatch.setenv("TMPDIR", str(nodes))  # where cells work on their node
    monkeypatch.setenv("GRAFTBENCH_CACHE", str(tmp_path / "cache-of-the-nodes"))
    cluster = ray_cluster.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        doomed = cluster.add_node(num_cpus=1)
        run = start(*arguments, "--store", "ray", "--executor", "ray", "--address", cluster.address)
        wait_for(lambda: len(list(nodes.glob("graftbench-*/cell/curve.jsonl"))) == 2)
        cluster.remove_node(doomed, allow_graceful=False)
        output, _ = run.communicate(timeout=600)
    finally:
        cluster.shutdown()
    assert run.returncode == 0 and "4 ok" in output, output
    assert_equal_stores(tmp_path / "local", tmp_path / "ray")
    assert len(list(nodes.glob("graftbench-*"))) == 1, "of the lost node's cell, its work was thrown away"


def test_slurm_tasks_requeued_at_their_time_limit_give_the_rows_of_the_local_executor(
    graftbench, start, arguments, tmp_path
):
    assert graftbench("run", *arguments, "--store", "local").returncode == 0
    options = ["cluster=local", "cells_per_task=2", "timeout_min=5"]
    given = [part for option in options for part in ("--executor-option", option)]
    run = start(*arguments, "--store", "slurm", "--executor", "slurm", *given)
    wait_for(lambda: len(list((tmp_path / "slurm/cells").glob("*/curve.jsonl"))) == 2)
    # Slurm gives this signal before the limit; submitit's double of it does so by a clock that counts in minutes.
    for process in psutil.Process(run.pid).children(recursive=True):
        if "submitit.core._submit" in process.cmdline():
            process.send_signal(signal.SIGUSR2)
    output, _ = run.communicate(timeout=600)
    assert run.returncode == 0 and "4 ok" in output, output
    tasks = "".join(path.read_text() for path in (tmp_path / "slurm/slurm/tasks").glob("*_log.*"))
    cells = "".join(path.read_text() for path in (tmp_path / "slurm/cells").glob("*/log.txt"))
    assert "Requeued job" in tasks and "stopped at step" in cells and "resumed at step" in cells
    assert_equal_stores(tmp_path / "local", tmp_path / "slurm")
