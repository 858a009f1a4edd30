"""Does the training clock count training alone? The same training with two and with twenty evaluations, in turns."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import torch

from ..backbones import make_backbone
from ..cell import Cell
from ..experiment import run_cell

FEW, MANY = 2, 20
"""Evaluations of the two runs of a pair: at the start, and at equal distances up to the end."""
EXTRACTOR = "efficientnet-lite0-64"
IMAGES = 200
"""Fakes, and real images, of an evaluation."""


@dataclass(frozen=True)
class Pair:
    """Reported training seconds and seconds of the whole run, with few evaluations and with many."""

    few: float
    many: float
    few_wall: float
    many_wall: float

    @property
    def ratio(self) -> float:
        """1 if the evaluations leave no trace in the training seconds."""
        return self.many / self.few


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
        points=FEW - 1,
        protocol="held-out",
        precision="float32",
        seed=0,
    )


def clock_pairs(cell: Cell, pairs: int, threads: int, device: torch.device) -> Iterator[Pair]:
    """Runs both of a pair one after the other, in turned order each time; a first run, to warm up, is not counted."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        _run(cell, device)
        for number in range(pairs):
            order = (FEW, MANY) if number % 2 == 0 else (MANY, FEW)
            ended = {count: _run(replace(cell, points=count - 1), device) for count in order}
            few, many = ended[FEW], ended[MANY]
            yield Pair(few["train_seconds"], many["train_seconds"], few["wall_seconds"], many["wall_seconds"])
    finally:
        torch.set_num_threads(before)


def middle(pairs: list[Pair]) -> float:
    """Median of the pairs' ratios: one disturbed pair does not move it."""
    return median(pair.ratio for pair in pairs)


def _run(cell: Cell, device: torch.device) -> dict:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        return run_cell(cell, None, folder / "cell", folder / "references", device)
