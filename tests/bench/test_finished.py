"""A benchmark that is known to be finished, and everything after which it is not."""

import shutil
from pathlib import Path

import graftbench.bench.finished as finished
import pytest
from graftbench.bench.cli.running import said_to_be_finished
from graftbench.bench.finished import FILE, decided_by, recall, remember, to_remember
from graftbench.bench.matrix_file import parse_matrix
from graftbench.bench.planning import plan_matrix
from graftbench.bench.source import SHIPPED
from graftbench.bench.store import Store, write_asked, write_status

ASKED = {
    "name": "asked",
    "source": {"domain": "toyfaces", "model": "given"},
    "targets": ["toyfaces-sunglasses"],
    "shots": 10,
    "seeds": 2,
    "strategies": ["scratch", "finetune", "scale-shift"],
    "budget": {"kimg": 1},
}


def run(store: Store, **said) -> tuple[str, dict]:
    """What `graftbench run` does before it trains."""
    matrix = parse_matrix({**ASKED, **said}, "asked.yaml")
    decided = decided_by(matrix)
    plan = plan_matrix(matrix)
    for cell in plan.cells:
        store.add(cell)
    return decided, to_remember(store, matrix, plan, decided)


@pytest.fixture
def ended(tmp_path, monkeypatch) -> tuple[Store, str]:
    """A store of which all that was asked for ended ok, and what decided that."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(next(SHIPPED.glob("toyfaces-dcgan32-gan-*")), "given")
    store = Store(tmp_path / "store", create=True)
    decided, record = run(store)
    for key in store.cell_keys():
        write_status(store.folder(key), "ok")
    remember(store, record)
    return store, decided


def test_it_is_known_with_its_notes(ended):
    store, decided = ended
    found = recall(store.root, decided)
    assert found is not None and (found.cells, found.notes) == (6, [])
    decided, record = run(store, augment=["none", "ada"], strategies=["scratch", "vae"])
    for key in store.cell_keys():
        write_status(store.folder(key), "ok")
    remember(store, record)
    found = recall(store.root, decided)
    assert found is not None and found.notes and "vae is not crossed with ada" in found.notes[0]


def ask_again(store: Store) -> None:
    write_asked(store.folder(store.cell_keys()[0]), 1)


def lose_a_status(store: Store) -> None:
    (store.folder(store.cell_keys()[0]) / "status.json").unlink()


def let_one_fail(store: Store) -> None:
    write_status(store.folder(store.cell_keys()[0]), "failed", "it")


def lose_a_cell(store: Store) -> None:
    shutil.rmtree(store.folder(store.cell_keys()[0]))


def lose_all_cells(store: Store) -> None:
    shutil.rmtree(store.cells)


def ask_for_more(store: Store) -> None:
    run(store, seeds=3)


def train_the_source_anew(store: Store) -> None:
    with Path("given/spec.json").open("a") as spec:
        spec.write(" ")


def lose_the_source(store: Store) -> None:
    shutil.rmtree("given")


def damage_it(store: Store) -> None:
    (store.root / FILE).write_text('{"decided": ')


@pytest.mark.parametrize(
    "change",
    [
        ask_again,
        lose_a_status,
        let_one_fail,
        lose_a_cell,
        lose_all_cells,
        ask_for_more,
        train_the_source_anew,
        lose_the_source,
        damage_it,
    ],
)
def test_it_is_planned_anew_after_what_changes_the_answer(ended, change):
    store, decided = ended
    change(store)
    assert recall(store.root, decided) is None


def test_what_decides_is_the_matrix_the_code_and_the_folders_that_paths_start_at(tmp_path, monkeypatch):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench/code.py").write_text("a = 1\n")
    monkeypatch.setattr(finished, "PACKAGE", tmp_path)
    monkeypatch.chdir(tmp_path / "one")
    matrix = parse_matrix(ASKED, "asked.yaml")
    seen = [decided_by(matrix)]
    assert decided_by(parse_matrix(ASKED, "asked.yaml")) == seen[0]
    seen.append(decided_by(parse_matrix({**ASKED, "seeds": 3}, "asked.yaml")))
    (tmp_path / "bench/code.py").write_text("a = 2\n")
    seen.append(decided_by(matrix))
    monkeypatch.chdir(tmp_path / "two")
    seen.append(decided_by(matrix))
    monkeypatch.setenv("GRAFTBENCH_CACHE", str(tmp_path / "cache"))
    seen.append(decided_by(matrix))
    assert len(set(seen)) == len(seen)


def test_nothing_is_remembered_where_it_may_change_unseen(ended, monkeypatch):
    store, _ = ended
    assert run(store)[1]
    assert run(store, tune={"trials": 2})[1] == {}
    monkeypatch.setattr("graftbench.bench.plugins.foreign_files", lambda: {Path("of/a/plugin.py")})
    assert run(store)[1] == {}


def test_a_run_says_so_unless_a_report_is_wanted_and_not_there(ended, capsys):
    store, decided = ended
    matrix = parse_matrix(ASKED, "asked.yaml")
    assert not said_to_be_finished(store.root, matrix, decided, report=True)
    assert said_to_be_finished(store.root, matrix, decided, report=False)
    assert capsys.readouterr().out == f"nothing to do: all 6 cells of asked are in {store.root}\n"
    store.report.mkdir()
    (store.report / "index.html").touch()
    assert said_to_be_finished(store.root, matrix, decided, report=True)
    assert capsys.readouterr().out.endswith(f"report: {store.report}/index.html\n")
