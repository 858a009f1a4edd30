"""The paper's figures and tables from a results bundle."""

import hashlib
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from graftbench.bench.errors import UserError
from graftbench.reports.bundle import check_bundle, read_bundle, write_bundle
from graftbench.reports.catalogue import Pictures
from graftbench.reports.figures import read_paper, rebuild
from PIL import Image
from synthetic import synthetic


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What the cpu matrix gives, with fewer strategies: three targets, 10 and 100 shots."""
    few, many = (synthetic(["scratch", "finetune", "vae"], 3, 2, points=4, shots=shots) for shots in (10, 100))
    folder = tmp_path_factory.mktemp("grids")
    for name in ("fakes", "real"):
        seed = len(name)
        pixels = np.random.default_rng(seed).integers(0, 255, (64, 128, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    rows = pd.concat([few[0], many[0]], ignore_index=True)
    fakes = dict.fromkeys(rows["key"], folder / "fakes.png")
    real = dict.fromkeys(rows["key"], folder / "real.png")
    pictures = Pictures(samples=fakes, real=real, shots=real, interpolations=fakes)
    return rows, pd.concat([few[1], many[1]], ignore_index=True), {"python": "3.11"}, pictures


@pytest.fixture(scope="module")
def bundle(results, tmp_path_factory):
    return write_bundle(tmp_path_factory.mktemp("bundle") / "results", *results)


@pytest.fixture(scope="module")
def paper(bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    rebuild(read_paper()[0], read_bundle(bundle), folder)
    return folder


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_figure_and_table_of_the_paper_is_rebuilt(paper):
    spec, _ = read_paper()
    there = contents(paper)
    assert {f"figures/{each.name}.pdf" for each in spec.figures} <= set(there)
    assert {f"tables/{each.name}.tex" for each in spec.tables} <= set(there)
    assert sum(name.startswith("figures/samples-") and name.endswith(".pdf") for name in there) == 6
    assert all(b"/Type3" not in data for name, data in there.items() if name.endswith(".pdf"))


def test_rebuilt_twice_it_has_the_same_bytes(bundle, paper, tmp_path):
    spec = read_paper()[0]
    fewer = spec.model_copy(update={"figures": spec.figures[::4], "images": ["samples"]})
    rebuild(fewer, read_bundle(bundle), tmp_path)
    again, first = contents(tmp_path), contents(paper)
    del again["paper.tex"]
    assert sum(name.endswith(".pdf") for name in again) == 4 + 6
    assert [name for name in again if first[name] != again[name]] == []


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex (Debian: texlive-latex-recommended)")
def test_the_paper_compiles(paper, tmp_path):
    shutil.copytree(paper, tmp_path / "paper")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    result = subprocess.run(command, cwd=tmp_path / "paper", capture_output=True, text=True, errors="replace")
    assert result.returncode == 0, result.stdout[-2000:]


def test_a_bundle_gives_back_rows_curves_and_pictures_and_shares_equal_ones(results, bundle):
    read = read_bundle(bundle)
    assert len(read.rows) == len(results[0]) and len(read.curves) == len(results[1])
    assert len(list((bundle / "pictures").iterdir())) == 2
    assert set(read.pictures.samples) == set(read.pictures.shots)


def test_the_same_results_give_the_same_bundle(results, bundle, tmp_path):
    rows, curves, *others = results
    again = write_bundle(tmp_path / "again", rows.sample(frac=1, random_state=3), curves[::-1], *others)
    assert contents(again) == contents(bundle)


@pytest.mark.parametrize("harm", ["change", "remove", "add"])
def test_a_bundle_that_is_not_as_it_was_written_is_refused(bundle, tmp_path, harm):
    harmed = tmp_path / "harmed"
    shutil.copytree(bundle, harmed)
    rows = harmed / "rows.parquet"
    if harm == "change":
        rows.write_bytes(rows.read_bytes() + b" ")
    elif harm == "remove":
        rows.unlink()
    else:
        (harmed / "more.txt").write_text("")
    with pytest.raises(UserError, match=r"rows\.parquet|more\.txt"):
        read_bundle(harmed)


def test_a_bundle_never_replaces_something_else(results, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="no bundle"):
        write_bundle(tmp_path, *results)
    assert (tmp_path / "thesis.tex").exists()
    with pytest.raises(UserError, match="no bundle"):
        write_bundle(tmp_path / "thesis.tex", *results)


def test_a_bundle_is_replaced_only_by_a_whole_one(results, tmp_path):
    rows, curves, environment, pictures = results
    kept = write_bundle(tmp_path / "results", rows, curves, environment, Pictures())
    before = contents(kept)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    broken = replace(pictures, real=dict.fromkeys(rows["key"], tmp_path / "broken.png"))
    with pytest.raises(UserError, match=r"broken\.png"):
        write_bundle(kept, rows, curves, environment, broken)
    assert contents(kept) == before
    assert {path.name for path in tmp_path.iterdir()} == {"results", "broken.png"}
    assert contents(write_bundle(kept, *results)) != before


@pytest.mark.parametrize("manifest", ["{", "[1, 2]", "\udcff"])
def test_a_manifest_that_is_none_is_named(tmp_path, manifest):
    (tmp_path / "bundle.json").write_text(manifest, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(UserError, match=r"bundle\.json: lists no files of a bundle"):
        read_bundle(tmp_path)


def test_frozen_targets_travel_with_the_bundle(results, tmp_path):
    column = "kid@inception-v3-compat"
    targets = tmp_path / "targets.json"
    targets.write_text(json.dumps({column: {"[1]": {"start": 3.0, "best": 1.0, "rungs": [2.5, 2.0, 1.5, 1.2, 1.0]}}}))
    read = read_bundle(write_bundle(tmp_path / "bundle", *results, targets=targets))
    assert read.ladders[column]["[1]"].best == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("figures: [{name: a, draw: paretto}]\nbundle: x", "pareto"),
        ("figures: [{name: a, draw: pareto, colour: red}]\nbundle: x", "colour"),
        ("bundle: [", "no list of figures"),
        ("bundle: \udcff", "no list of figures"),
        ("figures: [{name: a/b, draw: pareto}]\nbundle: x", "no list of figures .*figures.0.name"),
        ("figures: [{name: a, draw: pareto, against: seconds}]\nbundle: x", "`against` is for convergence"),
        ("figures: [{name: a, draw: pareto}, {name: a, draw: shots}]\nbundle: x", "two figures are named a"),
    ],
)
def test_a_mistake_in_the_list_of_figures_is_named(tmp_path, text, message):
    (tmp_path / "figures.yaml").write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(UserError, match=message):
        read_paper(tmp_path / "figures.yaml")


def test_a_figure_that_the_bundle_cannot_give_is_named_after_the_others_are_made(bundle, tmp_path):
    (tmp_path / "f.yaml").write_text(
        "bundle: x\nfigures: [{name: one, draw: pareto}, {name: two, draw: pareto, where: {shots: 10}}]"
    )
    with pytest.raises(UserError, match=r"one .2 settings fit it; narrow it"):
        rebuild(read_paper(tmp_path / "f.yaml")[0], read_bundle(bundle), tmp_path / "out")
    assert (tmp_path / "out" / "figures" / "two.pdf").is_file()


def test_a_bundle_does_not_replace_the_folder_that_the_command_runs_in(results, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="this command runs in it"):
        write_bundle(Path(), *results)


@pytest.mark.parametrize("name", ["rows.parquet", "pictures.json", "environment.json"])
def test_a_part_that_cannot_be_read_though_its_hash_agrees_is_one_line(bundle, tmp_path, name):
    harmed = tmp_path / "harmed"
    shutil.copytree(bundle, harmed)
    (harmed / name).write_bytes(b"x")
    manifest = json.loads((harmed / "bundle.json").read_text())
    manifest[name] = hashlib.sha256(b"x").hexdigest()
    (harmed / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="a part of this bundle is unreadable"):
        read_bundle(harmed)


@pytest.mark.slow
def test_from_a_store_to_its_bundle_its_paper_and_the_readme(graftbench, finished_run, tmp_path):
    """The commands that make what the repository shows, one after the other."""
    (tmp_path / "few.yaml").write_text("bundle: b\nfigures: [{name: cost, draw: throughput}]\nimages: [samples]")
    (tmp_path / "README.md").write_text("before\n<!-- results -->\nformer\n<!-- /results -->\nafter\n")
    for arguments in (
        ("bundle", finished_run, "--to", "b"),
        ("figures", "--spec", "few.yaml", "--to", "p"),
        ("readme", "--bundle", "b"),
        ("verify", "b"),
    ):
        done = graftbench(*arguments)
        assert done.returncode == 0, done.stderr
    assert {path.suffix for path in (tmp_path / "p" / "figures").glob("cost*")} == {".pdf", ".csv"}
    assert list((tmp_path / "p" / "figures").glob("samples-*.pdf"))
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("before") and "| scratch |" in text and "former" not in text and text.endswith("after\n")


@pytest.mark.slow
def test_the_page_of_a_bundle_is_written_elsewhere_and_the_bundle_stays_as_it_is(graftbench, tmp_path):
    bundle = write_bundle(tmp_path / "results", *synthetic(2, 1, 2, points=2), {}, Pictures({}, {}, {}, {}))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("<!DOCTYPE html><title>my thesis</title>")
    (tmp_path / "cells" / "0123").mkdir(parents=True)
    (tmp_path / "cells" / "0123" / "spec.json").touch()
    for arguments in ((), ("--to", bundle / "report"), ("--to", "mine"), ("--to", "cells/0123/report")):
        refused = graftbench("report", bundle, *arguments)
        assert refused.returncode == 2 and "another folder" in refused.stderr, refused.stderr
    for _ in range(2):
        done = graftbench("report", bundle, "--to", "page")
        assert done.returncode == 0, done.stderr
    page = (tmp_path / "page" / "index.html").read_text()
    assert "graftbench: results" in page and 'id="convergence-' in page
    check_bundle(bundle)
    assert "cells were made by other source than this package's now" in graftbench("verify", bundle).stdout
