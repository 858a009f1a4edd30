"""The shipped source models are what their curves say, and ``graftbench pretrain`` sets out on the same way."""

import json

import pytest
import torch
from graftbench.bench.metrics.evaluator import Evaluator
from graftbench.bench.pretrain import FAKES, REALS, pretrain
from graftbench.bench.registries import extractors
from graftbench.bench.seeds import seed_for
from graftbench.bench.source import CURVE, SHIPPED, SourceSpec, find_source, load_source
from graftbench.datasets import evaluation_images, open_domain
from graftbench.strategies import to_uint8

EXTRACTOR = "efficientnet-lite0-64"
KID = f"kid@{EXTRACTOR}"
QUICK = SourceSpec("gan", "dcgan", 32, 32, "toyfaces", 300.0, 64, 0)


def shipped_curve(folder) -> list[dict]:
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
    with torch.no_grad():
        fakes = torch.cat([to_uint8(generator(part)) for part in latents.split(250)])
    assert evaluator.evaluate(fakes, full=False)[KID] == pytest.approx(shipped_curve(folder)[-1][KID], rel=0.01)


@pytest.mark.slow
def test_a_short_pretraining_improves_as_the_shipped_curve_does(tmp_path):
    """The shipped curve falls from its start to its first point at 30 kimg; 15 kimg must be on the way."""
    start, first = (point[KID] for point in shipped_curve(find_source(QUICK))[:2])
    curve = pretrain(
        SourceSpec("gan", "dcgan", 32, 32, "toyfaces", 15.0, 64, 0), tmp_path, torch.device("cpu"), EXTRACTOR
    )
    assert curve[0][KID] == pytest.approx(start, rel=1e-3)
    assert first - 1 < curve[-1][KID] < start - 0.2 * (start - first)
    assert load_source(tmp_path).spec["kimg"] == 15.0


def test_settings_of_the_optimiser_make_another_source(graftbench, tmp_path):
    command = ["pretrain", "toyfaces", "--kimg", "0.1", "--batch", "16", "--width", "4", "--out", "source"]
    assert graftbench(*command, "--optimisation", "r1_gamma=0.5", "--optimisation", "betas=[0.5, 0.9]").returncode == 0
    assert json.loads((tmp_path / "source" / "spec.json").read_text())["optimisation"] == {
        "betas": [0.5, 0.9],
        "r1_gamma": 0.5,
    }
    refused = graftbench(*command)
    assert refused.returncode == 2 and "with another optimisation" in refused.stderr
    assert SourceSpec(**{**vars(QUICK), "optimisation": {"r1_gamma": 0.5}}).name != QUICK.name


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("r1=3", "no setting 'r1'"),
        ("r1_gamma=low", "must be a finite number"),
        ("r1_gamma", "give NAME=VALUE"),
        ("r1_gamma=[1", "give NAME=VALUE"),
        ("r1_gamma=2024-13-45", "give NAME=VALUE"),
    ],
)
def test_a_setting_that_the_backbone_does_not_have_is_refused(graftbench, setting, says):
    refused = graftbench("pretrain", "toyfaces", "--optimisation", setting)
    assert refused.returncode == 2 and says in refused.stderr and len(refused.stderr.splitlines()) <= 2


def test_a_finished_source_is_not_trained_again_nor_overwritten(graftbench, tmp_path):
    command = ["pretrain", "toyfaces", "--kimg", "0.1", "--batch", "16", "--width", "4", "--out", "source"]
    assert graftbench(*command).returncode == 0
    weights = (tmp_path / "source" / "source.safetensors").read_bytes()
    again = graftbench(*command)
    assert again.returncode == 0 and "nothing to do" in again.stdout
    other = graftbench(*command, "--seed", "1")
    assert other.returncode == 2 and "holds a source model with another seed" in other.stderr
    assert (tmp_path / "source" / "source.safetensors").read_bytes() == weights
