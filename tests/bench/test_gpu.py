"""What only a CUDA device can show; on a machine without one these tests say so and are skipped."""

import json

import pytest
import torch
from finished import a_cell
from graftbench.bench.augment import make_augmentation
from graftbench.bench.clock import Clock
from graftbench.bench.experiment import Interrupted, run_cell
from graftbench.bench.metrics.evaluator import Evaluator
from graftbench.bench.numerics import autocast, full_precision, numerical_settings
from graftbench.bench.registries import augmentations, backbones, extractors, strategies
from graftbench.bench.rows import read_rows
from graftbench.bench.store import Store
from graftbench.bench.throughput.session import read_results
from graftbench.bench.train import Training
from graftbench.strategies.conformance import conformance
from graftbench.strategies.tiny import tiny_backbone, tiny_images, tiny_setup, tiny_source

from graftbench import load

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
]
GPU = torch.device("cuda")
EXTRACTOR = "efficientnet-lite0-64"
TIMES = ("seconds", "train_seconds", "wall_seconds", "seconds_per_kimg")


@pytest.fixture(autouse=True)
def cache_of_its_own(monkeypatch, cache):
    monkeypatch.setenv("GRAFTBENCH_CACHE", str(cache))


@pytest.mark.parametrize("backbone", backbones.names())
@pytest.mark.parametrize("strategy", strategies.names())
def test_it_conforms(strategy, backbone):
    outcomes = list(conformance(strategies.get(strategy), tiny_backbone(backbone), GPU))
    assert [f"{o.check}: {o.failure}" for o in outcomes if o.failure] == []


@pytest.mark.parametrize("name", backbones.names())
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_it_trains_each_backbone_in_each_precision(name, precision):
    setup = tiny_setup(tiny_backbone(name), device=GPU)
    setup.autocast = lambda: autocast(precision, GPU)
    with numerical_settings(precision):
        training = Training(strategies.get("finetune")(), setup)
        training.advance(4)
    training.require_finite()
    assert 0 < training.seconds < 60
    assert {p.device.type for p in training.strategy.generator.parameters()} == {"cuda"}


@pytest.mark.parametrize("augment", augmentations.names())
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_trains_with_each_augmentation(augment, precision):
    augmentation = make_augmentation(augment, from_source=True, kimg=1)
    setup = tiny_setup(augmentation=augmentation, device=GPU)
    setup.autocast = lambda: autocast(precision, GPU)
    with numerical_settings(precision):
        training = Training(strategies.get("finetune")(), setup)
        training.advance(8)
    training.require_finite()


@pytest.mark.slow
@pytest.mark.parametrize("name", backbones.names())
def test_it_trains_compiled_networks(name):
    setup = tiny_setup(tiny_backbone(name), device=GPU)
    setup.compile = "inductor"
    training = Training(strategies.get("finetune")(), setup)
    training.advance(4)
    training.require_finite()


@pytest.mark.parametrize("name", backbones.names())
def test_its_networks_compute_what_the_cpu_does(name):
    """In float32 throughout: forward, and the gradient of the images' sum of squares for every weight."""
    source, found = tiny_source(tiny_backbone(name)), {}
    for device in ("cpu", "cuda"):
        z = torch.randn(4, source.backbone.make_generator().latent_dim, generator=torch.Generator().manual_seed(3))
        generator, discriminator = source.make_generator().eval().to(device), source.make_discriminator().to(device)
        with full_precision(torch.device(device)):
            images = generator(z.to(device))
            logits = discriminator(images)
            gradients = torch.autograd.grad(logits.square().sum(), list(generator.parameters()), allow_unused=True)
        found[device] = [images, logits, *(g for g in gradients if g is not None)]
    assert len(found["cpu"]) == len(found["cuda"]) > 2
    for here, there in zip(found["cpu"], found["cuda"], strict=True):
        torch.testing.assert_close(there.cpu(), here, rtol=1e-3, atol=1e-4 * float(here.detach().abs().max()))


def test_its_measurements_are_those_of_the_cpu(tmp_path):
    """The features, and every number of an evaluation point."""
    shots, reference, validation, fakes = (tiny_images(32, count, seed) for seed, count in enumerate((8, 40, 40, 48)))
    rows = []
    for device in (torch.device("cpu"), GPU):
        extractor = extractors.get(EXTRACTOR)(EXTRACTOR, device=device)
        evaluator = Evaluator(extractor, shots.to(device), reference, validation, 48, tmp_path / device.type, None)
        with numerical_settings("bfloat16"):  # which must not reach a measurement
            rows.append(evaluator.evaluate(fakes.to(device), full=True))
    here, there = rows
    assert here.keys() == there.keys()
    for name, value in here.items():
        assert there[name] == pytest.approx(value, rel=1e-3, abs=1e-3), name


@pytest.mark.parametrize("name", backbones.names())
def test_deterministic_runs_are_equal_to_the_bit(name):
    found = []
    for _ in range(2):
        with numerical_settings("float32", deterministic=True):
            training = Training(strategies.get("scratch")(), tiny_setup(tiny_backbone(name), device=GPU))
            training.advance(5)
        found.append(training.strategy.generator.state_dict())
    assert all(torch.equal(tensor, found[1][name]) for name, tensor in found[0].items())


def test_its_clock_counts_the_work_of_the_device():
    clock = Clock(GPU)
    x = torch.randn(4096, 4096, device=GPU)
    with clock:
        for _ in range(20):
            x = torch.tanh(x @ x)
    assert clock.seconds > 0.001


@pytest.mark.parametrize("strategy", ["scratch", "vae"])
def test_a_cell_stopped_at_every_look_ends_as_it_would_have(strategy, tmp_path):
    cell = a_cell(shots=8, kimg=32 / 1000, fakes=8, reals=16, points=2, strategy=strategy)

    def run(folder, **how):
        final = run_cell(cell, None, folder, tmp_path / "references", GPU, deterministic=True, **how)
        curve = [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]
        return [{name: value for name, value in row.items() if name not in TIMES} for row in [*curve, final]]

    whole = run(tmp_path / "whole")
    for _ in range(cell.points):
        with pytest.raises(Interrupted):
            run(tmp_path / "again", asked_to_stop=lambda: True)
    assert run(tmp_path / "again") == whole
    assert (tmp_path / "again/samples.png").read_bytes() == (tmp_path / "whole/samples.png").read_bytes()


def test_two_cells_share_it_and_their_rows_name_it(graftbench, matrix_file, tmp_path):
    """With a source pretrained on the GPU; the default device is the GPU where there is one."""
    done = graftbench(
        "run", matrix_file(strategies=["finetune", "cdc"], precision="bfloat16"), "--no-report", "--jobs", "2"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = read_rows(Store(tmp_path / "runs/tiny"))
    assert set(rows["device"]) == {"cuda"} and set(rows["hardware"]) == {torch.cuda.get_device_name()}
    assert (rows["peak_memory_mb"] > 0).all()


def test_equal_deterministic_runs_write_equal_numbers(graftbench, matrix_file, tmp_path):
    """``verify --rerun`` trains a stored cell again and compares."""
    done = graftbench("run", matrix_file(), "--no-report", "--deterministic", "--device", "cuda")
    assert done.returncode == 0, done.stdout + done.stderr
    verified = graftbench("verify", "runs/tiny", "--rerun", "1")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_its_speed_is_measured(graftbench, tmp_path):
    done = graftbench(
        *("throughput", "--strategy", "finetune", "--width", "8", "--batch", "8", "--rounds", "2", "--turns", "1"),
        *("--device", "cuda", "--precision", "bfloat16", "--allow-busy", "--out", "out"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (result,) = (tmp_path / "out").rglob("*.json")
    row = read_results(result).iloc[0]
    assert row["hardware"] == torch.cuda.get_device_name() and row["precision"] == "bfloat16"
    assert row["peak_memory_mb"] > 1 and row["training_images_per_second"] > 1


def test_a_strategy_of_ones_own_is_checked_on_it(graftbench, tmp_path):
    assert graftbench("new", "strategy", "mine").returncode == 0
    done = graftbench("check", "mine.py", "--device", "cuda", "--backbone", "dcgan")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_generator_trained_on_it_samples_on_a_cpu(graftbench, matrix_file, tmp_path):
    done = graftbench("run", matrix_file(), "--no-report", "--device", "cuda")
    assert done.returncode == 0, done.stdout + done.stderr
    (cell,) = read_rows(Store(tmp_path / "runs/tiny"))["key"]
    exported = graftbench("export", "runs/tiny", cell, "model", CUDA_VISIBLE_DEVICES="")
    assert exported.returncode == 0, exported.stdout + exported.stderr
    assert load(tmp_path / "model").sample(4).shape == (4, 3, 32, 32)
