"""Engine against a hand-written loop: ``python -m graftbench.bench.throughput.speed_check [--device cuda]``.

For each backbone it times, in turns so that a busy machine slows all alike, the engine's training step, the tuned
hand-written loop (the same work without the engine), and the untuned one; and says images/s and the two ratios.
"""

import argparse
import logging
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from ...strategies.base import Setup
from ..augment import make_augmentation
from ..backbones import make_backbone
from ..devices import choose_device, describe
from ..files import write_json
from ..pinning import restart_pinned
from ..registries import backbones, strategies
from ..seeds import seed_for
from ..train import Training, synchronise
from .bare_loop import BareLoop

log = logging.getLogger("graftbench")

WIDTHS = {"dcgan": 32, "sngan": 8, "stylegan2": 16}
BATCHES = {"dcgan": 64, "sngan": 64, "stylegan2": 16}
PERIOD = 16
"""Steps of one turn: a whole period of every lazy regulariser."""


def compare(backbone_name: str, resolution: int, width: int, batch: int, turns: int, device: torch.device) -> dict:
    """Seconds for each step of the three loops: the median over the turns, and the median of the turns' ratios."""
    backbone = make_backbone(backbone_name, resolution, width)
    rng = torch.Generator().manual_seed(0)
    shots = torch.randint(0, 256, (100, 3, resolution, resolution), generator=rng, dtype=torch.uint8).to(device)

    def seed(axis: str) -> int:
        return seed_for(axis, 0)

    setup = Setup(
        backbone=backbone,
        optimisation=backbone.defaults,
        shots=shots,
        augmentation=make_augmentation("none", from_source=False),
        batch=batch,
        steps=turns * PERIOD,
        device=device,
        seed=seed,
    )
    training = Training(strategies.get("scratch")(), setup)
    tuned = BareLoop(backbone, backbone.defaults, shots, batch, seed)
    untuned = BareLoop(backbone, backbone.defaults, shots, batch, seed, tuned=False)

    loops: dict[str, Callable[[], object]] = {
        "engine": lambda: training.advance(training.step + PERIOD),
        "bare": lambda: [tuned.step() for _ in range(PERIOD)],
        "untuned": lambda: [untuned.step() for _ in range(PERIOD)],
    }
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for name in loops:
        loops[name]()
    for turn in range(turns):
        names = list(loops)
        for name in names[turn % 3 :] + names[: turn % 3]:
            synchronise(device)
            started = time.perf_counter()
            loops[name]()
            synchronise(device)
            seconds[name].append((time.perf_counter() - started) / PERIOD)
    ratio = {
        name: statistics.median(t / e for t, e in zip(seconds[name], seconds["engine"], strict=True))
        for name in ("bare", "untuned")
    }
    return {
        "backbone": backbone_name,
        "resolution": resolution,
        "width": width,
        "batch": batch,
        "images_per_second": {name: batch / statistics.median(times) for name, times in seconds.items()},
        "engine_over_bare": ratio["bare"],
        "engine_over_untuned": ratio["untuned"],
        "turns": turns,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", action="append", choices=backbones.names())
    parser.add_argument("--resolution", type=int, default=32)
    parser.add_argument("--width", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--turns", type=int, default=11)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    restart_pinned(options.threads)
    device = choose_device(options.device)
    found = []
    for name in options.backbone or backbones.names():
        width = options.width or WIDTHS.get(name, 16)
        batch = options.batch or BATCHES.get(name, 32)
        found.append(compare(name, options.resolution, width, batch, options.turns, device))
        speeds = ", ".join(f"{k} {v:.0f}" for k, v in found[-1]["images_per_second"].items())
        log.info(
            f"{name} {options.resolution} px, width {width}, batch {batch}: images/s {speeds}; engine/bare "
            f"{found[-1]['engine_over_bare']:.3f}, engine/untuned {found[-1]['engine_over_untuned']:.2f}"
        )
    if options.out:
        write_json(options.out, {**describe(device), "results": found})


if __name__ == "__main__":
    main()
