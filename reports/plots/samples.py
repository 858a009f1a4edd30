"""What the strategies draw: the same latent vectors for each, beside real images."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from ...bench.errors import UserError
from ..settings import Setting
from .figure import Absent, Plot, left_margin, plain

COLUMNS = 10


def tiles(path: Path, resolution: int) -> np.ndarray:
    """Cut a picture of square images without gaps into uint8 tiles (n x R x R x 3), row by row.

    Raises ``UserError`` naming a file that is no such picture.
    """
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as a picture ({error}); run its cell again") from error
    high, wide = pixels.shape[0] // resolution, pixels.shape[1] // resolution
    if pixels.shape[:2] != (high * resolution, wide * resolution) or not high * wide:
        raise UserError(f"{path}: {pixels.shape[1]} x {pixels.shape[0]} px do not hold whole {resolution} px images")
    cut = pixels.reshape(high, resolution, wide, resolution, 3).swapaxes(1, 2)
    return cut.reshape(high * wide, resolution, resolution, 3)


def samples(
    setting: Setting, target: str, sample_images: Mapping[str, Path], real_images: Mapping[str, Path]
) -> Plot | Absent:
    """One row of images per strategy, real images on top.

    Both map a cell's key to a grid: of its samples, and of its target's reference images.
    The seed shown is the lowest that every strategy with pictures has, or each strategy's own lowest.
    """
    name, title = setting.named(f"samples-{target}"), f"Samples: {target}"
    chosen = chosen_cells(setting, target, sample_images)
    if chosen.empty:
        return Absent(name, title, f"no finished cell of {target} stored a picture of its samples")
    strips = []
    real = next((real_images[key] for key in chosen["key"] if key in real_images), None)
    if real is not None:
        strips.append(("real images", tiles(Path(real), int(chosen["resolution"].iloc[0]))))
    for label, key, resolution in zip(chosen["label"], chosen["key"], chosen["resolution"], strict=True):
        strips += [(label, tiles(Path(sample_images[key]), int(resolution)))]
    figure = strip_figure([(label, images[:COLUMNS]) for label, images in strips])
    seeds = sorted(chosen["seed"].unique())
    vectors = "a column is one latent vector for all strategies" if len(seeds) == 1 else "seeds differ in their latents"
    top = " Top row: real held-out images." if real is not None else ""
    return Plot(
        name,
        title,
        f"Samples of each strategy for {target} after the final iteration, seed {', '.join(map(str, seeds))}, not "
        f"selected: {vectors} (the VAE's are its own).{top} {setting.title}.",
        f"Grid of generated images, one row for each of {', '.join(chosen['label'])}"
        + (", below a row of real images." if real is not None else "."),
        figure,
        chosen[["label", "seed", "key"]].reset_index(drop=True),
    )


def strip_figure(strips: list[tuple[str, np.ndarray]]) -> Figure:
    """Rows of tiles (n x R x R x 3) with their names on the left; every row is shown at the same size."""
    height, per_tile = len(strips), 0.52
    columns = max(len(images) for _, images in strips)
    left = left_margin(label for label, _ in strips)
    figure = Figure(figsize=(left + per_tile * columns, per_tile * height))
    grid = figure.subplots(height, 1, squeeze=False, gridspec_kw={"hspace": 0.06})
    figure.subplots_adjust(left=left / figure.get_figwidth(), right=1, top=0.995, bottom=0.005)
    for (label, images), axes in zip(strips, grid.flat, strict=True):
        axes.imshow(_row(images, columns), interpolation="nearest", aspect="equal")
        axes.set_anchor("W")
        axes.set_axis_off()
        axes.text(
            -0.008, 0.5, plain(label), transform=axes.transAxes, ha="right", va="center", fontsize=8,
            weight="bold" if label == "real images" else "normal",
        )  # fmt: skip
    return figure


def _row(images: np.ndarray, columns: int) -> np.ndarray:
    """Tiles side by side on white, a thirty-second of a tile apart; a short row is filled with white."""
    size = images.shape[1]
    space = max(1, size // 32)
    row = np.full((size, columns * (size + space) - space, 3), 255, np.uint8)
    for place, image in enumerate(images):
        row[:, place * (size + space) : place * (size + space) + size] = image
    return row


def chosen_cells(setting: Setting, target: str, sample_images: Mapping[str, Path]) -> pd.DataFrame:
    """One finished cell with a picture per label: of the seed that most labels have, the lowest such seed first."""
    rows = setting.rows
    rows = rows[(rows["target"] == target) & (rows["status"] == "ok") & rows["key"].isin(list(sample_images))]
    if rows.empty:
        return rows
    common = rows.groupby("seed")["label"].nunique().sort_index().idxmax()
    ordered = rows.assign(other=rows["seed"] != common).sort_values(["reference", "strategy", "label", "other", "seed"])
    return ordered.drop_duplicates("label")
