"""A benchmark that is known to be finished, and everything after which it is not."""

import json
import shutil
from pathlib import Path

import graftbench.bench.finished as finished
import pytest
from graftbench.bench.cli.running import said_to_be_finished
from graftbench.bench.files import write_atomically
from graftbench.bench.finished import FILE, Finished, decided_by, recall, remember, to_remember
from graftbench.bench.matrix_file import dump_matrix, parse_matrix
from graftbench.bench.planning import plan_matrix
from graftbench.bench.public_sources import public_sources
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


def run(store: Store, superseded: int = 0, **said) -> tuple[str, Finished | None]:
    """What `graftbench run` does before it trains."""
    matrix = parse_matrix({**ASKED, **said}, "asked.yaml")
    decided = decided_by(matrix)
    plan = plan_matrix(matrix)
    for cell in plan.cells:
        store.add(cell)
    write_atomically(store.root / "matrix.yaml", dump_matrix(matrix))
    return decided, to_remember(store, matrix, plan, decided, superseded)


def end(store: Store, finished: Finished | None) -> None:
    """What it does when all cells have ended ok."""
    for key in store.cell_keys():
        write_status(store.folder(key), "ok")
    assert finished is not None
    remember(store, finished)


@pytest.fixture
def ended(tmp_path, monkeypatch) -> tuple[Store, str]:
    """A store of which all that was asked for ended ok, and what decided that."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(next(SHIPPED.glob("toyfaces-dcgan32-gan-*")), "one")
    Path("given").symlink_to("one")
    store = Store(tmp_path / "store", create=True)
    decided, record = run(store)
    end(store, record)
    return store, decided


def test_it_is_known_with_its_notes(ended):
    store, decided = ended
    found = recall(store.root, decided)
    assert found is not None and (len(found.planned), found.superseded, found.notes) == (6, 0, [])
    decided, record = run(store, 2, augment=["none", "ada"], strategies=["scratch", "vae"])
    end(store, record)
    found = recall(store.root, decided)
    assert found is not None and found.superseded == 2
    assert found.notes == ["vae is not crossed with ada: it would learn the augmented images"]


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


def take_another_source(store: Store) -> None:
    shutil.copytree("one", "two")
    spec = json.loads(Path("two/spec.json").read_text())
    Path("two/spec.json").write_text(json.dumps({**spec, "sha256": "0" * 64}))
    Path("given").unlink()
    Path("given").symlink_to("two")


def lose_the_source(store: Store) -> None:
    shutil.rmtree("one")


def cut_the_record(store: Store) -> None:
    (store.root / FILE).write_text('{"decided": ')


def lose_what_is_in_the_record(store: Store) -> None:
    content = json.loads((store.root / FILE).read_text())
    (store.root / FILE).write_text(json.dumps({"decided": content["decided"]}))


def nest_the_record(store: Store) -> None:
    (store.root / FILE).write_text("[" * 100_000)


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
        take_another_source,
        lose_the_source,
        cut_the_record,
        lose_what_is_in_the_record,
        nest_the_record,
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
    (tmp_path / "bench/.#code.py").symlink_to("an editor's lock")
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
    Path(next(iter(public_sources()))).mkdir()  # which a matrix's `model` of that name then means
    seen.append(decided_by(matrix))
    assert len(set(seen)) == len(seen)


def test_nothing_is_remembered_where_it_may_change_unseen(ended, monkeypatch):
    store, _ = ended
    assert run(store)[1]
    assert run(store, tune={"trials": 2})[1] is None
    with monkeypatch.context() as patched:
        patched.setattr("graftbench.bench.planning.own_images", lambda *names: "what the user's folder holds now")
        assert run(store)[1] is None
    monkeypatch.setattr("graftbench.bench.plugins.foreign_files", lambda: {Path("of/a/plugin.py")})
    assert run(store)[1] is None


def test_a_store_that_cannot_be_written_to_is_planned_anew_each_time(ended, caplog):
    store, decided = ended
    _, record = run(store)
    (store.root / FILE).unlink()
    (store.root / FILE).mkdir()
    with caplog.at_level("INFO"):
        end(store, record)
    assert recall(store.root, decided) is None and "the next run plans again" in caplog.text


def test_a_run_says_so_unless_it_would_leave_what_is_not_there(ended, capsys):
    store, decided = ended
    matrix = parse_matrix(ASKED, "asked.yaml")

    def said(**wanted: bool) -> str:
        finished = said_to_be_finished(store.root, matrix, decided, **wanted)
        out = capsys.readouterr().out
        assert finished == bool(out)
        return out

    assert said(report=True, whole=True) == ""
    line = f"nothing to do: all 6 cells of asked are in {store.root}\n"
    assert said(report=False, whole=True) == line
    store.report.mkdir()
    (store.report / "index.html").touch()
    assert said(report=True, whole=True) == f"{line}report: {store.report}/index.html\n"
    (store.root / "matrix.yaml").unlink()
    assert said(report=False, whole=True) == ""
    assert said(report=False, whole=False) == line
    _, record = run(store, superseded=2)
    end(store, record)
    assert said(report=False, whole=True).startswith(f"2 earlier results in {store.root} do not count any more")
