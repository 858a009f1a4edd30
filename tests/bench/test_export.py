"""A finished cell's generator leaves the store as a folder that loads in a fresh process."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from finished import a_cell, finish
from graftbench.bench.errors import UserError
from graftbench.bench.export import export_cell
from graftbench.bench.store import Store


@pytest.fixture(scope="module")
def exported(finished_run, tmp_path_factory, commands) -> tuple[Path, Path, subprocess.CompletedProcess]:
    """A store with one finished cell, the folder that it was exported to, and what the command said."""
    folder = tmp_path_factory.mktemp("export")
    key = next((finished_run / "cells").iterdir()).name
    done = commands.run("export", finished_run, key[:6], "model", folder=folder, environment={})
    return finished_run, folder / "model", done


def test_the_folder_holds_weights_spec_samples_and_a_card(exported):
    _, model, done = exported
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in model.iterdir()} == {"generator.safetensors", "spec.json", "samples.png", "README.md"}
    card = (model / "README.md").read_text()
    assert "KID" in card and "licence:" in card and "`scratch`" in card
    assert json.loads((model / "spec.json").read_text())["cell"]["target"] == "toycats"


def test_the_cards_snippet_runs_in_a_fresh_process(exported):
    _, model, _ = exported
    snippet = re.search(r"```python\n(.*?)```", (model / "README.md").read_text(), re.DOTALL)
    done = subprocess.run([sys.executable, "-c", snippet[1]], cwd=model, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "(16, 3, 32, 32) torch.uint8", done.stderr


def test_equal_seeds_give_equal_images_and_others_do_not(exported):
    import graftbench

    model = graftbench.load(exported[1])
    assert torch.equal(model.sample(4, seed=1), model.sample(4, seed=1))
    assert not torch.equal(model.sample(4, seed=1), model.sample(4, seed=2))


def test_importing_graftbench_imports_no_torch():
    code = "import sys, graftbench; graftbench.load; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_damaged_weights_are_refused(exported, tmp_path):
    import graftbench

    damaged = shutil.copytree(exported[1], tmp_path / "damaged")
    content = bytearray((damaged / "generator.safetensors").read_bytes())
    content[-1] ^= 1
    (damaged / "generator.safetensors").write_bytes(content)
    with pytest.raises(UserError, match="not the file that"):
        graftbench.load(damaged)


def test_weights_that_do_not_make_the_cells_samples_are_not_exported(exported, graftbench, tmp_path):
    from safetensors.torch import load_file, save_file

    store = shutil.copytree(exported[0], tmp_path / "store")
    weights = next(store.glob("cells/*/generator.safetensors"))
    whole = load_file(weights)
    for wrong, said in (
        ({name: tensor.flip(0) if tensor.dim() else tensor for name, tensor in whole.items()}, "makes other images"),
        ({name: -tensor for name, tensor in whole.items()}, "a generated image holds NaN or infinity; the file is"),
    ):
        save_file({name: tensor.contiguous() for name, tensor in wrong.items()}, weights)
        done = graftbench("export", "store", weights.parent.name, "model")
        assert done.returncode == 2 and said in done.stderr
    assert not (tmp_path / "model").exists() and [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_folder_that_holds_something_and_an_unknown_cell_are_refused(exported, graftbench, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("precious")
    key = next((exported[0] / "cells").iterdir()).name
    done = graftbench("export", exported[0], key, "mine")
    assert done.returncode == 2 and "holds something already" in done.stderr
    assert (tmp_path / "mine/thesis.txt").read_text() == "precious"
    done = graftbench("export", exported[0], key, "mine/thesis.txt")
    assert done.returncode == 2 and "holds something already" in done.stderr
    done = graftbench("export", exported[0], "zz", "model")
    assert done.returncode == 2 and "no cell has this key" in done.stderr


def test_a_cell_whose_weights_were_deleted_is_answered_in_one_line(tmp_path):
    store = Store(tmp_path / "store", create=True)
    (finish(store, a_cell(), kid=0.5) / "generator.safetensors").unlink()
    with pytest.raises(UserError, match=r"lacks generator\.safetensors"):
        export_cell(store, "", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_folder_that_the_command_runs_in_is_not_replaced(exported, tmp_path, monkeypatch):
    store, _, _ = exported
    key = next((store / "cells").iterdir()).name
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="this command runs in it"):
        export_cell(Store(store), key, Path())


def test_a_picture_that_is_none_is_one_line(exported, tmp_path):
    store, _, _ = exported
    shutil.copytree(store, tmp_path / "store")
    (folder,) = (tmp_path / "store/cells").iterdir()
    (folder / "samples.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"samples.png: is no picture"):
        export_cell(Store(tmp_path / "store"), folder.name, tmp_path / "model")
