"""A full disk, a read-only store, an odd path, two runs at once: stated outcomes, and nothing stored is lost."""

import os
import subprocess
import sys

import pytest
from graftbench.bench.store import Store

pytestmark = pytest.mark.slow


@pytest.fixture
def small_disk(tmp_path):
    """A mounted disk of 4 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"mounting a small disk needs more rights: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk_ends_in_one_line_and_the_run_goes_on_once_there_is_room(graftbench, matrix_file, small_disk):
    file, store = matrix_file(), small_disk / "store"
    store.mkdir()
    filler = small_disk / "filler"
    filler.write_bytes(bytes(4 * 2**20 - 80 * 2**10))
    full = graftbench("run", file, "--store", store, "--no-report")
    assert full.returncode == 2, full.stdout + full.stderr
    assert "disk full or read-only" in full.stderr and len(full.stderr.strip().splitlines()) == 1
    (key,) = Store(store).cell_keys()
    assert Store(store).status(key) == "missing", "the cell is not to blame"
    filler.unlink()
    assert graftbench("run", file, "--store", store, "--no-report").returncode == 0
    assert Store(store).status(key) == "ok"

    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    more = graftbench("run", matrix_file("more", seeds=2), "--store", store, "--no-report")
    assert more.returncode == 2 and "Read-only file system" in more.stderr, more.stdout + more.stderr
    assert len(more.stderr.strip().splitlines()) == 1
    status = graftbench("status", store)
    assert status.returncode == 0 and "ok: 1" in status.stdout, status.stderr


def test_two_runs_at_once_on_an_odd_path_do_each_cell_once(matrix_file, tmp_path, cache):
    file, store = matrix_file(strategies=["scratch", "vae"], seeds=1), tmp_path / "Läufe – 猫 (2)" / "it's here"
    command = [sys.executable, "-m", "graftbench", "run", str(file), "--store", str(store), "--no-report"]
    environment = {**os.environ, "GRAFTBENCH_CACHE": str(cache)}
    runs = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for run in runs:
        output, _ = run.communicate()
        assert run.returncode == 0 and ("2 ok" in output or "nothing to do" in output), output
    logs = [(Store(store).folder(key) / "log.txt").read_text() for key in Store(store).cell_keys()]
    assert [log.count(" cell ") for log in logs] == [1, 1]
