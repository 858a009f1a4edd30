"""Rows are read from the cells, and only from those that changed since the last reading."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from finished import a_cell
from graftbench.bench.cli.ranking import stored_rows
from graftbench.bench.errors import UserError
from graftbench.bench.remote import read_rows_at
from graftbench.bench.rows import read_curves, read_rows, read_statuses
from graftbench.bench.store import Store, write_status

KID = "kid@efficientnet-lite0-64"


@pytest.fixture
def store(tmp_path) -> Store:
    """Two finished cells, a failed and a missing one."""
    store = Store(tmp_path / "store", create=True)
    for seed in range(4):
        store.add(a_cell(seed))
    for seed in (0, 1):
        finish(store, seed, kid=seed / 10)
    write_status(store.folder(a_cell(2).key), "failed", "ValueError: x")
    return store


def finish(store: Store, seed: int, kid: float) -> None:
    folder = store.folder(a_cell(seed).key)
    (folder / "curve.jsonl").write_text("".join(json.dumps({"kimg": k, "seconds": k, KID: kid}) + "\n" for k in (0, 1)))
    (folder / "final.json").write_text(json.dumps({KID: kid}))
    write_status(folder, "ok", hardware="a CPU")


def test_every_cell_asked_for_is_a_row_whatever_became_of_it(store):
    rows = read_rows(store).set_index("seed")
    assert rows.status.to_dict() == {0: "ok", 1: "ok", 2: "failed", 3: "missing"}
    assert rows[KID].isna().to_dict() == {0: False, 1: False, 2: True, 3: True}
    assert len(read_curves(store)) == 4


def test_statuses_are_the_same_from_the_cells_from_the_kept_rows_and_from_both(store):
    wanted = ["failed", "missing", "ok", "ok"]
    assert sorted(read_statuses(store).status) == wanted
    read_rows(store)
    assert sorted(read_statuses(store).status) == wanted
    finish(store, 3, kid=0.7)
    assert sorted(read_statuses(store).status) == ["failed", "ok", "ok", "ok"]


def test_a_second_reading_opens_no_cell(store):
    first = read_rows(store)
    for key in store.cell_keys():
        (store.folder(key) / "spec.json").write_text("not JSON")
    pd.testing.assert_frame_equal(read_rows(store), first)


def test_a_cell_that_ends_later_is_read_anew(store):
    read_rows(store), read_curves(store)
    finish(store, 3, kid=0.7)
    assert read_rows(store).set_index("seed").loc[3, KID] == 0.7
    assert len(read_curves(store)) == 6


def test_a_cell_that_is_removed_leaves_no_row(store):
    read_rows(store)
    folder = store.folder(a_cell(1).key)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    assert list(read_rows(store).seed.sort_values()) == [0, 2, 3]
    assert len(pd.read_parquet(store.root / "rows.parquet")) == 3


def test_a_cell_run_again_with_newer_code_supersedes_the_older(store):
    newer = replace(a_cell(0), digest="newer")
    store.add(newer)
    assert len(read_rows(store)) == 4
    assert read_rows(store).set_index("seed").loc[0, "key"] == newer.key
    assert len(read_rows(store, superseded=True)) == 5


def test_the_file_of_the_rows_gives_the_rows_of_its_store(store):
    store.add(replace(a_cell(0), digest="newer"))
    rows = read_rows(store)
    for place in (str(store.root / "rows.parquet"), f"file://{store.root}"):
        pd.testing.assert_frame_equal(stored_rows(place), rows)
    assert "_stamp" not in read_rows_at(f"file://{store.root}", "rows.parquet")


def test_an_empty_store_has_no_rows(tmp_path):
    store = Store(tmp_path / "empty", create=True)
    assert read_rows(store).empty and read_curves(store).empty


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("status.json", '{"sta', "is damaged .* delete it, and the cell is run again"),
        ("spec.json", '{"back', "is no cell of this version"),
        ("spec.json", '{"backbone": "dcgan", "from_the_future": 1}', "is no cell of this version .*from_the_future"),
    ],
)
def test_a_damaged_cell_is_named_in_one_line(store, file, content, message):
    path = store.folder(a_cell(0).key) / file
    path.write_text(content)
    with pytest.raises(UserError, match=f"{path}: {message}") as raised:
        read_rows(store)
    assert "\n" not in str(raised.value)
    if file == "status.json":
        with pytest.raises(UserError, match="is damaged"):
            read_statuses(store)


@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing"])
def test_kept_tables_that_cannot_be_read_are_made_anew(store, content, caplog):
    before = read_rows(store)
    (store.root / "rows.parquet").write_bytes(content)
    assert len(read_statuses(store)) == 4
    pd.testing.assert_frame_equal(read_rows(store), before)
    assert "rows.parquet is damaged" in caplog.text
    caplog.clear()
    assert len(read_rows(store)) == 4 and not caplog.text
