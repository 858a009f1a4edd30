"""Ctrl-C on the command line as a user starts it: once stops cleanly, twice stops at once, and nothing stays behind."""

import os
import signal
import subprocess
import sys

import psutil
import pytest
from waiting import wait_for

PLUGIN = '''
import os, pathlib, time
from dataclasses import dataclass
from graftbench.strategies import register
from graftbench.strategies.scratch import Scratch


@register("slow")
@dataclass
class Slow(Scratch):
    """Takes as long over a step as NAP says, and leaves a note that it is at it."""

    def generator_penalty(self):
        pathlib.Path(os.environ["NOTE"]).touch()
        time.sleep(float(os.environ["NAP"]))
        return super().generator_penalty()
'''


@pytest.fixture
def start(matrix_file, cache, tmp_path):
    """Start ``graftbench run`` of one cell that naps ``nap`` seconds a step; it leads a process group of its own."""
    (tmp_path / "slow.py").write_text(PLUGIN)
    matrix_file(strategies=["slow"])
    started = []

    def begin(nap: float) -> subprocess.Popen:
        run = subprocess.Popen(
            [sys.executable, "-m", "graftbench", "run", "tiny.yaml", "--plugin", "slow.py", "--no-report"],
            cwd=tmp_path,
            env={**os.environ, "GRAFTBENCH_CACHE": str(cache), "NAP": str(nap), "NOTE": str(tmp_path / "note")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(run)
        return run

    yield begin
    for run in started:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()


def press_ctrl_c(run: subprocess.Popen) -> None:
    """As a terminal does it: to the whole group in the foreground."""
    os.killpg(run.pid, signal.SIGINT)


def assert_stopped(run: subprocess.Popen, workers: list[psutil.Process], seconds: float) -> None:
    output, errors = run.communicate(timeout=seconds)
    assert run.returncode == 130, output + errors
    assert "Traceback" not in errors
    assert "stopped: 1 of 1 cells are left and go on from their checkpoints with: graftbench run tiny.yaml" in output
    assert workers and not psutil.wait_procs(workers, timeout=10)[1], "left behind"


@pytest.mark.slow
def test_once_keeps_a_checkpoint_and_the_same_command_goes_on_from_it(start, tmp_path):
    run = start(nap=0.3)
    wait_for(lambda: list(tmp_path.glob("runs/tiny/cells/*/curve.jsonl")) and (tmp_path / "note").exists(), run)
    workers = psutil.Process(run.pid).children(recursive=True)
    press_ctrl_c(run)
    assert_stopped(run, workers, seconds=30)
    (cell,) = (tmp_path / "runs/tiny/cells").iterdir()
    assert (cell / "checkpoint.safetensors").exists() and not (cell / "status.json").exists()

    again = start(nap=0)
    output, errors = again.communicate(timeout=120)
    assert again.returncode == 0 and "1 ok" in output, output + errors
    assert "resumed at step" in (cell / "log.txt").read_text()


@pytest.mark.slow
def test_twice_does_not_wait_for_a_step_that_takes_a_minute(start, tmp_path):
    run = start(nap=60)
    wait_for((tmp_path / "note").exists, run)
    workers = psutil.Process(run.pid).children(recursive=True)
    press_ctrl_c(run)
    with pytest.raises(subprocess.TimeoutExpired):
        run.wait(2)  # for the step to end
    press_ctrl_c(run)
    assert_stopped(run, workers, seconds=10)
