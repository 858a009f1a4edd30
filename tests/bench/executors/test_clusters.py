"""Real clusters on this machine give the very rows of the local executor, also when a node is lost or time runs out."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import psutil
import pytest
import yaml
from graftbench.bench.rows import read_curves, read_rows
from graftbench.bench.store import Store
from waiting import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]
TIMINGS = ["asked", "train_seconds", "seconds_per_kimg", "wall_seconds", "peak_memory_mb"]
MATRIX = {
    "backbone": {"name": "dcgan", "resolution": 32, "width": 4},
    "source": {"domain": "toyfaces", "kimg": 0.064, "batch": 32},
    "targets": ["toycats"],
    "shots": 10,
    "seeds": 3,
    "strategies": ["own"],
    "budget": {"kimg": 0.8, "batch": 8},
    "evaluation": {"points": 2, "fakes": 24, "reals": 32},
}
PLUGIN = '''
import os, pathlib, time
from dataclasses import dataclass
from graftbench.strategies import register
from graftbench.strategies.finetune import FineTune


@register("own")
@dataclass
class Own(FineTune):
    """A user's strategy, which must travel. Its cells last until the file GATE exists, where a test names one."""

    def generator_penalty(self):
        if "GATE" in os.environ and not pathlib.Path(os.environ["GATE"]).exists():
            time.sleep(2)
        return super().generator_penalty()
'''


class Site:
    """A folder with a matrix and a plug-in, and ``graftbench run`` of them with all that differs between executors."""

    def __init__(self, folder: Path, cache: Path):
        self.folder, self.cache = folder, cache
        (folder / "tiny.yaml").write_text(yaml.safe_dump(MATRIX))
        (folder / "own.py").write_text(PLUGIN)

    def start(self, store: str, *options: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "graftbench", "run", "tiny.yaml", "--plugin", "own.py", "--threads", "1"]
        return subprocess.Popen(
            [*command, "--no-report", "--store", store, *options],
            cwd=self.folder,
            env={**os.environ, "GRAFTBENCH_CACHE": str(self.cache)},
            stdout=subprocess.PIPE,
            text=True,
        )


def assert_all_ok(run: subprocess.Popen) -> None:
    output, _ = run.communicate(timeout=600)
    assert run.returncode == 0 and "3 ok" in output, output


@pytest.fixture(scope="module")
def site(tmp_path_factory, cache):
    """The place of all runs, where the local executor has run already, into ``local``."""
    site = Site(tmp_path_factory.mktemp("site"), cache)
    assert_all_ok(site.start("local"))
    return site


def assert_equal_stores(one, two) -> None:
    rows = [read_rows(Store(store)).sort_values("key", ignore_index=True).drop(columns=TIMINGS) for store in (one, two)]
    assert set(rows[0].status) == {"ok"}
    pd.testing.assert_frame_equal(*rows, check_exact=True)
    curves = [read_curves(Store(store)).drop(columns="seconds") for store in (one, two)]
    pd.testing.assert_frame_equal(*curves, check_exact=True)
    for folder in Store(one).cells.iterdir():
        weights = [(Store(s).folder(folder.name) / "generator.safetensors").read_bytes() for s in (one, two)]
        assert weights[0] == weights[1]


def read_all(paths) -> str:
    return "".join(path.read_text() for path in paths)


def test_a_ray_cluster_that_loses_a_node_gives_the_rows_of_the_local_executor(site, tmp_path, monkeypatch):
    ray_cluster = pytest.importorskip("ray.cluster_utils")
    monkeypatch.setenv("RAY_TMPDIR", tempfile.gettempdir())  # its sockets need short paths
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where cells work on their node
    monkeypatch.setenv("GRAFTBENCH_CACHE", str(tmp_path / "cache-of-the-nodes"))
    monkeypatch.setenv("GATE", str(tmp_path / "gate"))
    cluster = ray_cluster.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        doomed = cluster.add_node(num_cpus=1)
        run = site.start("ray", "--executor", "ray", "--address", cluster.address)
        wait_for(lambda: len(list(tmp_path.glob("graftbench-*/cell/curve.jsonl"))) == 2, run)
        cluster.remove_node(doomed, allow_graceful=False)
        (tmp_path / "gate").touch()
        assert_all_ok(run)
    finally:
        cluster.shutdown()
    assert len(list(tmp_path.glob("graftbench-*"))) == 1, "the place of the cell whose node was lost"
    assert_equal_stores(site.folder / "local", site.folder / "ray")


def test_a_ray_run_that_is_asked_to_stop_says_how_to_go_on(site, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_TMPDIR", tempfile.gettempdir())
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("GATE", str(tmp_path / "gate"))
    run = site.start("stopped", "--executor", "ray", "--jobs", "1")
    wait_for(lambda: list(tmp_path.glob("graftbench-*/cell/curve.jsonl")), run)
    run.send_signal(signal.SIGTERM)
    output, _ = run.communicate(timeout=120)
    assert run.returncode == 130 and "stopped: 3 of 3 cells are left" in output, output


def test_slurm_tasks_requeued_at_their_time_limit_give_the_rows_of_the_local_executor(site, tmp_path, monkeypatch):
    monkeypatch.setenv("GATE", str(tmp_path / "gate"))
    options = ["cluster=local", "cells_per_task=2", "timeout_min=5"]
    given = [part for option in options for part in ("--executor-option", option)]
    run = site.start("slurm", "--executor", "slurm", *given)
    store = site.folder / "slurm"
    wait_for(lambda: len(list(store.glob("cells/*/curve.jsonl"))) == 2, run)
    # Slurm gives this signal before the limit; submitit's double of it does so by a clock that counts in minutes.
    for process in psutil.Process(run.pid).children(recursive=True):
        if "submitit.core._submit" in process.cmdline():
            process.send_signal(signal.SIGUSR2)
    wait_for(lambda: read_all(store.glob("cells/*/log.txt")).count("stopped at step") == 2, run)
    (tmp_path / "gate").touch()
    assert_all_ok(run)
    assert "Requeued job" in read_all(store.glob("slurm/tasks/*_log.*"))
    assert "resumed at step" in read_all(store.glob("cells/*/log.txt"))
    assert_equal_stores(site.folder / "local", store)
