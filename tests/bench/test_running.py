"""``graftbench run`` as a user meets it: what it stores and what it repeats."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

TIMINGS = ["asked", "train_seconds", "seconds_per_kimg", "wall_seconds", "peak_memory_mb"]


def rows_of(store) -> pd.DataFrame:
    from graftbench.bench.rows import read_rows
    from graftbench.bench.store import Store

    return read_rows(Store(store)).sort_values("key", ignore_index=True)


def test_a_run_stores_each_cell_and_a_second_one_does_nothing(graftbench, matrix_file, tmp_path, cache):
    for name in ("copy", "profile", "random"):  # scripts of the user's, from which nothing may be imported
        (tmp_path / f"{name}.py").write_text("raise RuntimeError\n")
    file = matrix_file(strategies=["scratch", "source-only", "finetune"])
    first = graftbench("run", file, "--jobs", "2", "--no-report")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "3 ok" in first.stdout
    cell = next((tmp_path / "runs/tiny/cells").iterdir())
    names = {path.name for path in cell.iterdir()}
    assert {"spec.json", "status.json", "curve.jsonl", "final.json", "samples.png", "generator.safetensors"} <= names
    assert "log.txt" in names and "checkpoint.safetensors" not in names
    rows = rows_of(tmp_path / "runs/tiny")
    assert set(rows.status) == {"ok"} and rows["kid@efficientnet-lite0-64"].notna().all()
    assert rows.set_index("strategy").loc["source-only", "trainable_parameters"] == 0

    program = "import sys; sys.modules['torch'] = None; from graftbench.__main__ import main; main()"
    second = subprocess.run(
        [sys.executable, "-P", "-c", program, "run", file, "--no-report"],
        cwd=tmp_path,
        env={**os.environ, "GRAFTBENCH_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 0, f"without torch, whose import takes longer than all the rest: {second.stderr}"
    assert "nothing to do: all 3 cells of tiny are in runs/tiny" in second.stdout

    status = cell / "status.json"
    status.write_text(json.dumps({**json.loads(status.read_text()), "status": "killed", "reason": "signal 9"}))
    third = graftbench("run", file, "--no-report")
    assert third.returncode == 1
    assert "2 ok, 1 killed; --retry runs again what did not end ok" in third.stdout
    assert "signal 9" in third.stdout


def test_a_store_in_which_nothing_was_asked_for_yet_has_a_report(graftbench, tmp_path):
    (tmp_path / "empty/cells").mkdir(parents=True)
    done = graftbench("report", "empty")
    assert done.returncode == 0, done.stderr
    assert "holds no cells yet" in (tmp_path / "empty/report/index.html").read_text()


def test_a_store_whose_name_is_no_text_has_a_report(graftbench, tmp_path):
    store = tmp_path / os.fsdecode(b"caf\xe9")
    (store / "cells").mkdir(parents=True)
    done = graftbench("report", store)
    assert done.returncode == 0, done.stderr
    assert r"<title>graftbench: caf\udce9</title>" in (store / "report/index.html").read_text()


@pytest.mark.slow
def test_a_folder_that_grows_supersedes_its_results_until_it_is_as_before(graftbench, matrix_file, tmp_path):
    photos, added = tmp_path / "photos", tmp_path / "photos/added.png"
    photos.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (31, 32, 32, 3), np.uint8)
    for number, image in enumerate(noise[1:]):
        Image.fromarray(image).save(photos / f"{number}.png")
    file = matrix_file(
        targets=["folder:photos"], strategies=["scratch"], shots=[2], evaluation={"points": 1, "reals": 8}
    )
    seen = []
    for grown in (False, True, False):
        Image.fromarray(noise[0]).save(added) if grown else added.unlink(missing_ok=True)
        done = graftbench("run", file, "--no-report")
        assert done.returncode == 0, done.stdout + done.stderr
        assert ("1 earlier results in runs/tiny do not count any more" in done.stdout) == (len(seen) > 0)
        (row,) = rows_of(tmp_path / "runs/tiny").to_dict("records")
        seen.append((row["key"], row["kid@efficientnet-lite0-64"]))
    assert seen[0] == seen[2] and seen[0][0] != seen[1][0]
    assert graftbench("rank", "runs/tiny").returncode == 0


@pytest.mark.slow
def test_the_same_seed_gives_identical_rows(graftbench, matrix_file, tmp_path):
    file = matrix_file(strategies=["scratch", "vae"])
    for store in ("one", "two"):
        assert graftbench("run", file, "--store", store, "--no-report").returncode == 0
    one, two = (rows_of(tmp_path / store).drop(columns=TIMINGS) for store in ("one", "two"))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.mark.slow
def test_more_strategies_join_a_store_without_rerunning_the_others(graftbench, matrix_file, tmp_path):
    file = matrix_file()
    assert graftbench("run", file, "--no-report").returncode == 0
    log = next((tmp_path / "runs/tiny/cells").glob("*/log.txt"))
    before = log.read_bytes()
    added = graftbench("run", file, "--strategy", "finetune-g", "--no-report")
    assert added.returncode == 0 and "1 ok" in added.stdout
    assert log.read_bytes() == before
    assert set(rows_of(tmp_path / "runs/tiny").strategy) == {"scratch", "finetune-g"}


@pytest.mark.slow
def test_code_that_changes_between_planning_and_running_is_said_once(graftbench, matrix_file, tmp_path):
    """A plug-in that writes to its own file when it is imported the first time stands for the user's editor."""
    plugin = tmp_path / "edited.py"
    plugin.write_text(EDITED)
    result = graftbench("run", matrix_file(strategies=["edited"], seeds=2), "--plugin", plugin, "--no-report")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "2 missing" in result.stdout
    assert result.stdout.count("2 cells were not run: the code or the images have changed") == 1
    log = next((tmp_path / "runs/tiny/cells").glob("*/log.txt")).read_text()
    assert log.count("the code has changed") == 1


EDITED = '''
import os
from pathlib import Path
from graftbench.strategies import register
from graftbench.strategies.scratch import Scratch

if "GRAFTBENCH_PARENT" in os.environ:
    with Path(__file__).open("a") as file:
        file.write("# edited\\n")


@register("edited")
class Edited(Scratch):
    """It."""
'''


PLUGIN = '''
import os, time
from dataclasses import dataclass
import torch
from graftbench.strategies import register
from graftbench.strategies.scratch import Scratch


@register("raises")
@dataclass
class Raises(Scratch):
    """Raises."""

    def generator_penalty(self):
        raise ValueError("not today")


@register("nan")
@dataclass
class Nan(Scratch):
    """Returns NaN."""

    def generator_penalty(self):
        return torch.tensor(float("nan"))


@register("sleeps")
@dataclass
class Sleeps(Scratch):
    """Sleeps for ever."""

    def generator_penalty(self):
        time.sleep(1000)


@register("allocates")
@dataclass
class Allocates(Scratch):
    """Allocates without end."""

    def generator_penalty(self):
        self.hoard = getattr(self, "hoard", []) + [torch.ones(2**27)]
        time.sleep(0.01)
        return 0.0


@register("exits")
@dataclass
class Exits(Scratch):
    """Leaves without a word."""

    def generator_penalty(self):
        os._exit(75)


@register("forbidden")
@dataclass
class Forbidden(Scratch):
    def generator_penalty(self):
        raise PermissionError(13, "not your file")
'''


@pytest.mark.slow
def test_each_way_to_fail_is_a_row_with_its_reason_and_the_others_complete(graftbench, matrix_file, tmp_path):
    plugin = tmp_path / "bad.py"
    plugin.write_text(PLUGIN)
    bad = ["raises", "nan", "sleeps", "allocates", "exits", "forbidden"]
    file = matrix_file(strategies=["scratch", *bad], timeout_minutes=1, memory_gb=2.5)
    result = graftbench("run", file, "--plugin", plugin, "--jobs", "2", "--no-report")
    assert result.returncode == 1, result.stdout + result.stderr
    rows = rows_of(tmp_path / "runs/tiny").set_index("strategy")
    expected = {
        "scratch": ("ok", ""),
        "raises": ("failed", "ValueError: not today"),
        "nan": ("diverged", "not finite"),
        "sleeps": ("timeout", "stopped after 60 s"),
        "allocates": ("out-of-memory", "allocate memory"),
        "exits": ("failed", "exited with code 75"),
        "forbidden": ("failed", "not your file"),
    }
    for name, (status, reason) in expected.items():
        assert rows.loc[name, "status"] == status, rows.loc[name]
        assert reason in rows.loc[name, "reason"]
    again = graftbench("run", file, "--plugin", plugin, "--no-report")
    assert again.returncode == 1 and "nothing to do" in again.stdout


def test_status_counts_what_became_of_the_cells(graftbench, matrix_file, tmp_path):
    assert graftbench("run", matrix_file(), "--no-report").returncode == 0
    cell = next((tmp_path / "runs/tiny/cells").iterdir())
    (cell / "status.json").write_text(json.dumps({"status": "killed", "reason": "by SIGKILL"}))
    result = graftbench("status", "runs/tiny")
    assert "killed: 1" in result.stdout and "by SIGKILL" in result.stdout


def test_the_version_is_one_line(graftbench):
    done = graftbench("--version")
    assert done.returncode == 0 and done.stdout.startswith("graftbench ") and len(done.stdout.splitlines()) == 1


def test_help_imports_no_torch():
    code = "import sys; from graftbench.bench.cli import app; app(['--help'], standalone_mode=False); "
    code += "sys.exit('torch' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert shown.returncode == 0 and "pretrain" in shown.stdout


def test_ctrl_c_before_the_command_line_is_imported_ends_without_a_word():
    code = """
import signal, sys
from graftbench.__main__ import main

class Interrupting:
    def find_spec(self, name, *rest):
        if name == "graftbench.bench.cli":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
