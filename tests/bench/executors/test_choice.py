"""Which executor runs the cells, and the copy of the package that it sends along."""

import importlib.util
import subprocess
import sys

import pytest
from graftbench.bench.errors import UserError
from graftbench.bench.executors.choice import choose_executor
from graftbench.bench.executors.staging import stage
from graftbench.bench.registries import strategies

KEPT = ["BuiltinImporter", "FrozenImporter", "PathFinder"]
"""Python's own ways to import; an editable install adds one that finds the checkout."""
CHOICE = {"slots": 1, "threads": 1, "device": "cpu", "address": None, "options": []}


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("slurn", {}, "unknown executor 'slurn'; did you mean 'slurm'"),
        ("ray", {"options": ["num_gpu=1"]}, "did you mean 'num_gpus'"),
        ("slurm", {"options": ["partition"]}, "give NAME=VALUE"),
        ("local", {"address": "auto"}, "are for the executors ray and slurm"),
        ("local", {"device": "cuda:99"}, "cuda"),
    ],
)
def test_a_mistake_is_said_before_anything_runs(name, changed, message, tmp_path):
    with pytest.raises(UserError, match=message):
        choose_executor(name, store=tmp_path, **{**CHOICE, **changed})


@pytest.mark.parametrize(("name", "module"), [("ray", "ray"), ("slurm", "submitit")])
def test_an_executor_that_is_not_installed_says_the_pip_line(name, module, monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda asked: None if asked == module else NotImplemented)
    with pytest.raises(UserError, match=rf"pip install 'graftbench\[{name}\]'"):
        choose_executor(name, store=tmp_path, **CHOICE)


def test_the_staged_package_runs_without_the_checkout(tmp_path):
    staged = stage(tmp_path)
    assert staged == stage(tmp_path), "once for each state of the source"
    probe = (
        f"import sys; sys.meta_path[:] = [f for f in sys.meta_path if getattr(f, '__name__', None) in {KEPT}]; "
        f"sys.path.insert(0, {str(staged)!r}); import graftbench.bench.worker as w; "
        "from graftbench.bench.registries import strategies; print(w.__file__, len(strategies.names()))"
    )
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=tmp_path, check=True)
    file, count = result.stdout.split()
    assert file.startswith(str(staged)) and int(count) == len(strategies.names())
