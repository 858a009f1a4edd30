"""A cell that is stopped or killed anywhere ends as it would have ended."""

import dataclasses
import json
import re

import pytest
import torch
from finished import a_cell
from graftbench.bench import experiment
from graftbench.bench.errors import Diverged, UserError
from graftbench.bench.experiment import Interrupted, run_cell
from graftbench.strategies.base import to_float, to_uint8
from graftbench.strategies.scratch import Scratch

CELL = a_cell(shots=8, kimg=32 / 1000, fakes=8, reals=16, points=2)
CPU = torch.device("cpu")
TIMES = ("seconds", "train_seconds", "wall_seconds", "seconds_per_kimg")


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GRAFTBENCH_CACHE", str(tmp_path / "cache"))


def run(folder, cell=CELL, **how):
    final = run_cell(cell, None, folder, folder / "references", CPU, **how)
    curve = [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name not in TIMES} for row in [*curve, final]]


def test_killed_after_the_last_point_it_goes_on_with_what_is_left(tmp_path, monkeypatch):
    """A full disk, say, when the pictures are written."""
    whole = run(tmp_path / "whole")
    write = experiment.write_grid

    def full_disk(path, images):
        if path.name == "samples.png":
            raise OSError(28, "No space left on device")
        write(path, images)

    monkeypatch.setattr(experiment, "write_grid", full_disk)
    with pytest.raises(OSError, match="No space"):
        run(tmp_path / "again")
    monkeypatch.setattr(experiment, "write_grid", write)
    assert run(tmp_path / "again") == whole
    assert (tmp_path / "again/samples.png").read_bytes() == (tmp_path / "whole/samples.png").read_bytes()


def test_stopped_at_every_look_it_has_the_same_rows_with_their_losses(tmp_path):
    whole = run(tmp_path / "whole")
    assert all("loss_generator" in row for row in whole[1:])
    for _ in range(CELL.points):
        with pytest.raises(Interrupted):
            run(tmp_path / "again", asked_to_stop=lambda: True)
    assert run(tmp_path / "again") == whole


def test_a_checkpoint_of_another_kind_of_device_is_not_gone_on_with(tmp_path, caplog):
    whole = run(tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(tmp_path / "again", asked_to_stop=lambda: True)
    state = experiment.load_checkpoint(tmp_path / "again")
    experiment.save_checkpoint(tmp_path / "again", state | {"device": "cuda"})
    assert run(tmp_path / "again") == whole
    assert "the checkpoint was made on cuda" in caplog.text


def test_weights_that_are_no_numbers_are_not_measured(tmp_path, monkeypatch):
    step = Scratch.step

    def spoils(strategy, real):
        losses = step(strategy, real)
        if strategy.steps_done == 4:
            next(strategy.average.module.parameters()).data.fill_(float("nan"))
        return losses

    monkeypatch.setattr(Scratch, "step", spoils)
    with pytest.raises(Diverged, match="a weight of the generator is not finite at step 4"):
        run(tmp_path / "cell")
    assert len((tmp_path / "cell/curve.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_images_that_are_no_numbers_are_not_measured(tmp_path, monkeypatch, value):
    """Of finite weights; they would pass for black ones."""
    sample, taken = Scratch.sample, []

    def spoils(strategy, count, rng):
        taken.append(count)
        return to_uint8(to_float(sample(strategy, count, rng)) * (value if len(taken) > 1 else 1))

    monkeypatch.setattr(Scratch, "sample", spoils)
    with pytest.raises(Diverged, match="a generated image holds NaN or infinity"):
        run(tmp_path / "cell")
    assert len((tmp_path / "cell/curve.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize(("hook", "given"), [("parameter_count", [1, 2]), ("trainable_count", "many")])
def test_what_is_no_count_fails_the_cell_that_brings_it(tmp_path, monkeypatch, hook, given):
    monkeypatch.setattr(Scratch, hook, lambda strategy: given)
    with pytest.raises(UserError, match=f"{hook} must give a whole number, 0 or more, not {re.escape(repr(given))}"):
        run(tmp_path / "cell")


def test_a_strategy_that_leaves_its_generator_in_training_mode_stores_the_weights_that_were_measured(
    tmp_path, monkeypatch
):
    run(tmp_path / "evaluating")
    sample = Scratch.sample

    def goes_on_training(strategy, count, rng):
        images = sample(strategy, count, rng)
        strategy.average.module.train()
        return images

    def evaluates(strategy, count, rng):
        strategy.average.module.eval()
        return goes_on_training(strategy, count, rng)

    monkeypatch.setattr(Scratch, "sample", evaluates)
    run(tmp_path / "training")
    for name in ("generator.safetensors", "interpolations.png"):
        assert (tmp_path / "training" / name).read_bytes() == (tmp_path / "evaluating" / name).read_bytes()


def test_more_points_than_steps_repeat_the_last_losses(tmp_path):
    rows = run(tmp_path / "cell", dataclasses.replace(CELL, kimg=8 / 1000, points=2))
    assert rows[2]["kimg"] == 0.008 and "loss_generator" in rows[2]


def test_state_that_appears_on_the_way_is_refused_before_a_checkpoint_is_spoilt(tmp_path, monkeypatch):
    step = Scratch.step

    def makes_late(strategy, real):
        strategy.momentum = torch.zeros(3)
        return step(strategy, real)

    monkeypatch.setattr(Scratch, "step", makes_late)
    with pytest.raises(UserError, match=r"strategy Scratch .* 'momentum'; make it in prepare or adapt") as raised:
        run(tmp_path / "cell")
    assert "\n" not in str(raised.value)
    assert "momentum" not in experiment.load_checkpoint(tmp_path / "cell")["training"]["strategy"]


@pytest.mark.parametrize("saved", [{"momentum": torch.zeros(3)}, {"steps_done": torch.zeros(3)}, {"average": {}}])
def test_a_checkpoint_that_does_not_fit_says_what_and_what_to_delete(tmp_path, saved):
    with pytest.raises(Interrupted):
        run(tmp_path / "cell", asked_to_stop=lambda: True)
    state = experiment.load_checkpoint(tmp_path / "cell")
    state["training"]["strategy"] |= saved
    experiment.save_checkpoint(tmp_path / "cell", state)
    (name,) = saved
    delete = f"delete {tmp_path / 'cell'}/checkpoint"
    with pytest.raises(UserError, match=f"strategy Scratch .* {name!r}; .* {delete}") as raised:
        run(tmp_path / "cell")
    assert "\n" not in str(raised.value)


def test_whoever_asks_to_stop_waits_for_one_long_step_only(tmp_path, monkeypatch):
    monkeypatch.setattr(experiment, "LONG_STEP", 0.0)
    with pytest.raises(Interrupted, match="stopped at step 3"):
        asked = iter([False, False, True])
        run(tmp_path / "cell", asked_to_stop=lambda: next(asked))
