"""What each metric is called, means, and which way is better. Torch-free, for reports.

A column is ``<metric>@<extractor>``, with ``floor_``, ``best_`` or ``validation_`` before it where that applies.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """``better`` is None where neither direction is good in itself."""

    label: str
    better: Literal["lower", "higher"] | None
    description: str
    unit: str = ""


METRICS = {
    "kid": Metric("KID", "lower", "unbiased kernel distance to held-out images, all pairs, (x.y/d + 1)^3"),
    "kid_se": Metric("KID s.e.", None, "jackknife standard error of KID over both image sets"),
    "fid": Metric("FID", "lower", "Fréchet distance to held-out images; biased by about 1/n, compare at equal n"),
    "precision": Metric("precision", "higher", "share of fakes inside the k-NN balls of the reals (k = 3)", "share"),
    "recall": Metric("recall", "higher", "share of reals inside the k-NN balls of the fakes (k = 3)", "share"),
    "density": Metric("density", "higher", "real k-NN balls around a fake, over k (k = 5); above 1 where dense"),
    "coverage": Metric("coverage", "higher", "share of real k-NN balls that hold a fake (k = 5)", "share"),
    "vendi": Metric("Vendi", "higher", "effective number of distinct images among the first 500 fakes", "images"),
    "intra_diversity": Metric(
        "intra-cluster diversity", "higher", "mean cosine distance between fakes that share their nearest shot"
    ),
    "occupied_clusters": Metric("occupied clusters", "higher", "shots that are the nearest shot of any fake", "shots"),
    "intra_lpips": Metric(
        "intra-cluster LPIPS",
        "higher",
        "mean LPIPS (VGG-16) between fakes that share their nearest shot by LPIPS; only where its weights are present",
    ),
    "lpips_clusters": Metric(
        "occupied LPIPS clusters", "higher", "shots that are the nearest shot by LPIPS of any fake", "shots"
    ),
    "d1_d2": Metric("d1/d2", "higher", "median distance to the nearest over the second-nearest shot; 0 for copies"),
    "authenticity": Metric(
        "authenticity", "higher", "share of fakes farther from their nearest shot than its own neighbour", "share"
    ),
    "kid_shots": Metric("KID to shots", None, "copying alarm: clearly negative means copies of the training shots"),
    "fid_shots": Metric("FID to shots", None, "copying alarm: close to zero means copies of the training shots"),
}
"""By the name before ``@``."""

PREFIXES = {
    "floor_": "real against real, at the run's sizes",
    "best_": "at the checkpoint chosen on the validation split",
    "validation_": "against the validation split",
}


def split_name(column: str) -> tuple[str, str, str]:
    """``"floor_kid@inception-v3-compat"`` -> ``("floor_", "kid", "inception-v3-compat")``.

    Raises ``KeyError`` for a column that is no metric.
    """
    before, at, extractor = column.partition("@")
    prefix = next((p for p in PREFIXES if before.startswith(p)), "")
    metric = before.removeprefix(prefix)
    if not at or metric not in METRICS:
        raise KeyError(column)
    return prefix, metric, extractor


def lower_is_better(column: str) -> bool | None:
    """True, False, or None where neither is; for a column name or the part before ``@``."""
    _, metric, _ = split_name(column if "@" in column else f"{column}@")
    better = METRICS[metric].better
    return None if better is None else better == "lower"
