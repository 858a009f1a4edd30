"""What a step of each strategy costs relative to one of ``finetune``, measured side by side."""

import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch

from ..bench.augment import make_augmentation
from ..bench.backbones import Backbone
from ..bench.errors import UserError
from .base import Strategy, require_state
from .finetune import FineTune
from .tiny import tiny_batch, tiny_setup

ROUND = 16
"""Steps per round: a multiple of the periods of lazy regularisers and of CDC's anchors."""


class Contender(NamedTuple):
    kind: type[Strategy]
    augment: str = "none"


def relative_step_costs(
    contenders: Mapping[str, Contender], backbone: Backbone, *, batch: int = 32, rounds: int = 4
) -> dict[str, float]:
    """Processor time of each contender's steps over that of as many steps of ``finetune`` without augmentation.

    Whole runs of ``rounds`` x ``ROUND`` steps on one thread, so that what a strategy does once (a probe's end) counts
    in full; all take turns, so that whatever else the machine does hurts them alike. Preparing is not counted.
    Raises ``UserError`` if a strategy ends the process, which would pass for a success, or makes state on the way.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        runs = [
            _rounds(contender, backbone, batch, rounds) for contender in (Contender(FineTune), *contenders.values())
        ]
        seconds = [sum(run) for run in zip(*zip(*runs, strict=True), strict=True)]
    except SystemExit as error:
        raise UserError("a strategy ends the process in prepare or step (SystemExit); raise an error there") from error
    finally:
        torch.set_num_threads(threads)
    return {name: ours / seconds[0] for name, ours in zip(contenders, seconds[1:], strict=True)}


def _rounds(contender: Contender, backbone: Backbone, batch: int, rounds: int) -> Iterator[float]:
    """Seconds of each round, after one step to warm up."""
    steps = rounds * ROUND + 1
    augmentation = make_augmentation(contender.augment, from_source=True, kimg=steps * batch / 1000)
    setup = tiny_setup(backbone, augmentation=augmentation, batch=batch, steps=steps)
    strategy = contender.kind()
    strategy.prepare(setup)
    names = set(strategy.state_dict())
    strategy.step(tiny_batch(setup, 0))
    for index in range(rounds):
        batches = [tiny_batch(setup, 1 + index * ROUND + i) for i in range(ROUND)]
        started = time.process_time()
        for real in batches:
            strategy.step(real)
        yield time.process_time() - started
    require_state(strategy, names, strategy.state_dict())  # these are more steps than the conformance checks make
