"""How fast an evaluation is beside torch-fidelity: same machine, same process, same threads, in turns.

On one thread, times are of the processor and not of the wall, so that other processes on the machine disturb both
sides little.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from timm.models import create_model
from torch import Tensor

from ..metrics import fidelity
from ..metrics.efficientnet import EfficientNetLite0
from ..metrics.evaluator import Evaluator
from ..metrics.fid import distance_between, fit_gaussian
from ..registries import extractors

SETTLE = 0.5
"""Seconds before each turn: the other side's threads go on spinning for a while when their work is done."""
TURN = 0.5
"""Seconds that a turn lasts at least: what is quicker is called again, or the processor's waking up would be timed."""


@dataclass(frozen=True)
class Comparison:
    """Median seconds of ours and of the other, for the same result."""

    task: str
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        return self.theirs / self.ours


def compare_fid(
    n_fake: int = 500, n_real: int = 500, dimension: int = 2048, rounds: int = 5, threads: int = 1
) -> Comparison:
    """FID of given features. Both sides may keep what depends on the reference alone."""
    rng = torch.Generator().manual_seed(0)
    mixing = torch.randn(256, dimension, generator=rng)
    real, fake = ((torch.randn(n, 256, generator=rng) @ mixing).relu() for n in (n_real, n_fake))
    reference = fit_gaussian(real, reused=True)
    statistics = fidelity.fid_features_to_statistics(real)

    def theirs() -> None:
        fidelity.fid_statistics_to_metric(fidelity.fid_features_to_statistics(fake), statistics, verbose=False)

    task = f"FID of {n_fake} fakes, features given, d = {dimension}, against a kept reference of {n_real}"
    return _in_turns(task, lambda: distance_between(reference, fit_gaussian(fake)), theirs, rounds, threads)


class TimmForm(EfficientNetLite0):
    """The same weights in timm's own network: what one would register with torch-fidelity."""

    def __init__(self, name: str, *, weights: Path | None = None, device: torch.device | str = "cpu"):
        super().__init__(name, 64, weights, device)
        network: Any = create_model("tf_efficientnet_lite0", pretrained=False).eval().requires_grad_(False)
        tensors = torch.load(self.weights, map_location="cpu", weights_only=True).values()
        network.load_state_dict(dict(zip(network.state_dict(), tensors, strict=True)))
        network.to(self.device)
        self.pooled = lambda x: network.forward_head(network.forward_features(x), pre_logits=True)

    def features(self, images: Tensor) -> Tensor:
        return self.pooled(self.prepare(images).contiguous(memory_format=torch.contiguous_format))


def compare_extraction(images: Tensor, rounds: int = 5, threads: int = 1) -> Comparison:
    """Features of uint8 images by our form of EfficientNet-Lite0 and by timm's."""
    ours, theirs = extractors.get("efficientnet-lite0-64")("efficientnet-lite0-64"), TimmForm("timm")
    task = f"features of {len(images)} images, EfficientNet-Lite0 at 64 px, beside timm's network"
    return _in_turns(task, lambda: ours(images), lambda: theirs(images), rounds, threads)


def compare_point(
    generate: Callable[[int], Tensor],
    reals: Tensor,
    extractor: str = "efficientnet-lite0-64",
    timm_form: bool = True,
    fakes: int = 500,
    shots: int = 10,
    rounds: int = 5,
    threads: int = 1,
) -> Comparison:
    """A whole evaluation point: generate, extract, measure.

    Ours is the full set of metrics against a kept reference (half of ``reals``; the rest is validation); theirs is
    ``calculate_metrics(fid, kid, prc)`` with the same extractor on the same images: in timm's form, or in ours.
    """
    offered = f"{extractor}-timm" if timm_form else extractor
    fidelity.offer(offered, TimmForm if timm_form else None)
    half = len(reals) // 2
    evaluator = Evaluator(extractors.get(extractor)(extractor), reals[:shots], reals[:half], reals[half:], fakes)
    evaluator.evaluate(generate(fakes))
    subset = min(100, fakes, half)
    options = {"feature_extractor": offered, "fid": True, "kid": True, "prc": True, "kid_subset_size": subset}
    task = f"generate, extract and measure {fakes} fakes against {half} reals with {offered}"
    return _in_turns(
        task,
        lambda: evaluator.evaluate(generate(fakes)),
        lambda: fidelity.calculate_metrics(generate(fakes), reals[:half], **options),
        rounds,
        threads,
    )


def _in_turns(
    task: str, ours: Callable[[], object], theirs: Callable[[], object], rounds: int, threads: int
) -> Comparison:
    """Each round times both, so that a disturbance of the machine falls on both."""
    seconds: tuple[list[float], list[float]] = ([], [])
    clock = time.process_time if threads == 1 else time.perf_counter
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for _ in range(rounds):
            for each, taken in zip((ours, theirs), seconds, strict=True):
                time.sleep(SETTLE)
                taken.append(_seconds_per_call(each, clock))
    finally:
        torch.set_num_threads(before)
    return Comparison(task, median(seconds[0]), median(seconds[1]))


def _seconds_per_call(call: Callable[[], object], clock: Callable[[], float]) -> float:
    started, calls = clock(), 0
    while calls == 0 or clock() - started < TURN:
        call()
        calls += 1
    return (clock() - started) / calls
