"""Public source models by name: fetched from a loopback server, verified, imported, and named in a matrix."""

import dataclasses
import io
import json

import pytest
import torch
import yaml
from graftbench.bench import planning
from graftbench.bench import public_sources as module
from graftbench.bench.backbones import make_backbone
from graftbench.bench.cli import app
from graftbench.bench.errors import UserError
from graftbench.bench.matrix_file import SHIPPED, parse_matrix
from graftbench.bench.planning import plan_matrix
from graftbench.bench.public_sources import NVIDIA, public_sources
from graftbench.bench.source import load_source
from graftbench.datasets import open_domain
from graftbench.datasets.pairs import Pair
from typer.testing import CliRunner

WIDTH = 8


def checkpoint(resolution: int = 32) -> bytes:
    """A randomly initialised model in the layout that rosinality's training script writes."""
    torch.manual_seed(0)
    backbone = make_backbone("stylegan2", resolution, WIDTH)
    made = {"g": backbone.make_generator(), "g_ema": backbone.make_generator(), "d": backbone.make_discriminator()}
    stream = io.BytesIO()
    torch.save({name: network.state_dict() for name, network in made.items()}, stream)
    return stream.getvalue()


@pytest.fixture
def published(site, monkeypatch):
    """The catalogue's FFHQ model, small, behind the question that Google Drive asks for large files."""
    site.files["/download"] = checkpoint()
    site.confirm["/uc"] = "/download"
    entry = dataclasses.replace(public_sources()["ffhq256-cdc"], url=f"{site.url}/uc?id=abc", resolution=32)
    known = public_sources() | {"ffhq256-cdc": entry}
    for place in (module, planning):
        monkeypatch.setattr(place, "public_sources", lambda: known)
    return site


def run(*arguments: str):
    return CliRunner(env={"COLUMNS": "400"}).invoke(app, list(arguments))


def matrix(**changes):
    """A matrix on the backbone of the model above."""
    content = {
        "name": "small",
        "backbone": {"name": "stylegan2", "resolution": 32, "width": WIDTH},
        "source": {"domain": "toyfaces"},
        "targets": ["toycats"],
        "shots": [5],
        "seeds": 1,
        "strategies": ["finetune"],
        "budget": {"kimg": 0.01, "batch": 2},
    }
    return parse_matrix(content | changes, "test")


def test_fetch_downloads_imports_and_says_how_to_use_it(published, cache):
    done = run("fetch", "ffhq256-cdc")
    assert done.exit_code == 0, done.output
    folder = cache / "sources" / "ffhq256-cdc"
    assert f"files: {folder.resolve()}" in done.stdout
    assert "licence: none stated for the weights" in done.stdout
    assert "source: {domain: ffhq, model: ffhq256-cdc}" in done.stdout
    source = load_source(folder)
    expected = torch.load(io.BytesIO(published.files["/download"]), weights_only=True)["g_ema"]
    made = source.make_generator().state_dict()
    assert all(torch.equal(made[name], tensor) for name, tensor in expected.items())
    assert source.spec["imported"]["url"] == f"{published.url}/uc?id=abc"


def test_what_was_fetched_is_not_fetched_again(published):
    run("fetch", "ffhq256-cdc")
    asked = len(published.asked)
    assert run("fetch", "ffhq256-cdc").exit_code == 0
    assert len(published.asked) == asked


def test_an_interrupted_download_goes_on(published):
    published.cut_after["/download"] = [50_000]
    assert run("fetch", "ffhq256-cdc").exit_code == 0
    assert published.asked[-1] == ("/download", "bytes=50000-")


def test_the_hash_of_the_first_download_is_enforced(published, cache):
    run("fetch", "ffhq256-cdc")
    recorded = json.loads((cache / "downloads" / "hashes.json").read_text())
    assert len(recorded["sources/ffhq256-cdc.pt"]["sha256"]) == 64
    (cache / "downloads" / "sources" / "ffhq256-cdc.pt").write_bytes(checkpoint(64))
    done = run("fetch", "ffhq256-cdc")
    assert done.exit_code == 2
    assert "recorded when it was first fetched" in done.stderr


def test_a_file_that_was_got_by_hand_is_taken(published, cache):
    place = cache / "downloads" / "sources" / "ffhq256-cdc.pt"
    place.parent.mkdir(parents=True)
    place.write_bytes(published.files["/download"])
    assert run("fetch", "ffhq256-cdc").exit_code == 0
    assert not published.asked


def test_a_link_that_died_says_what_to_put_where(published, cache):
    published.confirm.clear()
    published.pages.add("/uc")
    done = run("fetch", "ffhq256-cdc")
    assert done.exit_code == 2
    place = cache / "downloads" / "sources" / "ffhq256-cdc.pt"
    assert f"or by hand: open {published.url}/uc?id=abc, download the file and save it as {place}" in done.stderr


@pytest.mark.parametrize("kind", ["text", "another resolution"])
def test_a_file_that_is_no_such_model_is_one_line_and_leaves_no_artefact(published, cache, kind):
    published.files["/download"] = b"no checkpoint" if kind == "text" else checkpoint(64)
    done = run("fetch", "ffhq256-cdc")
    assert done.exit_code == 2
    why = "cannot be read as plain weights" if kind == "text" else "makes images of 64 px, not of 32 px"
    assert why in done.stderr
    assert "delete" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (cache / "sources" / "ffhq256-cdc" / "spec.json").exists()


def test_a_pickle_with_code_is_neither_fetched_nor_read():
    for name in (name for name, source in public_sources().items() if source.format == NVIDIA):
        done = run("fetch", name)
        assert done.exit_code == 2
        assert "a pickle with program code" in done.stderr


def test_list_shows_size_licence_expected_fid_and_presence(published):
    def row(name: str) -> list[str]:
        lines = run("list", "sources").stdout.splitlines()
        return next(line for line in lines if line.startswith(name)).split("  ")

    found = [cell.strip() for cell in row("ffhq256-cdc") if cell.strip()]
    assert found == ["ffhq256-cdc", "ffhq", "32", "not stated", "not stated", "fetch", "none stated for the weights"]
    run("fetch", "ffhq256-cdc")
    assert "yes" in [cell.strip() for cell in row("ffhq256-cdc")]
    assert "about 4.5 (550k iterations)" in [cell.strip() for cell in row("ffhq256-rosinality")]


def test_a_misspelt_name_offers_the_models_too():
    assert "did you mean 'ffhq256-cdc'" in run("fetch", "ffhq256-cdd").stderr


def test_a_matrix_names_the_model(published, cache):
    asked = matrix(source={"domain": "ffhq", "model": "ffhq256-cdc"})
    with pytest.raises(UserError, match=r"ffhq256-cdc is not here; run `graftbench fetch ffhq256-cdc`"):
        plan_matrix(asked)
    run("fetch", "ffhq256-cdc")
    plan = plan_matrix(asked)
    assert list(plan.sources.values()) == [cache / "sources" / "ffhq256-cdc"]
    assert plan.cells[0].source == "ffhq"


@pytest.fixture
def pair(monkeypatch):
    """A usual pair whose target needs no download."""
    known = {"ffhq->toycats@7": Pair("ffhq", "toycats", 7, "ffhq256-cdc")}
    for place in ("graftbench.bench.planning.usual_pairs", "graftbench.datasets.pairs.usual_pairs"):
        monkeypatch.setattr(place, lambda: known)


def test_a_usual_pair_starts_from_its_public_model(published, pair, cache):
    asked = matrix(targets=["ffhq->toycats@7"])
    with pytest.raises(UserError, match=r"ffhq256-cdc is not here; run `graftbench fetch ffhq256-cdc`"):
        plan_matrix(asked)
    run("fetch", "ffhq256-cdc")
    for target in ("ffhq->toycats@7", "ffhq->toycats@5"):  # with other shots too
        plan = plan_matrix(matrix(targets=[target]))
        assert list(plan.sources.values()) == [cache / "sources" / "ffhq256-cdc"]


def test_a_usual_pair_on_another_backbone_is_trained_as_the_matrix_says(published, pair):
    plan = plan_matrix(matrix(targets=["ffhq->toycats@7"], backbone={"name": "dcgan", "resolution": 32, "width": 8}))
    assert [spec.domain for spec in plan.to_pretrain] == ["ffhq"]


def test_every_public_source_states_what_a_user_must_know():
    for source in public_sources().values():
        assert open_domain(source.domain).about.licence
        assert source.url.startswith("https://")
        assert source.page.startswith("https://")
        assert all((source.licence, source.size, source.fid))


def test_the_paper_matrix_names_a_known_model():
    asked = yaml.safe_load((SHIPPED / "paper.yaml").read_text())
    assert asked["source"]["model"] in public_sources()
