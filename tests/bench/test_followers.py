"""Of several processes that train one cell together, none waits for ever for one that is gone."""

import os
import signal
import subprocess
import sys

import pytest

ALL_DIVERGE = r"""
import os
import torch
from graftbench.bench import parallel
from graftbench.bench.errors import Diverged
from graftbench.bench.registries import strategies
from graftbench.bench.train import Training
from graftbench.strategies.tiny import tiny_backbone, tiny_setup
torch.set_num_threads(1)
parallel.join(torch.device("cpu"))
training = Training(strategies.get("scratch")(), tiny_setup(tiny_backbone("dcgan"), batch=8))
step = training.strategy.step
spoil = float("nan") if parallel.rank() == 1 else 1.0
training.strategy.step = lambda real: {name: loss * spoil for name, loss in step(real).items()}
try:
    training.advance(2)
except Diverged as error:
    os.write(1, f"diverged {parallel.rank()}\n".encode())  # in one piece, for both write to it
parallel.leave()
"""
FOLLOWER_FAILS = """
import torch
from graftbench.bench import followers
followers.GRACE_SECONDS = followers.WATCH_SECONDS = 0.2
with followers.followers(2, ["-c", "raise SystemExit(3)"], torch.device("cpu")):
    print("not reached")
"""
FOLLOWER_IS_KILLED = """
import torch
from graftbench.bench.followers import FollowerKilled, followers
killed = '''
import os, torch
from graftbench.bench import parallel
parallel.join(torch.device("cpu"))
os.kill(os.getpid(), 9)
'''
try:
    with followers(2, ["-c", killed], torch.device("cpu")):
        torch.distributed.barrier()
except FollowerKilled as error:
    print(error)
"""


def run(program: str, *launcher: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, *launcher, *([] if launcher else ["-c"]), program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250, check=False)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_on_one_process_ends_all(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(ALL_DIVERGE)
    done = run(str(program), "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    assert done.returncode == 0, done.stderr
    assert sorted(line for line in done.stdout.splitlines() if line) == ["diverged 0", "diverged 1"]


def test_the_first_process_does_not_outlive_a_failed_one_by_long():
    done = run(FOLLOWER_FAILS)
    assert done.returncode == -signal.SIGKILL and "not reached" not in done.stdout
    assert "process 1 of 2 ended with code 3" in done.stderr


def test_a_killed_process_is_named_and_not_the_exchange_that_it_broke():
    done = run(FOLLOWER_IS_KILLED)
    assert "process 1 of 2 was killed by SIGKILL" in done.stdout, done.stdout + done.stderr
