"""Does the training clock count training alone? What an evaluation leaves behind in the steps after it."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from ...datasets import open_domain
from ..backbones import make_backbone
from ..cell import Cell
from ..checkpoint import save_checkpoint
from ..experiment import build_evaluator, build_training, evaluation_fakes, total_steps

FEW, MANY = 2, 20
"""Evaluations of two trainings whose reported seconds should be the same."""
PERIOD = 16
"""Steps looked at after an evaluation: whole periods of every lazy regulariser."""
EXTRACTOR = "efficientnet-lite0-64"
IMAGES = 200
"""Fakes, and real images, of an evaluation."""


@dataclass(frozen=True)
class Trace:
    """What evaluations leave in the training seconds of a run."""

    added: list[float]
    """Seconds that the clock counts more for the steps after an evaluation, by evaluation."""
    step_seconds: float
    steps: int
    """Of the whole training."""

    @property
    def seconds(self) -> float:
        """Of one evaluation: the median, which one disturbance does not move."""
        return median(self.added)

    @property
    def change(self) -> float:
        """Share by which ``MANY`` evaluations instead of ``FEW`` lengthen the reported training seconds."""
        return (MANY - FEW) * self.seconds / (self.steps * self.step_seconds)


def training_cell(backbone: str, resolution: int, width: int | None, kimg: float, batch: int) -> Cell:
    """Training from scratch on ten toy images."""
    return Cell(
        backbone=backbone,
        resolution=resolution,
        width=make_backbone(backbone, resolution, width).width,
        source="toyfaces",
        source_sha256="",
        target="toycats",
        shots=10,
        strategy="scratch",
        params={},
        augment="none",
        kimg=kimg,
        batch=batch,
        optimisation={},
        extractor=EXTRACTOR,
        fakes=IMAGES,
        reals=IMAGES,
        points=1,
        protocol="held-out",
        precision="float32",
        seed=0,
    )


def evaluation_trace(cell: Cell, evaluations: int, threads: int, device: torch.device) -> Trace:
    """Evaluate and keep a checkpoint ``evaluations`` times, as a run does, and look at the clock around it.

    The steps just after are compared with as many that follow: a run beside another one, with more evaluations, would
    be compared with a machine that has become faster or slower by several percent meanwhile.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            return _trace(cell, evaluations, device, Path(scratch))
    finally:
        torch.set_num_threads(before)


def _trace(cell: Cell, evaluations: int, device: torch.device, scratch: Path) -> Trace:
    target = open_domain(cell.target)
    training = build_training(cell, target, None, device)
    evaluator = build_evaluator(cell, target, training.setup.shots, scratch, device)
    training.advance(PERIOD)
    added, usual = [], []
    for _ in range(evaluations):
        start = training.seconds
        evaluator.evaluate(evaluation_fakes(training.strategy, cell, device), full=False)
        save_checkpoint(scratch, {"training": training.state_dict()})
        training.advance(training.step + PERIOD)
        middle = training.seconds
        training.advance(training.step + PERIOD)
        later = training.seconds - middle
        added.append(middle - start - later)
        usual.append(later / PERIOD)
    return Trace(added, median(usual), total_steps(cell.kimg, cell.batch))
