"""What a worker does before and after its cell: it clears up, and stores nothing under the key of other code."""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from finished import a_cell
from graftbench.bench import worker
from graftbench.bench.checkpoint import NEWEST
from graftbench.bench.planning import own_images
from graftbench.bench.registries import strategies
from graftbench.bench.registry import Entry, import_file
from graftbench.bench.store import read_status
from PIL import Image


@pytest.fixture
def options(tmp_path):
    return argparse.Namespace(
        folder=tmp_path,
        source=None,
        references=tmp_path / "references",
        device="cpu",
        plugin=[],
        memory_gb=None,
        retry=False,
        checkpoint_seconds=60.0,
        processes=1,
        deterministic=False,
    )


def plan(folder, cell):
    (folder / "spec.json").write_text(cell.canonical())


class NeverAsked:
    def is_set(self):
        return False


def test_a_cell_of_other_code_is_not_run_and_stays_missing(options, monkeypatch, caplog):
    caplog.set_level("INFO", "graftbench")
    ran = []
    monkeypatch.setattr(worker, "_run_cell", lambda *arguments: ran.append(arguments))
    plan(options.folder, replace(a_cell(0), digest="0" * 16))
    assert worker._run(options, NeverAsked()) == worker.CHANGED
    assert not ran and read_status(options.folder)["status"] == "missing"
    assert [r.message for r in caplog.records] == [worker.CODE_HAS_CHANGED]
    plan(options.folder, a_cell(0).with_digest())
    assert worker._run(options, NeverAsked()) == 0
    assert ran and read_status(options.folder)["status"] == "ok"


def test_a_cell_of_other_images_is_not_run_and_stays_missing(options, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("GRAFTBENCH_CACHE", str(tmp_path / "cache"))
    caplog.set_level("INFO", "graftbench")
    ran = []
    monkeypatch.setattr(worker, "_run_cell", lambda *arguments: ran.append(arguments))
    photos = tmp_path / "photos"
    photos.mkdir()
    for shade in range(6):
        Image.new("RGB", (8, 8), (40 * shade, 0, 0)).save(photos / f"{shade}.png")
    target = f"folder:{photos}"
    cell = a_cell(0, target=target, data=own_images("toyfaces", target)).with_digest()
    plan(options.folder, cell)
    assert worker._run(options, NeverAsked()) == 0 and len(ran) == 1
    Image.new("RGB", (8, 8), (0, 0, 255)).save(photos / "0.png")
    assert worker._run(options, NeverAsked()) == worker.CHANGED
    assert len(ran) == 1 and read_status(options.folder)["status"] == "missing"
    assert caplog.records[-1].message == worker.IMAGES_HAVE_CHANGED


def test_only_the_users_own_images_are_part_of_a_cell():
    assert own_images("toyfaces", "toycats") == ""


@pytest.mark.parametrize("status", ["ok", "failed"])
def test_checkpoints_outlive_the_cell_until_its_status_is_written_and_go_only_if_that_is_ok(
    options, monkeypatch, status
):
    checkpoint, there = options.folder / NEWEST, []

    def run_cell(*arguments):
        checkpoint.write_bytes(b"x")
        if status == "failed":
            raise ValueError("not today")

    def write_status(*arguments, **facts):
        there.append(checkpoint.exists())
        written(*arguments, **facts)

    written = worker.write_status
    monkeypatch.setattr(worker, "_run_cell", run_cell)
    monkeypatch.setattr(worker, "write_status", write_status)
    plan(options.folder, a_cell(0).with_digest())
    worker._run(options, NeverAsked())
    assert read_status(options.folder)["status"] == status
    assert there == [True], "a kill before the status is written must not cost the training"
    assert checkpoint.exists() == (status == "failed")


@pytest.mark.parametrize("code", [0, worker.BUSY, worker.CHANGED, worker.DISK])
def test_a_strategy_that_ends_the_process_has_failed_whatever_its_code_says_elsewhere(options, monkeypatch, code):
    def run_cell(*arguments):
        raise SystemExit(code)

    monkeypatch.setattr(worker, "_run_cell", run_cell)
    plan(options.folder, a_cell(0).with_digest())
    assert worker._run(options, NeverAsked()) == 1
    ended = read_status(options.folder)
    assert ended["status"] == "failed" and f"SystemExit: {code}: the strategy ended the process" in ended["reason"]


@pytest.mark.parametrize("raised", ["PermissionError(13, 'mine')", "OSError(28, 'of my own disk')"])
def test_what_a_plugin_cannot_write_is_its_own_failure_and_not_the_stores(options, tmp_path, monkeypatch, raised):
    plugin = tmp_path / "mine.py"
    plugin.write_text(f"def write():\n    raise {raised}\n")
    options.plugin = [plugin]
    monkeypatch.setattr("graftbench.bench.plugins.load_plugins", lambda paths: None)
    monkeypatch.setattr(worker, "_run_cell", lambda *arguments: import_file(plugin).write())
    plan(options.folder, a_cell(0).with_digest())
    assert worker._run(options, NeverAsked()) == 1
    assert read_status(options.folder)["status"] == "failed"
    options.plugin = []
    with pytest.raises(OSError, match=r"mine|disk"):
        worker._run(options, NeverAsked())
    monkeypatch.setitem(strategies._entries, "theirs", Entry("theirs", "", "", "their_package.s", str(plugin), 1))
    assert worker._run(options, NeverAsked()) == 1, "nor is it the store's if another distribution's component did it"


def test_a_reason_that_is_no_text_is_kept_in_characters_that_any_file_holds(options, monkeypatch):
    def run_cell(*arguments):
        raise ValueError("cannot use caf\udce9.png")

    monkeypatch.setattr(worker, "_run_cell", run_cell)
    plan(options.folder, a_cell(0).with_digest())
    assert worker._run(options, NeverAsked()) == 1
    assert read_status(options.folder)["reason"] == r"ValueError: cannot use caf\udce9.png"


def test_a_log_takes_any_reason(tmp_path):
    """In a process whose output is strict, as with an English locale."""
    code = (
        "import sys\nfrom graftbench.bench import worker\nworker._run = lambda *_: print('caf\\ud800')\n"
        f"sys.argv[1:] = [{str(tmp_path)!r}, '--references', '.']\nsys.exit(worker.main())"
    )
    environment = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "caf\\ud800\n"), ended.stderr


def test_what_a_killed_worker_left_half_written_is_deleted(tmp_path):
    (tmp_path / "status.json").write_text(json.dumps({"status": "ok", "reason": ""}))
    left, kept = tmp_path / ".checkpoint.safetensors.0123.tmp", tmp_path / "samples.png"
    left.touch()
    kept.touch()
    command = [sys.executable, "-m", "graftbench.bench.worker", str(tmp_path), "--references", str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == 0
    assert kept.exists() and not left.exists()
