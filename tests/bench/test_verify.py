"""A store that is what it says passes; any number that was changed afterwards is found and named."""

import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest
from finished import KID, a_cell, fail, finish
from graftbench.bench.cli.verifying import verify_kept_once, verify_tables
from graftbench.bench.devices import choose_device, describe
from graftbench.bench.files import sha256_of
from graftbench.bench.rerun import why_not
from graftbench.bench.rows import read_curves, read_rows
from graftbench.bench.source import WEIGHTS
from graftbench.bench.store import Store
from graftbench.bench.verification import verify_cells


@pytest.fixture
def store(tmp_path) -> Store:
    """Two finished cells and a failed one, with their tables kept."""
    store = Store(tmp_path / "store", create=True)
    for seed in (0, 1):
        finish(store, a_cell(seed), kid=0.5 + seed)
    fail(store, a_cell(2))
    read_rows(store), read_curves(store)
    return store


def problems(store: Store) -> list[str]:
    checks = verify_cells(store) + verify_tables(store)
    return [f"{check.name}: {problem}" for check in checks for problem in check.problems]


def change(path, **values) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_an_untouched_store_agrees(store):
    assert problems(store) == []


def test_a_store_with_cells_of_older_code_agrees(store):
    finish(store, replace(a_cell(0), digest="newer"), kid=0.4)
    assert len(read_rows(store)) == 3 and problems(store) == []


def test_a_changed_file_is_found_by_its_hash(store):
    (store.folder(a_cell(0).key) / "generator.safetensors").write_bytes(b"other weights")
    (found,) = problems(store)
    assert a_cell(0).key in found and "generator.safetensors has changed" in found


def test_a_better_score_written_into_a_cell_is_found_even_with_its_hash(store):
    from graftbench.bench.store import write_status

    folder = store.folder(a_cell(1).key)
    change(folder / "final.json", **{KID: 0.01})
    write_status(folder, "ok")
    assert any(
        "kid@efficientnet-lite0-64 is 0.01, the last point of the curve gives 1.5" in each for each in problems(store)
    )


def test_a_best_checkpoint_that_is_not_the_best_on_validation_is_found(store):
    change(store.folder(a_cell(0).key) / "final.json", best_kimg=0.0)
    assert any("best_kimg is 0, the point of lowest validation KID gives 1" in each for each in problems(store))


def test_a_number_changed_in_the_kept_rows_is_found(store):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = store.root / "rows.parquet"
    table = pq.read_table(path)
    frame = table.to_pandas()
    frame.loc[0, KID] = 0.001
    changed = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(table.schema.metadata)
    pq.write_table(changed, path)
    assert any("rows.parquet says kid@efficientnet-lite0-64 = 0.001" in each for each in problems(store))


def test_a_spec_that_does_not_fit_its_key_and_a_missing_file_are_found(store):
    folder = store.folder(a_cell(0).key)
    change(folder / "spec.json", shots=1000)
    (store.folder(a_cell(1).key) / "samples.png").unlink()
    found = problems(store)
    assert any("its spec has the key" in each for each in found)
    assert any("ended ok but samples.png is missing" in each for each in found)


def test_damaged_hashes_are_a_mismatch_and_the_other_cells_are_checked(store):
    (store.folder(a_cell(0).key) / "hashes.json").write_text("{")
    (store.folder(a_cell(1).key) / "samples.png").write_bytes(b"another picture")
    found = problems(store)
    assert len(found) == 2 and "hashes.json: is damaged" in " ".join(found)


def test_each_cell_with_numbers_that_cannot_be_read_is_listed(store):
    one, two, three = (store.folder(a_cell(seed).key) for seed in range(3))
    (one / "final.json").write_text("{")
    change(two / "final.json", train_seconds="a")
    (three / "asked.json").write_text('{"at_ns": 1e400}')
    found = "\n".join(problem for check in verify_cells(store) for problem in check.problems)
    assert f"{one.name}: " in found and f"{two.name}: " in found and f"{three.name}: " in found
    assert "train_seconds is no number" in found and "asked.json: is damaged" in found


def test_a_damaged_spec_ends_in_a_line_and_not_in_a_traceback(store, graftbench):
    (store.folder(a_cell(0).key) / "spec.json").write_text("{")
    done = graftbench("verify", store.root, "--no-rerun")
    assert done.returncode == 1 and "MISMATCH    keys against specs" in done.stdout and "Traceback" not in done.stderr


def test_what_a_plugin_may_have_is_no_mismatch_and_other_mistakes_in_a_matrix_are(store):
    said = "source: toyfaces\ntargets: toycats\nshots: 10\nseeds: 1\nstrategies: scratch\nbudget: {kimg: 1}\n"
    (store.root / "matrix.yaml").write_text(f"{said}backbone: of-a-plugin\n")
    check = verify_kept_once(store)
    assert check.problems == [] and "of-a-plugin" in check.notes[0]
    assert check.notes[0].endswith("if a plug-in has it, give --plugin FILE")
    (store.root / "matrix.yaml").write_text(f"{said}backbne: dcgan\n")
    assert "unknown key 'backbne'" in verify_kept_once(store).problems[0]


@pytest.mark.slow
def test_a_real_run_agrees_when_a_cell_is_run_again_and_a_made_up_number_does_not(finished_run, graftbench, tmp_path):
    store = shutil.copytree(finished_run, tmp_path / "store")
    honest = graftbench("verify", store)
    assert honest.returncode == 0, honest.stdout + honest.stderr
    assert "ok          cells run again: 1" in honest.stdout

    folder = next((store / "cells").iterdir())
    curve = [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]
    final = json.loads((folder / "final.json").read_text())
    for numbers in (curve[-1], final):
        numbers[KID] *= 0.5
    if final["best_kimg"] == curve[-1]["kimg"]:
        final[f"best_{KID}"] = final[KID]
    (folder / "curve.jsonl").write_text("".join(json.dumps(point) + "\n" for point in curve))
    (folder / "final.json").write_text(json.dumps(final))
    (folder / "hashes.json").unlink()
    (store / "rows.parquet").unlink(missing_ok=True), (store / "curves.parquet").unlink(missing_ok=True)
    forged = graftbench("verify", store)
    assert forged.returncode == 1
    assert f"run again, another value of final.json: {KID}" in forged.stdout
    assert "ok          final and best numbers against the curves" in forged.stdout, "only the run tells"


def test_tables_that_the_rows_do_not_give_are_found(tmp_path):
    from graftbench.reports.consistency import table_problems
    from graftbench.reports.tables import all_tables, write_tables
    from synthetic import synthetic

    rows = synthetic(strategies=3, targets=2, seeds=2)[0]
    write_tables(all_tables(rows), tmp_path)
    assert table_problems(rows, pd.DataFrame(), {}, tmp_path) == []
    changed = next(path for path in sorted(tmp_path.glob("quality-kid*.md")))
    changed.write_text(changed.read_text().replace("0.", "0.0", 1))
    assert table_problems(rows, pd.DataFrame(), {}, tmp_path) == [f"{changed}: the rows give another table"]


def test_a_cell_of_a_gpu_is_run_again_only_if_it_was_deterministic(tmp_path):
    store = Store(tmp_path, create=True)
    folder = finish(store, a_cell(), kid=0.5)
    change(folder / "status.json", device="cuda", deterministic=False)
    assert "without --deterministic" in why_not(folder)
    change(folder / "status.json", deterministic=True)
    assert "without --deterministic" not in why_not(folder)


def test_a_cell_is_run_again_from_the_very_weights_that_it_started_from(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFTBENCH_CACHE", str(tmp_path / "cache"))
    source = tmp_path / "cache" / "sources" / "mine"
    source.mkdir(parents=True)
    (source / "spec.json").write_text("{}")
    (source / WEIGHTS).write_bytes(b"the weights")
    cell = a_cell(source_sha256=sha256_of(source / WEIGHTS)).with_digest()
    folder = finish(Store(tmp_path / "store", create=True), cell, kid=0.5)
    change(folder / "status.json", **describe(choose_device("cpu")), source_folder="mine")
    assert why_not(folder) == ""
    (source / WEIGHTS).write_bytes(b"other weights")
    assert "'mine' is not here, or has other weights now" in why_not(folder)


def test_a_folder_in_the_place_of_a_file_is_found_and_the_other_cells_are_checked(store):
    for seed, name in ((0, "spec.json"), (1, "status.json")):
        path = store.folder(a_cell(seed).key) / name
        path.unlink()
        path.mkdir()
    checks = verify_cells(store)
    found = [problem for check in checks for problem in check.problems]
    assert len(found) == 2
    assert any("spec.json" in each for each in found) and any("status.json: is damaged" in each for each in found)


def test_a_damaged_status_and_a_lost_spec_are_found(store):
    (store.folder(a_cell(2).key) / "status.json").write_text("{}")
    (store.folder(a_cell(1).key) / "spec.json").unlink()
    found = [problem for check in verify_cells(store) for problem in check.problems]
    assert len(found) == 2
    assert any("status.json: is damaged" in each for each in found)
    assert any("spec.json: is missing" in each for each in found)
