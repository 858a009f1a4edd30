"""Stores from several machines become one, and nothing that was stored is lost."""

import os

import filelock
import pytest
from finished import KID, a_cell, fail, finish
from graftbench.bench.errors import UserError
from graftbench.bench.files import write_atomically
from graftbench.bench.merging import merge
from graftbench.bench.rows import make_count, read_conflicts, read_curves, read_rows
from graftbench.bench.store import ASKED, Store


@pytest.fixture
def stores(tmp_path) -> tuple[Store, Store]:
    return Store(tmp_path / "a", create=True), Store(tmp_path / "b", create=True)


def contents(store: Store) -> dict[str, bytes]:
    files = [
        path for path in store.root.rglob("*") if path.is_file() and path.suffix != ".lock" and path.name != "lock"
    ]
    return {str(path.relative_to(store.root)): path.read_bytes() for path in files}


def test_cells_of_both_stores_are_in_the_merged_one(stores, tmp_path):
    for seed, store in enumerate(stores):
        finish(store, a_cell(seed), kid=seed + 1)
    merged = merge(list(stores), tmp_path / "c")
    assert (merged.added, merged.same, merged.conflicts) == (2, 0, [])
    assert dict(read_rows(Store(tmp_path / "c"))[["seed", KID]].to_numpy()) == {0: 1, 1: 2}
    assert len(read_curves(Store(tmp_path / "c"))) == 4


def test_a_cell_with_the_same_numbers_and_other_timings_is_one(stores, tmp_path):
    finish(stores[0], a_cell(), kid=0.5, seconds=2.0)
    finish(stores[1], a_cell(), kid=0.5, seconds=7.0)
    merged = merge(list(stores), tmp_path / "c")
    assert (merged.added, merged.same, merged.conflicts) == (1, 1, [])
    assert list(read_rows(Store(tmp_path / "c")).seconds_per_kimg) == [2.0]


def test_different_numbers_are_reported_and_both_kept_but_one_is_counted(stores, tmp_path):
    finish(stores[0], a_cell(), kid=0.5, hardware="a CPU")
    finish(stores[1], a_cell(), kid=0.6, hardware="a GPU")
    out = Store(tmp_path / "c", create=True)
    (conflict,) = merge(list(stores), out.root).conflicts
    assert "on a CPU is counted" in conflict.sentence() and "on a GPU is kept" in conflict.sentence()
    rows, others = read_rows(out), read_conflicts(out)
    assert (list(rows[KID]), list(rows.hardware)) == ([0.5], ["a CPU"])
    assert (list(others[KID]), list(others.hardware)) == ([0.6], ["a GPU"])
    (kept,) = out.conflicts.glob("*/*")
    assert (kept / "generator.safetensors").read_bytes() == b"weights 0.6"


def test_a_zero_of_the_other_sign_is_another_outcome_by_nothing(stores, tmp_path):
    for store, kid in zip(stores, (0.0, -0.0), strict=False):
        finish(store, a_cell(), kid=kid)
    (conflict,) = merge(stores[:2], tmp_path / "c").conflicts
    assert conflict.sentence().endswith("by 0 %)")


def test_a_finished_cell_is_counted_before_a_failed_one_which_is_kept(stores, tmp_path):
    fail(stores[0], a_cell(), "out-of-memory", "stopped at 3 GB", hardware="a small machine")
    finish(stores[1], a_cell(), kid=0.6)
    out = Store(tmp_path / "c", create=True)
    (conflict,) = merge(list(stores), out.root).conflicts
    assert "out-of-memory (stopped at 3 GB) on a small machine is kept" in conflict.sentence()
    assert list(read_rows(out).status) == ["ok"]
    assert list(read_conflicts(out).reason) == ["stopped at 3 GB"]


def test_an_unfinished_cell_goes_along_with_its_checkpoint_and_gives_way_to_a_finished_one(stores, tmp_path):
    stores[0].add(a_cell())
    (stores[0].folder(a_cell().key) / "checkpoint.safetensors").write_bytes(b"half way")
    out = Store(tmp_path / "c", create=True)
    assert merge([stores[0]], out.root).unfinished == 1
    assert (out.folder(a_cell().key) / "checkpoint.safetensors").read_bytes() == b"half way"
    finish(stores[1], a_cell(), kid=0.6)
    assert merge([stores[1]], out.root).added == 1
    assert list(read_rows(out).status) == ["ok"]


def test_merging_again_changes_nothing_and_the_inputs_are_only_read(stores, tmp_path):
    finish(stores[0], a_cell(0), kid=0.5)
    finish(stores[1], a_cell(0), kid=0.6)
    fail(stores[1], a_cell(1))
    (stores[0].root / "environment.json").write_text('{"cpu": "one"}')
    (stores[1].root / "environment.json").write_text('{"cpu": "two"}')
    before = [contents(store) for store in stores]
    out = Store(tmp_path / "c", create=True)
    merge(list(stores), out.root)
    first = contents(out)
    merge(list(stores), out.root)
    assert contents(out) == first
    assert [contents(store) for store in stores] == before
    everything = set(first.values())
    for each in before:
        kept = {content for name, content in each.items() if not name.endswith(ASKED)}  # the later one replaces it
        assert kept <= everything, "every stored file is in the merged store"


def test_the_result_that_counted_counts_in_the_merged_store_whatever_the_dates_of_the_files(stores, tmp_path):
    old, new = (a_cell(0, digest=digest) for digest in ("older", "newer"))
    finish(stores[0], old, kid=0.8)
    finish(stores[0], new, kid=0.5)
    for age, cell in enumerate((new, old)):
        os.utime(stores[0].folder(cell.key) / "spec.json", (age, age))
    out = tmp_path / "c"
    merge([stores[0]], out)
    assert list(read_rows(Store(out))[KID]) == [0.5]


def test_a_cell_that_was_asked_for_later_elsewhere_counts_after_merging(stores, tmp_path):
    old, new = (a_cell(0, digest=digest) for digest in ("older", "newer"))
    for store in stores:
        finish(store, old, kid=0.8)
        finish(store, new, kid=0.5)
    assert make_count(stores[1], [old.key]) == (1, 1)
    out = tmp_path / "c"
    merge([stores[0]], out)
    assert list(read_rows(Store(out))[KID]) == [0.5]
    merge([stores[1]], out)
    assert list(read_rows(Store(out))[KID]) == [0.8]


def test_a_merge_that_was_killed_half_way_is_completed_by_the_next(stores, tmp_path, monkeypatch):
    from graftbench.bench import merging

    finish(stores[0], a_cell(0), kid=0.5)
    finish(stores[0], a_cell(1), kid=0.6)
    copied = []

    def copy_then_die(source, target):
        if len(copied) == 11:
            raise KeyboardInterrupt
        copied.append(source)
        real_copy(source, target)

    real_copy = merging._copy
    out = Store(tmp_path / "c", create=True)
    with monkeypatch.context() as patched:
        patched.setattr(merging, "_copy", copy_then_die)
        with pytest.raises(KeyboardInterrupt):
            merge([stores[0]], out.root)
    assert sorted(read_rows(out).status) == ["missing", "ok"]
    merge([stores[0]], out.root)
    assert list(read_rows(out).status) == ["ok", "ok"]
    assert set(contents(stores[0]).values()) <= set(contents(out).values())


def test_a_cell_that_a_run_works_on_is_left_alone_and_named(stores, tmp_path):
    finish(stores[0], a_cell(), kid=0.5)
    out = Store(tmp_path / "c", create=True)
    out.add(a_cell())
    with filelock.FileLock(out.folder(a_cell().key) / "lock"):
        assert merge([stores[0]], out.root).busy == [a_cell().key]
    assert list(read_rows(out).status) == ["missing"]


def test_the_trials_of_a_tuned_store_are_merged_too(stores, tmp_path):
    finish(Store(stores[0].root / "tuning", create=True), a_cell(seed=1_000_000), kid=0.5)
    finish(stores[0], a_cell(), kid=0.5)
    assert merge([stores[0]], tmp_path / "c").added == 2
    assert list(read_rows(Store(tmp_path / "c" / "tuning"))[KID]) == [0.5]


def test_measured_speeds_come_along_also_those_of_one_file_name(stores, tmp_path):
    for store, content in zip(stores, (b"1", b"2"), strict=True):
        write_atomically(store.root / "throughput" / "Linux" / "0001.json", content)
    for _ in range(2):
        merge(list(stores), tmp_path / "c")
        found = sorted(path.read_bytes() for path in (tmp_path / "c" / "throughput").rglob("*.json"))
        assert found == [b"1", b"2"]


def test_a_damaged_file_is_named(stores, tmp_path):
    folder = finish(stores[0], a_cell(), kid=0.5)
    (folder / "final.json").write_text('{"kid')
    with pytest.raises(UserError, match=r"final\.json: is damaged"):
        read_rows(stores[0])


def test_a_checkpoint_of_ours_goes_when_the_finished_cell_comes(stores, tmp_path):
    given, ours = stores
    finish(given, a_cell(), kid=1.0)
    ours.add(a_cell())
    left = ours.folder(a_cell().key) / "checkpoint.safetensors"
    left.write_bytes(b"half way")
    merge([given], ours.root)
    assert list(read_rows(ours)[KID]) == [1.0] and not left.exists()


@pytest.mark.parametrize(
    ("name", "text"), [("spec.json", "{"), ("spec.json", "[" * 100_000), ("status.json", "{}"), ("final.json", "x")]
)
def test_a_damaged_cell_of_an_input_is_named_and_nothing_is_written(stores, name, text):
    given, ours = stores
    finish(ours, a_cell(0), kid=1.0)
    finish(given, a_cell(1), kid=2.0)
    (given.folder(a_cell(1).key) / name).write_text(text)
    before = contents(ours)
    with pytest.raises(UserError, match=str(given.folder(a_cell(1).key) / name)):
        merge([given], ours.root)
    assert contents(ours) == before
