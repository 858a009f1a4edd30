"""The decoded cache: made once, shared, and whole after any kill."""

import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from graftbench.bench.errors import UserError
from graftbench.datasets import open_domain
from graftbench.datasets.cache import stored_array, stored_json, writing
from graftbench.datasets.image_set import ImageSet
from pictures import encoded, picture

FORK = multiprocessing.get_context("fork")


def test_the_second_start_decodes_nothing(photos, monkeypatch):
    first = open_domain(f"folder:{photos}").images("shots", 16).clone()
    monkeypatch.setattr("graftbench.datasets.survey.decode", None)
    monkeypatch.setattr("graftbench.datasets.collection.decode", None)
    assert torch.equal(open_domain(f"folder:{photos}").images("shots", 16), first)


def test_what_a_reader_changes_stays_its_own(photos):
    domain = open_domain(f"folder:{photos}")
    before = domain.images("shots", 16).clone()
    domain.images("shots", 16).zero_()
    assert torch.equal(domain.images("shots", 16), before)


@pytest.mark.parametrize("use", [lambda domain: domain.images("reference", 16), lambda domain: domain.leaks()])
def test_what_a_file_shows_later_is_not_kept_under_what_it_was(photos, cache, use):
    domain = open_domain(f"folder:{photos}")
    assert isinstance(domain, ImageSet)
    changed = photos / domain.listed.names[domain.splits["reference"][0]]
    for kept in (cache / "leaks").glob("*.json"):
        kept.unlink()
    before = changed.read_bytes()
    changed.write_bytes(encoded(picture(99)))
    with pytest.raises(UserError, match=f"{changed.name} has changed since it was first read; start again"):
        use(domain)
    changed.write_bytes(before)
    kept = open_domain(f"folder:{photos}").images("reference", 16).clone()
    shutil.rmtree(cache)
    assert torch.equal(open_domain(f"folder:{photos}").images("reference", 16), kept)


def _make(path: Path, log: Path) -> None:
    def fill(rows: np.ndarray) -> None:
        with log.open("a") as file:
            file.write("made\n")
        time.sleep(0.2)
        rows[:] = 7

    assert (stored_array(path, (3, 4), fill) == 7).all()


def test_parallel_processes_make_it_once(tmp_path):
    cells = [FORK.Process(target=_make, args=(tmp_path / "a.npy", tmp_path / "log")) for _ in range(4)]
    for cell in cells:
        cell.start()
    for cell in cells:
        cell.join()
    assert [cell.exitcode for cell in cells] == [0, 0, 0, 0]
    assert (tmp_path / "log").read_text() == "made\n"


def _stall(path: Path) -> None:
    def fill(rows: np.ndarray) -> None:
        rows[0] = 1
        time.sleep(60)

    stored_array(path, (3, 4), fill)


def test_a_killed_writer_leaves_no_half_file_and_no_lock(tmp_path):
    writer = FORK.Process(target=_stall, args=(tmp_path / "a.npy",))
    writer.start()
    while not list(tmp_path.glob("*.partial")):
        time.sleep(0.02)
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    assert not (tmp_path / "a.npy").exists()
    _make(tmp_path / "a.npy", tmp_path / "log")
    assert not list(tmp_path.glob("*.partial"))


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(UserError, match="no good"):
        stored_json(tmp_path / "a.json", lambda: (_ for _ in ()).throw(UserError("no good")))
    assert [path.suffix for path in tmp_path.iterdir()] in ([], [".lock"])


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_damaged_file_is_made_anew(photos, cache, caplog, share):
    def look():
        domain = open_domain(f"folder:{photos}")
        return domain.images("shots", 16).clone(), domain.sizes()

    images, sizes = look()
    assert "damaged" not in caplog.text
    kept = [*cache.rglob("*.json"), *cache.rglob("*.npy")]
    assert {path.parent.name for path in kept} == {"surveys", "leaks", "images"}
    for path in kept:
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    again, same = look()
    assert torch.equal(again, images) and same == sizes
    assert caplog.text.count("is damaged and is made anew") == len(kept)
    assert torch.equal(look()[0], images) and caplog.text.count("damaged") == len(kept)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"cannot write .*set GRAFTBENCH_CACHE"), writing(tmp_path / "file" / "a"):
        pass
