"""``graftbench run`` as a user meets it: what it stores, what it repeats, and how it answers mistakes."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from PIL import Image

TIMINGS = ["asked", "train_seconds", "seconds_per_kimg", "wall_seconds", "peak_memory_mb"]


def rows_of(store) -> pd.DataFrame:
    from graftbench.bench.rows import read_rows
    from graftbench.bench.store import Store

    return read_rows(Store(store)).sort_values("key", ignore_index=True)


def test_a_run_stores_each_cell_and_a_second_one_does_nothing(graftbench, matrix_file, tmp_path):
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

    started = time.monotonic()
    second = graftbench("run", file, "--no-report")
    assert second.returncode == 0 and "nothing to do: all 3 cells" in second.stdout
    assert time.monotonic() - started < 30, "3 s on an idle machine"

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


def test_one_named_gpu_for_several_processes_is_refused(graftbench, matrix_file):
    refused = graftbench("run", matrix_file(), "--device", "cuda:1", "--processes", "2")
    assert refused.returncode == 2
    assert "--device cuda:1 is one GPU; write --device cuda with --processes 2" in refused.stderr


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "quik"], "unknown matrix 'quik'; did you mean 'quick'"),
        (["run", "tiny.yaml", "--strategy", "fintune"], "unknown strategy 'fintune'; did you mean"),
        (["run", "tiny.yaml", "--store", "tiny.yaml"], "is a file; a store is a folder"),
        (["run", "tiny.yaml", "--device", "cuda:99"], "cuda"),
        (["run", "tiny.yaml", "--plugin", "absent.py"], "absent.py: no such plug-in file"),
        (["run", "tiny.yaml", "--store", "tiny.yaml/inside"], "tiny.yaml/inside: cannot be made"),
        (["run", "tiny.yaml", "--store", "old/cells"], "lies among the cells of another store; did you mean"),
        (["run", "tiny.yaml", "--store", "old/cells/new"], "old/cells/new: lies among the cells of another store"),
        (["run", "tiny.yaml", "--jobs", "0"], "--jobs"),
        (["run"], "Missing argument 'matrix'"),
        (["runn"], "Did you mean 'run'?"),
        (["pretrain", "toyfaces", "--kimg", "-1"], "--kimg must be more than 0"),
        (["pretrain", "toyfaces", "--batch", "0"], "--batch"),
        (["status", "nowhere"], "nowhere: no benchmark is stored here"),
        (["status", "s3://b/m"], "s3://b/m: is a URL, and this has to be on this machine; `graftbench push STORE URL`"),
        (["run", "tiny.yaml", "--store", "s3://b/m"], "s3://b/m: is a URL"),
        (["plan", "shots.yaml"], "images to draw shots from, not 999999"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(graftbench, matrix_file, arguments, message, tmp_path):
    (tmp_path / "old/cells/key").mkdir(parents=True)
    (tmp_path / "old/cells/key/spec.json").touch()
    matrix_file()
    matrix_file("shots", shots=999999)
    result = graftbench(*arguments)
    assert result.returncode == 2, result.stdout + result.stderr
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1 and "Traceback" not in result.stderr


def test_a_matrix_with_a_mistake_leaves_no_store_behind(graftbench, matrix_file, tmp_path):
    assert graftbench("run", matrix_file(shots=999999)).returncode == 2
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("command", ["plan", "run"])
def test_an_extractor_without_its_weights_is_named_before_anything_runs(graftbench, matrix_file, tmp_path, command):
    file = matrix_file(evaluation={"points": 2, "extractor": "inception-v3-compat"})
    result = graftbench(command, file, TORCH_HOME=str(tmp_path / "torch"), GRAFTBENCH_WEIGHTS=str(tmp_path / "own"))
    assert result.returncode == 2, result.stdout + result.stderr
    (line,) = result.stderr.strip().splitlines()
    weights = "weights-inception-2015-12-05-6726825d.pth"
    assert "inception-v3-compat" in line and "get https://github.com/toshas/torch-fidelity/" in line
    assert f"put it at {tmp_path / 'own' / weights}" in line
    assert not (tmp_path / "runs").exists()


def test_check_shows_the_files_of_a_folder_that_a_run_refuses(graftbench, tmp_path):
    import numpy as np
    from PIL import Image

    (tmp_path / "photos").mkdir()
    draws = np.random.default_rng(0)
    for number in range(12):
        Image.fromarray(draws.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(tmp_path / f"photos/{number}.png")
    (tmp_path / "photos/bad.png").write_bytes(b"no image")
    shown = graftbench("check", "folder:photos")
    assert shown.returncode == 1, "a run would refuse it"
    assert "cannot be used: bad.png (not an image)" in shown.stdout and "on_bad=skip" in shown.stdout


def test_status_counts_what_became_of_the_cells(graftbench, matrix_file, tmp_path):
    assert graftbench("run", matrix_file(), "--no-report").returncode == 0
    cell = next((tmp_path / "runs/tiny/cells").iterdir())
    (cell / "status.json").write_text(json.dumps({"status": "killed", "reason": "by SIGKILL"}))
    result = graftbench("status", "runs/tiny")
    assert "killed: 1" in result.stdout and "by SIGKILL" in result.stdout


def test_the_version_is_one_line(graftbench):
    done = graftbench("--version")
    assert done.returncode == 0 and done.stdout.startswith("graftbench ") and len(done.stdout.splitlines()) == 1


def test_a_url_is_refused_wherever_a_path_is_asked_for():
    """As a path it would be a folder called ``s3:``."""
    from graftbench.bench.cli import app
    from graftbench.bench.cli.asked import here
    from typer.main import get_command

    commands: list[Any] = list(vars(get_command(app))["commands"].values())
    found = {}
    for command in commands:
        commands += vars(command).get("commands", {}).values()
        for each in (parameter.type_descriptor for parameter in command.params):
            if Path in (each.annotation, *get_args(each.annotation)):
                found[f"{command.name} {each.parameter_info.help}"] = each.parameter_info.parser
    assert len(found) > 15 and set(found.values()) == {here}, found


def test_help_imports_no_torch():
    code = "import sys; from graftbench.bench.cli import app; app(['--help'], standalone_mode=False); "
    code += "sys.exit('torch' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert shown.returncode == 0 and "pretrain" in shown.stdout


def test_a_disk_that_takes_no_large_file_is_said_in_one_line(finished_run, tmp_path):
    graftbench = f"ulimit -f 4; {sys.executable} -B -m graftbench"  # a compiled module would be cut off, too
    for command in ("merge {0} --out {1}/merged", "bundle {0} --to {1}/bundle", "report {1}/copy"):
        shutil.copytree(finished_run, tmp_path / "copy", dirs_exist_ok=True)
        asked = command.format(finished_run, tmp_path)
        done = subprocess.run(["bash", "-c", f"{graftbench} {asked}"], capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "File too large; what was stored is kept" in done.stderr, done.stderr


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


def test_a_folder_that_is_gone_is_said_in_one_line(graftbench, matrix_file, tmp_path):
    matrix, gone = matrix_file(), tmp_path / "gone"
    command = f"mkdir {gone}; cd {gone}; rmdir {gone}; {sys.executable} -m graftbench run {matrix} --store {tmp_path}/s"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.strip() == "graftbench: the folder that this command runs in is gone; change to another"
