"""Every figure that rows and curves can give, in reading order, by section."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import pandas as pd

from .ladder import Ladder
from .plots.convergence import convergence
from .plots.figure import Absent, Plot
from .plots.gain import gain_heatmap
from .plots.ranking import critical_difference, profile
from .plots.samples import samples
from .plots.shots import shots_quality
from .plots.speed import runtime_ecdf
from .plots.strips import interpolations, nearest_shots
from .plots.throughput import throughput
from .plots.tradeoffs import diversity_memorisation, pareto, precision_recall
from .scores import strata
from .settings import Setting, settings

Draw = Callable[[], Plot | Absent]
ImageKind = Literal["samples", "nearest-shots", "interpolations"]


@dataclass(frozen=True)
class Pictures:
    """PNG files by cell key: square tiles of the cell's resolution in rows, without gaps, filled up with white."""

    samples: Mapping[str, Path] = field(default_factory=dict)
    real: Mapping[str, Path] = field(default_factory=dict)
    """Held-out images of the cell's target."""
    shots: Mapping[str, Path] = field(default_factory=dict)
    """The cell's training images."""
    interpolations: Mapping[str, Path] = field(default_factory=dict)
    """Latent walks of eight images, one per row."""


def drawings(
    rows: pd.DataFrame, curves: pd.DataFrame, pictures: Pictures, ladders: Mapping[str, dict[str, Ladder]]
) -> Iterator[tuple[str, Draw]]:
    """Section and drawing function of every figure. ``ladders`` holds the frozen targets by metric column."""
    apart, together = settings(rows, curves), settings(rows, curves, across_shots=True)
    yield from (("Ranking", draw) for _, draw in rankings(rows))
    for family in together:
        yield "Ranking", partial(gain_heatmap, family)
    for setting in apart:
        yield "Convergence", partial(convergence, setting)
        yield "Convergence", partial(convergence, setting, against="seconds")
    for family in together:
        yield "Convergence", partial(runtime_ecdf, family, targets=ladders.get(family.metric("kid")))
    for setting in apart:
        yield "Cost", partial(pareto, setting)
        yield "Cost", partial(throughput, setting)
    for family in together:
        yield "Quality and diversity", partial(shots_quality, family)
    for setting in apart:
        yield "Quality and diversity", partial(precision_recall, setting)
        yield "Quality and diversity", partial(diversity_memorisation, setting)
    for kind in ("samples", "nearest-shots", "interpolations"):
        yield from (("Images", draw) for draw in images(kind, apart, pictures))


def rankings(rows: pd.DataFrame) -> Iterator[tuple[str, Draw]]:
    """Kind and drawing function of the figures that rank (by KID), one of each kind per stratum (see ``scores``)."""
    if rows.empty:
        return
    found = [
        scores
        for extractor in sorted(rows["extractor"].unique())
        if f"kid@{extractor}" in rows
        for scores in strata(rows, f"kid@{extractor}")
        if scores.strategies
    ]
    looks = {label: look for setting in settings(rows, pd.DataFrame()) for label, look in setting.looks().items()}
    for number, scores in enumerate(found, start=1):
        suffix = str(number) if len(found) > 1 else ""
        yield "critical-difference", partial(critical_difference, scores, looks, suffix)
        yield "performance-profile", partial(profile, scores, looks, suffix)


def images(kind: ImageKind, found: list[Setting], pictures: Pictures) -> Iterator[Draw]:
    """Drawing function of one figure for each setting and target, or of why there is none."""
    if kind == "samples":
        title, files = "Samples", pictures.samples
        draw = partial(samples, sample_images=files, real_images=pictures.real)
    elif kind == "nearest-shots":
        title, files = "Nearest shots", pictures.shots
        draw = partial(nearest_shots, sample_images=pictures.samples, shot_images=files)
    else:
        title, files = "Interpolations", pictures.interpolations
        draw = partial(interpolations, walks=files)
    if not files:
        yield partial(Absent, kind, title, "no such pictures are stored")
        return
    for setting in found:
        for target in setting.targets:
            yield partial(draw, setting, target)
