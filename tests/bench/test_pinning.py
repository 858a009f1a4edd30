"""A command that measures runs with the threads of a cell, also if it was started with others."""

import json
import os
import subprocess
import sys

from graftbench.bench.pinning import pinned

SCRIPT = """
import json, os
from graftbench.bench.pinning import restart_pinned
print("started", flush=True)
restart_pinned(2)
print(json.dumps(dict(os.environ)))
"""


def started(tmp_path, **environment) -> tuple[int, dict]:
    """How often the script started, and its environment in the end."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, script, "an argument"],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    *starts, last = done.stdout.splitlines()
    return len(starts), json.loads(last)


def test_a_command_starts_again_with_its_threads_pinned(tmp_path):
    starts, environment = started(tmp_path, OMP_NUM_THREADS="7", OPENBLAS_NUM_THREADS="7")
    assert starts == 2
    assert environment.items() >= pinned(2).items()
    assert environment["OMP_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"] == "2"
    assert environment["OMP_WAIT_POLICY"] == "passive"


def test_and_only_once(tmp_path):
    assert started(tmp_path, **pinned(2))[0] == 1
