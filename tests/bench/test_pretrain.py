"""The shipped source models are what their curves say, and ``graftbench pretrain`` sets out on the same way."""

import dataclasses
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor, wait

import filelock
import graftbench.bench.pretrain
import pytest
import torch
from graftbench.bench.cli import main
from graftbench.bench.cli.pretraining import train_missing
from graftbench.bench.errors import UserError
from graftbench.bench.metrics.evaluator import Evaluator
from graftbench.bench.pretrain import FAKES, REALS, pretrain
from graftbench.bench.registries import domains, extractors
from graftbench.bench.seeds import seed_for
from graftbench.bench.source import CURVE, SHIPPED, SPEC, WEIGHTS, SourceSpec, find_source, load_source, save_source
from graftbench.datasets import evaluation_images, open_domain
from graftbench.strategies import generate

EXTRACTOR = "efficientnet-lite0-64"
KID = f"kid@{EXTRACTOR}"
QUICK = SourceSpec("gan", "dcgan", 32, 32, "toyfaces", 600.0, 64, 0, augment="translation")
QUICK_VAE = dataclasses.replace(QUICK, kind="vae", augment="none")


def learning_curve(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / CURVE).read_text().splitlines()]


def test_the_source_of_the_quick_matrix_is_shipped():
    folder = find_source(QUICK)
    assert folder is not None and folder.parent == SHIPPED


@pytest.mark.parametrize("folder", sorted(SHIPPED.glob("*/")), ids=lambda folder: folder.name)
def test_a_shipped_source_scores_what_its_curve_ends_with(folder):
    source = load_source(folder)
    domain = open_domain(source.spec["domain"])
    validation = evaluation_images(domain, "validation", "held-out", source.spec["resolution"], REALS)
    evaluator = Evaluator(extractors.get(EXTRACTOR)(EXTRACTOR), validation[:100], validation, validation, FAKES)
    generator = source.make_generator().eval()
    rng = torch.Generator().manual_seed(seed_for("source", "evaluation", source.spec["seed"]))
    latents = torch.randn(FAKES, generator.latent_dim, generator=rng)
    fakes = generate(generator, latents)
    assert evaluator.evaluate(fakes, full=False)[KID] == pytest.approx(learning_curve(folder)[-1][KID], rel=0.01)


def test_an_artefact_is_complete_when_its_spec_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFTBENCH_CACHE", str(tmp_path))
    mine = dataclasses.replace(QUICK, seed=1)
    folder = tmp_path / "sources" / mine.name
    folder.mkdir(parents=True)
    (folder / WEIGHTS).write_bytes(b"")
    assert find_source(mine) is None
    (folder / SPEC).write_text("{}")
    assert find_source(mine) == folder


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("{", "spec.json cannot be read"),
        ("[]", "spec.json has no backbone"),
        ('{"backbone": 1}', "no resolution, width"),
    ],
)
def test_a_damaged_spec_is_one_line(tmp_path, spec, says):
    (tmp_path / "spec.json").write_text(spec)
    with pytest.raises(UserError, match=says):
        load_source(tmp_path)


@pytest.mark.slow(minutes=2)
def test_a_short_pretraining_sets_out_as_the_shipped_curve_does(tmp_path, monkeypatch):
    """Nothing depends on the budget but its end, so a tenth of it ends where the shipped curve has its first point.

    The VAE's, which is less work than the GAN's, and smooth: in a GAN, another processor's rounding grows.
    """
    monkeypatch.setattr(graftbench.bench.pretrain, "POINTS", 1)
    start, first = learning_curve(find_source(QUICK_VAE))[:2]
    tenth = dataclasses.replace(QUICK_VAE, kimg=QUICK_VAE.kimg / 10)
    curve = pretrain(tenth, tmp_path, torch.device("cpu"), EXTRACTOR)
    assert curve[0][KID] == pytest.approx(start[KID], rel=1e-3)
    assert curve[-1]["kimg"] == first["kimg"] and curve[-1][KID] == pytest.approx(first[KID], rel=0.03)


@pytest.fixture
def few_images(monkeypatch):
    """Curves measured on few images, which is quick."""
    for name in ("FAKES", "REALS"):
        monkeypatch.setattr(graftbench.bench.pretrain, name, 32)


@pytest.fixture
def pretraining(few_images, cache, tmp_path, monkeypatch, capfd):
    """Call ``graftbench pretrain`` in this process, in an empty folder, with few images."""
    monkeypatch.setenv("GRAFTBENCH_CACHE", str(cache))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(domains, "_entries", dict(domains.entries()))

    def call(*arguments: str) -> subprocess.CompletedProcess:
        monkeypatch.setattr("sys.argv", ["graftbench", "pretrain", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return subprocess.CompletedProcess(arguments, int(ended.value.code or 0), *capfd.readouterr())

    return call


def test_settings_of_the_optimiser_make_another_source(pretraining, tmp_path):
    command = ["toyfaces", "--kimg", "0.016", "--batch", "16", "--width", "4", "--out", "source"]
    assert pretraining(*command, "--optimisation", "r1_gamma=0.5", "--optimisation", "betas=[0.5, 0.9]").returncode == 0
    assert json.loads((tmp_path / "source" / "spec.json").read_text())["optimisation"] == {
        "betas": [0.5, 0.9],
        "r1_gamma": 0.5,
    }
    refused = pretraining(*command)
    assert refused.returncode == 2 and "with another optimisation" in refused.stderr
    assert SourceSpec(**{**vars(QUICK), "optimisation": {"r1_gamma": 0.5}}).name != QUICK.name


@pytest.mark.slow
def test_an_augmentation_makes_another_source_and_is_for_a_gan(pretraining, tmp_path):
    command = ["toyfaces", "--kimg", "0.016", "--batch", "16", "--width", "4", "--augment", "translation"]
    assert pretraining(*command, "--out", "moved").returncode == 0
    assert json.loads((tmp_path / "moved" / "spec.json").read_text())["augment"] == "translation"
    assert pretraining(*command[:-2], "--out", "as-is").returncode == 0
    assert "augment" not in json.loads((tmp_path / "as-is" / "spec.json").read_text())
    moved, as_is = (load_source(tmp_path / name).networks["discriminator"] for name in ("moved", "as-is"))
    assert any(not torch.equal(moved[name], as_is[name]) for name in moved)
    refused = pretraining(*command[:-2], "--out", "moved")
    assert refused.returncode == 2 and "with another augment" in refused.stderr
    vae = pretraining(*command, "--kind", "vae")
    assert vae.returncode == 2 and "a VAE would learn the augmented images" in vae.stderr
    rates = pretraining(*command[:-2], "--kind", "vae", "--optimisation", "lr_decay=0.1")
    assert rates.returncode == 2 and "a VAE reads only ema_half_life_kimg" in rates.stderr
    unknown = pretraining(*command[:-1], "translatoin")
    assert unknown.returncode == 2 and "did you mean 'translation'" in unknown.stderr


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("r1=3", "no setting 'r1'"),
        ("r1_gamma=low", "must be a finite number"),
        ("r1_gamma", "give NAME=VALUE"),
        ("r1_gamma=[1", "give NAME=VALUE"),
        ("r1_gamma=!!int low", "give NAME=VALUE"),
        ("r1_gamma=2024-13-45", "must be a finite number, not '2024-13-45'"),
    ],
)
def test_a_setting_that_the_backbone_does_not_have_is_refused(pretraining, setting, says):
    refused = pretraining("toyfaces", "--optimisation", setting)
    assert refused.returncode == 2 and says in refused.stderr and len(refused.stderr.splitlines()) <= 2


def test_a_setting_said_twice_is_refused(pretraining):
    refused = pretraining("toyfaces", "--optimisation", "r1_gamma=1", "--optimisation", "r1_gamma=2")
    assert refused.returncode == 2 and "--optimisation gives 'r1_gamma' twice" in refused.stderr


def test_a_folder_that_cannot_be_written_is_one_line(pretraining):
    refused = pretraining("toyfaces", "--kimg", "0.016", "--out", "/proc/source")
    assert refused.returncode == 2 and "/proc/source: no artefact can be written there" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_domain_of_ones_own_file_can_be_a_source(pretraining, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from graftbench.datasets import register\n"
        "from graftbench.datasets.toys.domain import ToyFaces\n"
        '@register("own-faces")\n'
        'class OwnFaces(ToyFaces):\n    """Faces of my own."""\n'
    )
    command = ["own-faces", "--kimg", "0.016", "--batch", "16", "--width", "4", "--out", "source"]
    missing = pretraining(*command)
    assert missing.returncode == 2 and "own-faces" in missing.stderr
    done = pretraining(*command, "--plugin", "mine.py")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "source" / "spec.json").read_text())["domain"] == "own-faces"


def test_a_finished_source_is_not_trained_again_nor_overwritten(pretraining, tmp_path):
    command = ["toyfaces", "--kimg", "0.016", "--batch", "16", "--width", "4", "--out", "source"]
    assert pretraining(*command).returncode == 0
    assert [point["kimg"] for point in learning_curve(tmp_path / "source")] == [0, 0.016], "none measured twice"
    weights = (tmp_path / "source" / "source.safetensors").read_bytes()
    again = pretraining(*command)
    assert again.returncode == 0 and "nothing to do" in again.stdout
    other = pretraining(*command, "--seed", "1")
    assert other.returncode == 2 and "holds a source model with another seed" in other.stderr
    assert (tmp_path / "source" / "source.safetensors").read_bytes() == weights
    (tmp_path / "source" / "source.safetensors").write_bytes(weights[:-1])
    damaged = pretraining(*command)
    assert damaged.returncode == 2 and "missing or damaged; delete the folder" in damaged.stderr


def test_a_training_that_diverges_is_one_line_that_says_what_to_change(pretraining):
    rates = ("--optimisation", "generator_lr=1e30", "--optimisation", "discriminator_lr=1e30")
    ended = pretraining("toyfaces", "--kimg", "0.2", "--batch", "16", "--width", "4", *rates)
    assert ended.returncode == 2 and "its training diverged" in ended.stderr and "lower generator_lr" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("few_images")
def test_the_interrupted_training_of_one_source_is_not_gone_on_with_for_another(tmp_path):
    spec = dataclasses.replace(QUICK, width=4, kimg=0.16, batch=16)

    def interrupt(point):
        if point["kimg"] > 0.05:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(spec, tmp_path, torch.device("cpu"), EXTRACTOR, interrupt)
    with pytest.raises(UserError, match="interrupted training of a source model with another domain, seed"):
        pretrain(dataclasses.replace(spec, domain="toycats", seed=1), tmp_path, torch.device("cpu"), EXTRACTOR)
    with pytest.raises(UserError, match=r"measured by another extractor \(cpu, efficientnet-lite0-64\)"):
        pretrain(spec, tmp_path, torch.device("cpu"), "efficientnet-lite0-224")
    assert pretrain(spec, tmp_path, torch.device("cpu"), EXTRACTOR)[-1]["kimg"] == pytest.approx(0.16)


def test_a_source_that_another_process_trains_is_waited_for(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GRAFTBENCH_CACHE", str(tmp_path))
    folder = tmp_path / "sources" / QUICK.name
    folder.mkdir(parents=True)
    lock = filelock.FileLock(folder / "lock")
    with ThreadPoolExecutor() as pool:
        lock.acquire()
        asked = pool.submit(train_missing, [QUICK], EXTRACTOR, "cpu")
        assert not wait([asked], timeout=1).done
        save_source(folder, QUICK.as_dict(), {"generator": torch.nn.Linear(1, 1)}, [])
        lock.release()
        asked.result()
    _, waiting, found = capsys.readouterr().out.splitlines()
    assert waiting == f"another process is training {QUICK.name}; waiting for its end"
    assert found.startswith("nothing to do")
