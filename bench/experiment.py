"""A cell becomes numbers: its domain, shots, source and strategy are built, trained, and measured on the kimg grid.

Everything that can change a number is imported from here, directly or not (``digest`` relies on it).
"""

import contextlib
import dataclasses
import functools
import json
import logging
import operator
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from ..datasets import Domain, draw_shots, evaluation_images, open_domain, under_protocol
from ..strategies.adversarial import AdversarialStrategy
from ..strategies.base import Setup, Strategy, require_state
from . import parallel
from .augment import make_augmentation
from .backbones import make_backbone
from .cell import Cell
from .checkpoint import load_checkpoint, save_checkpoint
from .errors import UserError
from .files import cache_root, replacing, write_atomically, write_json
from .interpolation import interpolate
from .metrics.evaluator import Evaluator
from .metrics.lpips import find_lpips
from .numerics import autocast, numerical_settings
from .pictures import reference_grid, write_grid
from .registries import backbones, extractors, strategies
from .seeds import seed_for
from .source import Source, load_source
from .train import Training

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 60.0
STEPS_BETWEEN_LOOKS = 10
"""Steps between two looks at whether a checkpoint is due or the run is to stop, and the losses are finite."""
LONG_STEP = 1.0
"""Seconds of a step after which each is followed by a look: whoever asks a cell to stop waits for it only so long."""
GRID_IMAGES = 64


class Interrupted(Exception):
    """The run was asked to stop; its checkpoint is written."""


def run_cell(
    cell: Cell,
    source: Path | None,
    folder: Path,
    references: Path,
    device: torch.device,
    asked_to_stop: Callable[[], bool] = lambda: False,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    deterministic: bool = False,
) -> dict[str, Any]:
    """Train and measure ``cell`` in ``folder``, from its last checkpoint if there is one; returns the final numbers.

    ``source`` is the folder of the source artefact, ``references`` where grids of real images are kept. Raises
    ``Diverged`` when the training does (what was measured until then is in ``curve.jsonl``), and ``Interrupted``
    soon after ``asked_to_stop`` says so, with a checkpoint written; the last one stays, for whoever records how the
    cell ended to remove. Of several processes that train it together, the first measures and writes, and the others
    return nothing.
    """
    started = time.perf_counter()
    with _own_random_state(device), numerical_settings(cell.precision, deterministic):
        target = open_domain(cell.target)
        training = build_training(cell, target, source, device)
        measures = parallel.rank() == 0
        evaluator = build_evaluator(cell, target, training.setup.shots, references, device) if measures else None
        names = set(training.strategy.state_dict())
        curve, earlier = _resume(training, folder)
        parallel.wait()  # all must have read the same checkpoint before the first process writes the next
        fakes = None
        for point in range(len(curve), _points(cell, training.strategy) + 1):
            until = round(training.setup.steps * point / cell.points)
            keep = functools.partial(
                _keep, folder, training, names, curve, lambda: earlier + time.perf_counter() - started
            )
            losses = _advance(training, until, keep, asked_to_stop, checkpoint_seconds)
            training.require_finite()
            if evaluator is None:
                parallel.wait()
                continue
            fakes = evaluation_fakes(training.strategy, cell, device)
            last = point == _points(cell, training.strategy)
            measured = evaluator.evaluate(fakes, full=last)
            curve.append({"kimg": training.kimg, "seconds": training.seconds, **measured, **losses})
            write_atomically(folder / "curve.jsonl", "".join(json.dumps(row) + "\n" for row in curve))
            keep()
            parallel.wait()
            log.info("%.2f kimg, %.1f s: %s", training.kimg, training.seconds, _brief(measured))
        if parallel.rank() > 0:
            return {}
        if fakes is None:  # killed after the last point
            fakes = evaluation_fakes(training.strategy, cell, device)
        final = _final(cell, training, curve)
        final["wall_seconds"] = earlier + time.perf_counter() - started
        final["resize"] = str(target.resize)
        write_grid(folder / "samples.png", fakes[:GRID_IMAGES])
        generator = training.strategy.networks()["generator"].eval()  # as it is loaded to make images
        with replacing(folder / "generator.safetensors") as temporary:
            save_file(_contiguous(generator.state_dict()), temporary)
        walks = interpolate(generator, _evaluation_noise(cell, device))
        if walks is not None:
            write_grid(folder / "interpolations.png", walks)
        write_json(folder / "final.json", final)
    return final


def build_training(
    cell: Cell, target: Domain, source: Path | None, device: torch.device, draw: int | None = None
) -> Training:
    """The cell's strategy, prepared on its shots: those of the cell's seed, or of another ``draw``."""
    strategy = strategies.get(cell.strategy)(**cell.params)
    _require_divisible(cell, strategy)
    domain = under_protocol(target, cell.protocol)
    shots = domain.images(
        "shots", cell.resolution, draw_shots(domain, cell.shots, cell.seed if draw is None else draw)
    ).to(device)
    backbone = make_backbone(cell.backbone, cell.resolution, cell.width)
    setup = Setup(
        backbone=backbone,
        optimisation=dataclasses.replace(type(backbone).defaults, **cell.optimisation),
        shots=shots,
        augmentation=make_augmentation(cell.augment, from_source=strategy.source_kind is not None, kimg=cell.kimg),
        batch=cell.batch,
        steps=total_steps(cell.kimg, cell.batch),
        device=device,
        seed=lambda axis: seed_for(axis, cell.seed),
        load_source=_source_loader(strategy, source),
        load_source_images=lambda: open_domain(cell.source).images("shots", cell.resolution).to(device),
        autocast=lambda: autocast(cell.precision, device),
        compile="inductor" if cell.compile else None,
    )
    return Training(strategy, setup)


def _require_divisible(cell: Cell, strategy: Strategy) -> None:
    """Of a cell on several processes, each must get an equal part of every batch."""
    count = parallel.processes()
    if count > 1 and not (isinstance(strategy, AdversarialStrategy) or not strategy.trains):
        raise UserError(f"{cell.strategy!r} does not share the adversarial update; run it with --processes 1")
    together = backbones.get(cell.backbone).images_seen_together if count > 1 else 1
    if cell.batch % (count * together):
        groups = f" of groups of {together} images" if together > 1 else ""
        raise UserError(f"a batch of {cell.batch} does not divide into {count} equal parts{groups}, one a process")


def build_evaluator(cell: Cell, target: Domain, shots: Tensor, references: Path, device: torch.device) -> Evaluator:
    """The evaluator of a cell's target; grids of its real images are put beside the cells."""
    reference = evaluation_images(target, "reference", cell.protocol, cell.resolution, cell.reals)
    validation = evaluation_images(target, "validation", cell.protocol, cell.resolution, cell.reals)
    name = reference_grid(cell.target, cell.resolution)
    for path, images in (
        (references / f"{name}.png", reference),
        (references / f"{name}-shots{cell.shots}-seed{cell.seed}.png", shots),
    ):
        if not path.exists():
            write_grid(path, images[:GRID_IMAGES])
    extractor = extractors.get(cell.extractor)(cell.extractor, device=device)
    cache = cache_root() / "features"
    return Evaluator(extractor, shots, reference, validation, cell.fakes, cache, find_lpips(device))


def evaluation_fakes(strategy: Strategy, cell: Cell, device: torch.device) -> Tensor:
    """The images that are scored: every strategy of a repetition gets the same noise, at every point."""
    return strategy.sample(cell.fakes, _evaluation_noise(cell, device))


def _evaluation_noise(cell: Cell, device: torch.device) -> torch.Generator:
    return torch.Generator(device).manual_seed(seed_for("evaluation", cell.seed))


def total_steps(kimg: float, batch: int) -> int:
    return max(1, round(kimg * 1000 / batch))


def _points(cell: Cell, strategy: Strategy) -> int:
    return cell.points if strategy.trains else 0


def _source_loader(strategy: Strategy, source: Path | None) -> Callable[[], Source] | None:
    if strategy.source_kind is None:
        return None
    if source is None:
        raise UserError("this strategy needs a source model; make one with `graftbench pretrain`")
    return functools.cache(lambda: load_source(source))


def _advance(
    training: Training, until: int, keep: Callable[[], None], asked_to_stop: Callable[[], bool], spacing: float
) -> dict[str, float]:
    """Train up to step ``until``, with a checkpoint every ``spacing`` seconds of training and when asked to stop.

    Returns the last losses.
    """
    saved, steps = training.seconds, 1
    while training.step < until:
        started = training.seconds
        training.advance(min(until, training.step + steps))
        steps = 1 if parallel.any_of(training.seconds - started > steps * LONG_STEP) else STEPS_BETWEEN_LOOKS
        stop = parallel.any_of(asked_to_stop())
        if stop or (training.seconds - saved > spacing and training.step < until):
            keep()
            saved = training.seconds
        if stop:
            raise Interrupted(f"stopped at step {training.step}")
    return training.losses


def _keep(
    folder: Path, training: Training, names: set[str], curve: list[dict[str, Any]], wall: Callable[[], float]
) -> None:
    """Write a checkpoint of everything that an exact resume needs.

    Raises ``UserError`` if the strategy's state has other ``names`` than at the start: no resume could take it.
    """
    if parallel.rank() > 0:
        return
    state, kind = training.state_dict(), training.setup.device.type
    require_state(training.strategy, names, state["strategy"])
    save_checkpoint(folder, {"training": state, "curve": curve, "wall": wall(), "device": kind})


def _resume(training: Training, folder: Path) -> tuple[list[dict[str, Any]], float]:
    """Continue from the folder's checkpoint if it has one: the curve so far and the seconds already spent.

    Raises ``UserError`` for one that the strategy does not fit.
    """
    state = load_checkpoint(folder)
    if state is None:
        return [], 0.0
    if state["device"] != training.setup.device.type:
        log.warning("the checkpoint was made on %s, whose random numbers are others: starting again", state["device"])
        return [], 0.0
    try:
        training.load_state_dict(state["training"])
    except UserError as error:
        raise UserError(f"{error}; to start the cell again, delete {folder}/checkpoint*.safetensors") from error
    log.info("resumed at step %d", training.step)
    return state["curve"], state["wall"]


def _final(cell: Cell, training: Training, curve: list[dict[str, Any]]) -> dict[str, Any]:
    """The headline (the last point), the best point chosen on validation, and the cost."""
    last = curve[-1]
    kid = f"kid@{cell.extractor}"
    best = min(curve, key=lambda row: row[f"validation_{kid}"])
    return {
        **{name: value for name, value in last.items() if name not in ("kimg", "seconds")},
        f"best_{kid}": best[kid],
        f"best_fid@{cell.extractor}": best[f"fid@{cell.extractor}"],
        "best_kimg": best["kimg"],
        "train_seconds": training.seconds,
        "seconds_per_kimg": training.seconds / training.kimg if training.kimg else None,
        "parameters": _count("parameter_count", training.strategy.parameter_count()),
        "trainable_parameters": _count("trainable_count", training.strategy.trainable_count()),
    }


def _count(hook: str, given: Any) -> int:
    """What a strategy's ``hook`` counts. Raises ``UserError`` for what is no count: one odd row spoils whole tables."""
    try:
        number = operator.index(given)
    except TypeError:
        number = -1
    if number < 0:
        raise UserError(f"{hook} must give a whole number, 0 or more, not {given!r}")
    return number


def _brief(measured: dict[str, Any]) -> str:
    wanted = ("kid@", "fid@", "validation_kid@")
    return ", ".join(f"{name} {value:.4g}" for name, value in measured.items() if name.startswith(wanted))


def _contiguous(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}


@contextlib.contextmanager
def _own_random_state(device: torch.device) -> Iterator[None]:
    """Two runs in one process share no random state: torch's is put back as it was."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


__all__ = [
    "Interrupted",
    "build_evaluator",
    "build_training",
    "evaluation_fakes",
    "run_cell",
    "total_steps",
]
