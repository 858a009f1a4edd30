"""Killed at any moment and started again, a run ends with the very numbers and weights of one that was left alone."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
from graftbench.bench.checkpoint import NEWEST, PREVIOUS
from graftbench.bench.rows import read_curves, read_rows
from graftbench.bench.store import Store, read_status
from waiting import wait_for

TIMINGS = ["asked", "train_seconds", "seconds_per_kimg", "wall_seconds", "peak_memory_mb"]
RUN = """
import sys
from pathlib import Path
from graftbench.bench.executors.job import Job
from graftbench.bench.executors.local import run_local

folder = Path(sys.argv[1])
job = Job(folder, folder.parent.parent / "references", retry=True, checkpoint_seconds=0)
run_local([job], lambda finished, running: None, slots=1, threads=1)
"""


class Run:
    """A store with one cell, run by a process that can be killed."""

    def __init__(self, root: Path, spec: str, cache: Path):
        self.store, self.cache = Store(root, create=True), cache
        self.folder = self.store.folder("0123456789abcdef")
        self.folder.mkdir()
        (self.folder / "spec.json").write_text(spec)

    def start(self) -> subprocess.Popen:
        environment = {**os.environ, "GRAFTBENCH_CACHE": str(self.cache)}
        return subprocess.Popen([sys.executable, "-c", RUN, str(self.folder)], env=environment)

    def finish(self) -> None:
        assert self.start().wait() == 0
        assert read_status(self.folder)["status"] == "ok", (self.folder / "log.txt").read_text()

    def kill(self, victim: str, checkpoints: int, seconds: float) -> None:
        """Start, and kill ``victim`` some ``seconds`` after so many checkpoints were written."""
        parent = self.start()
        worker = wait_for(lambda: next(iter(psutil.Process(parent.pid).children()), None))
        seen = set()

        def written() -> bool:
            with contextlib.suppress(FileNotFoundError):
                seen.add((self.folder / NEWEST).stat().st_mtime_ns)
            return len(seen) > checkpoints or not worker.is_running()

        wait_for(written)
        time.sleep(seconds)
        assert worker.is_running(), "the run ended before it was killed; give it a larger budget"
        if victim in ("parent", "both"):
            parent.kill()
        if victim in ("child", "both"):
            worker.kill()
        parent.wait()
        wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
        assert read_status(self.folder)["status"] == ("killed" if victim == "child" else "missing")

    def copy(self, root: Path) -> "Run":
        other = Run(root, (self.folder / "spec.json").read_text(), self.cache)
        shutil.copytree(self.folder, other.folder, dirs_exist_ok=True)
        return other


def assert_identical(one: Run, two: Run) -> None:
    """Weights, rows and curves, all but the timings."""
    weights = [(run.folder / "generator.safetensors").read_bytes() for run in (one, two)]
    assert weights[0] == weights[1]
    rows = [read_rows(run.store).drop(columns=TIMINGS) for run in (one, two)]
    pd.testing.assert_frame_equal(*rows, check_exact=True)
    curves = [read_curves(run.store).drop(columns="seconds") for run in (one, two)]
    pd.testing.assert_frame_equal(*curves, check_exact=True)


@pytest.fixture
def make_run(tmp_path, cache, matrix_file, monkeypatch):
    """Runs of one and the same cell, long enough for so many kills."""
    monkeypatch.setenv("GRAFTBENCH_CACHE", str(cache))
    from graftbench.bench.matrix_file import load_matrix
    from graftbench.bench.planning import plan_matrix

    def make(kills: int) -> tuple[Run, Run]:
        budget = {"kimg": (kills + 1) * 20 * 8 / 1000, "batch": 8}
        file = matrix_file(strategies=["scratch"], augment=["ada"], budget=budget)
        (cell,) = plan_matrix(load_matrix(str(file))).cells
        return tuple(Run(tmp_path / name, cell.canonical(), cache) for name in ("alone", "killed"))

    return make


@pytest.mark.slow(minutes=3)
@pytest.mark.timeout(1200)
def test_a_run_killed_at_random_moments_ends_bit_identical(make_run):
    kills = 20
    alone, killed = make_run(kills)
    alone.finish()
    draw = random.Random(kills)
    for index in range(kills):
        # Before the first checkpoint of this start, or after one or two more; writing one takes about 20 ms.
        killed.kill(("parent", "child", "both")[index % 3], draw.choice((0, 1, 1, 2)), draw.uniform(0, 0.2))
    killed.finish()
    assert_identical(alone, killed)


@pytest.mark.slow
def test_a_kill_between_two_writes_and_a_truncated_checkpoint_change_nothing(make_run, tmp_path):
    alone, killed = make_run(2)
    alone.finish()
    killed.kill("both", 3, 0.01)
    assert (killed.folder / NEWEST).exists() and (killed.folder / PREVIOUS).exists()
    between = killed.copy(tmp_path / "between")
    (between.folder / NEWEST).replace(between.folder / PREVIOUS)
    newest = killed.folder / NEWEST
    newest.write_bytes(newest.read_bytes()[:-1000])
    for run in (between, killed):
        run.finish()
        assert "resumed at step" in (run.folder / "log.txt").read_text()
        assert_identical(alone, run)


def test_a_run_asked_to_stop_keeps_its_last_step(make_run):
    _, run = make_run(10)
    parent = run.start()
    wait_for((run.folder / NEWEST).exists)
    parent.send_signal(signal.SIGINT)
    assert parent.wait() != 0
    assert read_status(run.folder)["status"] == "missing"
    assert "stopped at step" in (run.folder / "log.txt").read_text()
