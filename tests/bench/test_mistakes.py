"""How the command line answers mistakes: one line, exit code 2, and nothing stored is lost."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest


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


def test_one_named_gpu_for_several_processes_is_refused(graftbench, matrix_file):
    refused = graftbench("run", matrix_file(), "--device", "cuda:1", "--processes", "2")
    assert refused.returncode == 2
    assert "--device cuda:1 is one GPU; write --device cuda with --processes 2" in refused.stderr


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


def test_a_disk_that_takes_no_large_file_is_said_in_one_line(finished_run, tmp_path):
    graftbench = f"ulimit -f 4; {sys.executable} -B -m graftbench"  # a compiled module would be cut off, too
    for command in ("merge {0} --out {1}/merged", "bundle {0} --to {1}/bundle", "report {1}/copy"):
        shutil.copytree(finished_run, tmp_path / "copy", dirs_exist_ok=True)
        asked = command.format(finished_run, tmp_path)
        done = subprocess.run(["bash", "-c", f"{graftbench} {asked}"], capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "File too large; what was stored is kept" in done.stderr, done.stderr


def test_a_folder_that_is_gone_is_said_in_one_line(graftbench, matrix_file, tmp_path):
    matrix, gone = matrix_file(), tmp_path / "gone"
    command = f"mkdir {gone}; cd {gone}; rmdir {gone}; {sys.executable} -m graftbench run {matrix} --store {tmp_path}/s"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.strip() == "graftbench: the folder that this command runs in is gone; change to another"
