"""What lies between the samples, and beside them: latent walks and each sample's nearest training image."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..settings import Setting
from .figure import Absent, Plot, left_margin, plain
from .samples import chosen_cells, strip_figure, tiles

STEPS = 8
"""Images per latent walk."""
PAIRS = 6
SHOTS_SEARCHED = 64
"""A store's grids hold no more images."""


def interpolations(setting: Setting, target: str, walks: Mapping[str, Path]) -> Plot | Absent:
    """One walk per strategy between the same two latent vectors. ``walks`` maps a cell's key to rows of 8 images."""
    name, title = setting.named(f"interpolations-{target}"), f"Interpolations: {target}"
    chosen = chosen_cells(setting, target, walks)
    if chosen.empty:
        return Absent(name, title, f"no finished cell of {target} stored latent walks")
    strips = [
        (label, tiles(Path(walks[key]), int(resolution))[:STEPS])
        for label, key, resolution in zip(chosen["label"], chosen["key"], chosen["resolution"], strict=True)
    ]
    same = "every strategy" if chosen["seed"].nunique() == 1 else "strategies of one seed"
    return Plot(
        name,
        title,
        f"Images on the great circle between two latent vectors, the same two for {same}. Smooth changes speak "
        f"for a learned space, jumps between a few pictures for memorised ones. {setting.title}.",
        f"Rows of images that change from left to right, one row for each of {', '.join(chosen['label'])}.",
        strip_figure(strips),
        chosen[["label", "seed", "key"]].reset_index(drop=True),
    )


def nearest_shots(
    setting: Setting, target: str, sample_images: Mapping[str, Path], shot_images: Mapping[str, Path]
) -> Plot | Absent:
    """Pairs of a sample and the shot nearest to it, one row per strategy; all strategies saw the same shots."""
    name, title = setting.named(f"nearest-shots-{target}"), f"Nearest shots: {target}"
    both = {key: path for key, path in sample_images.items() if key in shot_images}
    chosen = chosen_cells(setting, target, both)
    if chosen.empty:
        return Absent(name, title, f"no finished cell of {target} stored pictures of its samples and shots")
    strips, data = [], []
    for label, key, resolution in zip(chosen["label"], chosen["key"], chosen["resolution"], strict=True):
        fakes = tiles(Path(sample_images[key]), int(resolution))[:PAIRS]
        shots = tiles(Path(shot_images[key]), int(resolution))[:SHOTS_SEARCHED]
        found, distances = nearest(fakes, shots)
        strips.append((label, np.stack([fakes, shots[found]], axis=1)))
        columns = {"label": label, "key": key, "sample": range(len(fakes)), "shot": found, "distance": distances}
        data.append(pd.DataFrame(columns))
    return Plot(
        name,
        title,
        f"Samples (left of each pair) beside the training image nearest to them in pixels at 8 x 8 (right). Equal "
        f"pictures mean copies. At most the first {SHOTS_SEARCHED} shots are searched. {setting.title}.",
        f"Pairs of a generated and a training image, one row for each of {', '.join(chosen['label'])}.",
        pair_figure(strips),
        pd.concat(data, ignore_index=True),
    )


def nearest(fakes: np.ndarray, shots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each image (n x R x R x 3, uint8) the index of the nearest shot, and the root mean square distance.

    A grid is filled up with white images; these are no shots, unless all are white.
    """
    real = np.flatnonzero(shots.reshape(len(shots), -1).min(axis=1) < 255)
    real = real if len(real) else np.arange(len(shots))
    a, b = _small(fakes), _small(shots[real])
    distances = np.sqrt(((a[:, None] - b[None]) ** 2).mean(axis=2))
    return real[distances.argmin(axis=1)], distances.min(axis=1)


def _small(images: np.ndarray) -> np.ndarray:
    """Means over an 8 x 8 grid of squares, flattened."""
    n, size = images.shape[:2]
    square = max(1, size // 8)
    kept = images[:, : size // square * square, : size // square * square].astype(float)
    return kept.reshape(n, size // square, square, size // square, square, 3).mean(axis=(2, 4)).reshape(n, -1)


def pair_figure(strips: list[tuple[str, np.ndarray]]) -> Figure:
    """Rows of pairs (n x 2 x R x R x 3); the two of a pair touch, pairs stand apart."""
    per_pair, height = 1.16, len(strips)
    left = left_margin(label for label, _ in strips)
    figure = Figure(figsize=(left + per_pair * PAIRS, 0.54 * height))
    grid = figure.subplots(height, 1, squeeze=False, gridspec_kw={"hspace": 0.08})
    figure.subplots_adjust(left=left / figure.get_figwidth(), right=1, top=0.995, bottom=0.005)
    for (label, pairs), axes in zip(strips, grid.flat, strict=True):
        size = pairs.shape[2]
        gap = max(2, size // 5)
        row = np.full((size, PAIRS * (2 * size + gap) - gap, 3), 255, np.uint8)
        for place, pair in enumerate(pairs):
            start = place * (2 * size + gap)
            row[:, start : start + 2 * size] = np.concatenate(list(pair), axis=1)
        axes.imshow(row, interpolation="nearest", aspect="equal")
        axes.set_anchor("W")
        axes.set_axis_off()
        axes.text(-0.008, 0.5, plain(label), transform=axes.transAxes, ha="right", va="center", fontsize=8)
    return figure
