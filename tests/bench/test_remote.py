"""Stores on s3://, at a real S3 server on this machine: pushed, read, merged and verified; nothing there is lost."""

import json
import subprocess
import sys

import fsspec
import pandas as pd
import pytest
from finished import KID, a_cell, fail, finish
from graftbench.bench import rows
from graftbench.bench.cli.verifying import verify_tables
from graftbench.bench.errors import UserError
from graftbench.bench.merging import merge
from graftbench.bench.remote import list_place, local, push, read_rows_at, write_table_at
from graftbench.bench.rows import read_rows
from graftbench.bench.store import Store
from graftbench.bench.verification import verify_cells

URL = "s3://bench/stores/one"


@pytest.fixture(scope="module")
def server():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(server, monkeypatch):
    """An empty bucket called ``bench``; gives the file system."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    fsspec.filesystem("s3").clear_instance_cache()
    system = fsspec.filesystem("s3")
    if system.exists("bench"):
        system.rm("bench", recursive=True)
    system.mkdir("bench")
    return system


@pytest.fixture
def stores(tmp_path) -> tuple[Store, Store]:
    return Store(tmp_path / "a", create=True), Store(tmp_path / "b", create=True)


def test_a_pushed_store_is_read_by_its_rows_and_merged_from_its_url(bucket, stores, tmp_path):
    finish(stores[0], a_cell(0), kid=0.5)
    fail(stores[0], a_cell(1))
    stores[0].add(a_cell(2))
    push(stores[0].root, URL)
    assert dict(zip(read_rows_at(URL).seed, read_rows_at(URL).status, strict=True)) == {
        0: "ok",
        1: "failed",
        2: "missing",
    }
    with local(URL) as copy:
        merge([Store(copy)], tmp_path / "c")
    merged = Store(tmp_path / "c")
    assert list(read_rows(merged).sort_values("seed").status) == ["ok", "failed"]
    checks = verify_cells(merged) + verify_tables(merged)
    assert [check.problems for check in checks if check.problems] == []


def test_pushing_again_sends_nothing_and_one_more_cell_sends_that_cell(bucket, stores):
    finish(stores[0], a_cell(0), kid=0.5)
    push(stores[0].root, URL)
    (stores[0].root / "finished.json").touch()  # says nothing elsewhere
    assert push(stores[0].root, URL) == 0
    folder = finish(stores[0], a_cell(1), kid=0.6)
    files = [path for path in folder.iterdir() if path.name != "lock"]
    assert push(stores[0].root, URL) == len(files) + len(["rows.parquet", "curves.parquet"])


def test_a_store_that_cannot_be_written_to_is_pushed_with_tables_of_what_it_holds(bucket, stores, monkeypatch):
    finish(stores[0], a_cell(0), kid=0.5)
    read_rows(stores[0])
    finish(stores[0], a_cell(1), kid=0.6)
    monkeypatch.setattr(rows, "_keep", lambda table, path: None)
    push(stores[0].root, URL)
    assert set(read_rows_at(URL)[KID]) == {0.5, 0.6}
    assert set(read_rows_at(URL, "curves.parquet").key) == {a_cell(0).key, a_cell(1).key}
    assert push(stores[0].root, URL) == 0


def test_a_push_never_replaces_a_result_that_the_store_lacks(bucket, stores):
    finish(stores[0], a_cell(0), kid=0.5)
    push(stores[0].root, URL)
    finish(stores[1], a_cell(0), kid=0.6, hardware="a GPU")
    finish(stores[1], a_cell(1), kid=0.7)
    with pytest.raises(UserError, match=r"holds 1 results that .* lacks .* nothing was pushed"):
        push(stores[1].root, URL)
    assert list(read_rows_at(URL)[KID]) == [0.5]
    with local(URL) as copy:
        merge([Store(copy)], stores[1].root)
    push(stores[1].root, URL)
    with local(URL) as copy:
        kept = [json.loads(path.read_text())[KID] for path in copy.rglob("final.json")]
    assert sorted(kept) == [0.5, 0.6, 0.7], "both outcomes of the first cell are there"


def test_a_push_that_was_cut_off_is_completed_by_the_next(bucket, stores):
    finish(stores[0], a_cell(0), kid=0.5)
    finish(stores[0], a_cell(1), kid=0.6)
    push(stores[0].root, URL)
    bucket.rm(f"{URL}/manifest.json")
    bucket.rm(f"{URL}/cells/{a_cell(1).key}/status.json")
    bucket.invalidate_cache()
    assert set(list_place(URL).cells) == {a_cell(0).key}
    push(stores[0].root, URL)
    assert set(list_place(URL).cells) == {a_cell(0).key, a_cell(1).key}


def test_a_bundle_takes_the_place_of_nothing(tmp_path, stores):
    bundle, url = tmp_path / "bundle", f"file://{tmp_path}/there"
    (bundle / "pictures").mkdir(parents=True)
    for name in ("rows.parquet", "pictures/a.png", "bundle.json"):
        (bundle / name).write_text(name)
    assert push(bundle, url) == 3 and push(bundle, url) == 0
    (tmp_path / "there" / "bundle.json").unlink()  # cut off before its last file
    assert push(bundle, url) == 3
    (bundle / "bundle.json").write_text("another")
    finish(stores[0], a_cell(0), kid=0.5)
    for folder in (bundle, stores[0].root):
        with pytest.raises(UserError, match="give another URL"):
            push(folder, url)
    push(stores[0].root, f"file://{tmp_path}/store")
    with pytest.raises(UserError, match="holds something else already"):
        push(bundle, f"file://{tmp_path}/store")
    assert (tmp_path / "there" / "bundle.json").read_text() == "bundle.json"


def test_rows_are_written_to_a_url(bucket):
    write_table_at(pd.DataFrame({"a": [1]}), "s3://bench/rows.csv")
    assert bucket.cat("s3://bench/rows.csv") == b"a\n1\n"


def test_the_commands_take_urls(bucket, stores, server, graftbench, tmp_path):
    finish(stores[0], a_cell(0), kid=0.5)
    assert graftbench("push", stores[0].root, URL).returncode == 0
    assert "0.5" in graftbench("rows", URL).stdout
    merged = graftbench("merge", URL, "--out", "merged")
    assert merged.returncode == 0 and "1 cells added" in merged.stdout, merged.stderr
    nowhere = graftbench("rows", "s3://no-such-bucket/x")
    assert nowhere.returncode == 2 and nowhere.stderr.startswith("graftbench: s3://no-such-bucket/x: "), nowhere.stderr


def test_s3_without_its_extra_says_the_pip_line():
    code = (
        "import sys; sys.modules['s3fs'] = None; sys.argv = ['graftbench', 'rows', 's3://bench/x']\n"
        "from graftbench.bench.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (2, "graftbench: s3://bench/x: pip install 'graftbench[s3]'\n")
