"""Rows are read from the cells, and only from those that changed since the last reading."""

import json
import os
from dataclasses import replace

import pandas as pd
import pytest
from finished import a_cell
from graftbench.bench.cli.ranking import stored_rows
from graftbench.bench.cli.reporting import read_reported
from graftbench.bench.errors import UserError
from graftbench.bench.remote import read_rows_at
from graftbench.bench.rows import make_count, read_curves, read_rows, read_statuses
from graftbench.bench.store import Store, write_asked, write_status

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


@pytest.mark.parametrize(
    "change",
    [{"data": "other images"}, {"source_sha256": "other weights"}, {"params": {"strength": 0.1}}],
    ids=["images", "source", "tuning"],
)
def test_what_is_asked_for_again_supersedes_and_can_be_gone_back_to(tmp_path, change):
    given = {"strategy": "l2-sp", "params": {"strength": 0.2}, "tuned": ["strength"], "data": "images"}
    store, first, second = Store(tmp_path / "store", create=True), a_cell(0, **given), a_cell(0, **{**given, **change})
    for cell in (first, second):
        store.add(cell)
    assert make_count(store, [second.key]) == (0, 1)
    assert list(read_rows(store).key) == [second.key]
    assert make_count(store, [first.key]) == (1, 1), "as `graftbench run` of the former matrix does"
    assert list(read_rows(store).key) == [first.key]
    assert set(read_rows(store, superseded=True).key) == {first.key, second.key}


def test_the_curves_of_what_does_not_count_are_not_reported(tmp_path):
    store, old, new = Store(tmp_path / "store", create=True), a_cell(0), a_cell(0, digest="newer")
    for cell in (old, new):
        store.add(cell)
        (store.folder(cell.key) / "curve.jsonl").write_text('{"kimg": 0.0, "seconds": 0.0}\n')
        write_status(store.folder(cell.key), "failed", "it")
    make_count(store, [new.key])
    assert set(read_curves(store).key) == {old.key, new.key}
    rows, curves = read_reported(store)
    assert list(rows.key) == list(curves.key) == [new.key]


def test_a_clock_that_was_ahead_does_not_decide_what_counts(tmp_path):
    store, old, new = Store(tmp_path / "store", create=True), a_cell(0), a_cell(0, digest="newer")
    store.add(old)
    write_asked(store.folder(old.key), 2**62)
    store.add(new)
    assert make_count(store, [new.key]) == (1, 1)
    assert list(read_rows(store).key) == [new.key]


def test_results_on_former_images_of_a_folder_do_not_stand_beside_those_on_its_present_ones(tmp_path):
    store = Store(tmp_path / "store", create=True)
    former, present = ({"target": "folder:photos", "data": data} for data in ("former", "present"))
    for cell in (a_cell(0, **former), a_cell(0, strategy="finetune", **former), a_cell(0, **present), a_cell(1)):
        store.add(cell)
    rows = read_rows(store)
    assert set(zip(rows.strategy, rows.target, strict=True)) == {("scratch", "folder:photos"), ("scratch", "toycats")}
    assert "present" in set(rows["data"]) and "former" not in set(rows["data"])


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
        ("status.json", "null", "is damaged .*no status and reason.* delete it, and the cell is run again"),
        ("status.json", "[" * 100_000, "is damaged .* delete it, and the cell is run again"),
        ("final.json", "[" * 100_000, "is damaged"),
        ("final.json", '{"kid@efficientnet-lite0-64": "low"}', "is damaged .kid@efficientnet-lite0-64 is no number"),
        ("status.json", '{"status": "great", "reason": ""}', "is damaged"),
        ("final.json", '{"train_seconds": "a"}', "is damaged .train_seconds is no number"),
        ("final.json", '{"parameters": [1, 2]}', "is damaged .parameters is no number"),
        ("asked.json", "[]", "is damaged .*; delete it"),
        ("asked.json", '{"at_ns": Infinity}', "is damaged .*; delete it"),
        ("asked.json", '{"at_ns": 1000000000000000000000000000000}', "is damaged .*; delete it"),
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


def test_a_status_that_claims_to_be_of_another_cell_changes_no_row(store):
    before = read_rows(store)
    path = store.folder(a_cell(0).key) / "status.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "key": "zzz", "strategy": 3, "seed": "a"}))
    pd.testing.assert_frame_equal(read_rows(store), before)


def test_a_store_whose_name_is_no_text_has_kept_tables(tmp_path):
    store = Store(tmp_path / os.fsdecode(b"p\xff\xe9"), create=True)
    store.add(a_cell(0))
    finish(store, 0, kid=0.5)
    rows = read_rows(store)
    assert (store.root / "rows.parquet").exists() and rows.equals(read_rows(store))


def test_a_curve_that_holds_words_is_named_and_nulls_are_no_numbers(store):
    path = store.folder(a_cell(0).key) / "curve.jsonl"
    path.write_text('{"kimg": 0, "kid@x": null}\n')
    assert read_curves(store)["kid@x"].isna().all()
    path.write_text('{"kimg": "0"}\n')
    with pytest.raises(UserError, match=r"curve\.jsonl: is damaged .kimg is no number"):
        read_curves(store)


@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing"])
def test_kept_tables_that_cannot_be_read_are_made_anew(store, content, caplog):
    before = read_rows(store)
    (store.root / "rows.parquet").write_bytes(content)
    assert len(read_statuses(store)) == 4
    pd.testing.assert_frame_equal(read_rows(store), before)
    assert "rows.parquet is damaged" in caplog.text
    caplog.clear()
    assert len(read_rows(store)) == 4 and not caplog.text
