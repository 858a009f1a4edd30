"""Made-up results in the shape that a store gives: one row per cell, one curve row per cell and evaluation.

Quality is strategy x target + a seed effect that all strategies share (runs are paired) + noise; curves fall from the
unadapted source towards the final value and end there.
"""

import json
from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

NAMES = (
    *("finetune", "frozen-d", "l2-sp", "scratch", "generator-only", "discriminator-only", "scale-shift", "ewc"),
    *("minegan", "cdc", "adam", "distill-d", "glo", "multitask", "vae", "singular-values", "rssa", "freeze-style"),
)
DOMAINS = ("sketches", "babies", "sunglasses", "metfaces", "cats", "dogs", "wild", "obama", "panda", "wuzhen")
EXTRACTOR = "inception-v3-compat"


def names(given: int | Sequence[str], known: Sequence[str], kind: str) -> list[str]:
    """``given`` itself, or so many names."""
    if not isinstance(given, int):
        return list(given)
    return [*known, *(f"{kind}-{index}" for index in range(len(known), given))][:given]


def synthetic(
    strategies: int | Sequence[str] = 4,
    targets: int | Sequence[str] = 3,
    seeds: int = 3,
    points: int = 6,
    *,
    failed: Collection[tuple[str, str, int]] = (),
    absent: Collection[tuple[str, str, int]] = (),
    reference: bool = True,
    extractor: str = EXTRACTOR,
    shots: int = 10,
    hardware: str = "Imaginary CPU, 2 cores",
    noise: float = 0.05,
    rng: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows and curves. ``failed`` cells have a row without metrics and half a curve; ``absent`` ones have nothing.

    Earlier strategies are better on average; ``noise`` is the seed-to-seed deviation relative to the value.
    """
    generator = np.random.default_rng(rng)
    strategy_names = names(strategies, NAMES, "strategy")
    if reference:
        strategy_names.append("source-only")
    rows, curves = [], []
    grid = np.linspace(0.0, 10.0, points)
    for target in names(targets, DOMAINS, "target"):
        difficulty = 0.6 + 0.9 * generator.random()
        shared = noise * generator.standard_normal(seeds)
        for index, strategy in enumerate(strategy_names):
            base = 0.25 if strategy == "source-only" else 0.03 * (1 + 0.12 * index) * (1 + 0.1 * generator.random())
            for seed in range(seeds):
                kid = difficulty * base * float(np.exp(shared[seed] + noise * generator.standard_normal()))
                row = identity(strategy, target, seed, shots, extractor) | cost(index, hardware, generator)
                final = measured(kid, index, extractor, generator)
                curve = fall(kid, difficulty * 0.25, index, grid, extractor, generator)
                curve.insert(0, "key", row["key"])
                curve.insert(2, "seconds", curve["kimg"] * row["seconds_per_kimg"])
                final |= best(curve, extractor)
                if (strategy, target, seed) in absent:
                    continue
                if (strategy, target, seed) in failed:
                    final = dict.fromkeys(final, np.nan)
                    row |= {"status": "failed", "reason": "RuntimeError: made up"}
                    curve = curve.iloc[: points // 2]
                rows.append(row | final)
                curves.append(curve)
    return pd.DataFrame(rows), pd.concat(curves, ignore_index=True)


def fall(
    kid: float, start: float, index: int, grid: np.ndarray, extractor: str, generator: np.random.Generator
) -> pd.DataFrame:
    """A curve over ``grid`` (kimg) that falls from ``start`` and ends at ``kid``."""
    values = (kid + (start - kid) * np.exp(-grid / (1.2 + 0.2 * index))) * np.exp(
        0.02 * generator.standard_normal(len(grid))
    )
    values[-1] = kid
    return pd.DataFrame(
        {
            "kimg": grid,
            f"kid@{extractor}": values,
            f"fid@{extractor}": 40 + 900 * values,
            f"recall@{extractor}": np.clip(0.6 - 2 * values, 0, 1),
            f"validation_kid@{extractor}": values * 1.02,
            "loss_generator": 1.0 + 0.1 * generator.standard_normal(len(grid)),
            "loss_discriminator": 0.7 + 0.1 * generator.standard_normal(len(grid)),
        }
    )


def best(curve: pd.DataFrame, extractor: str) -> dict:
    """The evaluation with the lowest validation KID."""
    chosen = curve.loc[curve[f"validation_kid@{extractor}"].idxmin()]
    return {f"best_{name}@{extractor}": chosen[f"{name}@{extractor}"] for name in ("kid", "fid")} | {
        "best_kimg": chosen["kimg"]
    }


def identity(strategy: str, target: str, seed: int, shots: int, extractor: str) -> dict:
    """The columns that say which run it was."""
    return {
        "key": f"{strategy}-{target}-{shots}-{extractor}-{seed}",
        "backbone": "dcgan",
        "resolution": 32,
        "width": 32,
        "source": "faces",
        "target": target,
        "shots": shots,
        "strategy": strategy,
        "label": strategy,
        "params": json.dumps({"strength": 0.01} if strategy == "l2-sp" else {}),
        "augment": "none",
        "seed": seed,
        "kimg": 10.0,
        "batch": 16,
        "extractor": extractor,
        "protocol": "held-out",
        "reference": strategy == "source-only",
        "status": "ok",
        "reason": "",
        "n_real": 500,
        "n_fake": 1000,
    }


def measured(kid: float, index: int, extractor: str, generator: np.random.Generator) -> dict:
    """Final metrics around a given KID."""
    values = {
        "kid": kid,
        "kid_se": 0.03 * kid,
        "fid": 40 + 900 * kid,
        "precision": float(np.clip(0.8 - 2 * kid, 0, 1)),
        "recall": float(np.clip(0.6 - 2 * kid, 0, 1)),
        "density": 0.9 - kid,
        "coverage": float(np.clip(0.9 - 3 * kid, 0, 1)),
        "vendi": 20.0 - 40 * kid + float(generator.standard_normal()),
        "intra_diversity": 0.5 - kid,
        "occupied_clusters": float(10 - index % 3),
        "d1_d2": 0.9 - 0.01 * index,
        "authenticity": 0.7 - 0.01 * index,
        "kid_shots": kid - 0.01,
        "fid_shots": 30 + 800 * kid,
        "floor_kid": 0.001,
        "floor_fid": 12.0,
    }
    return {f"{name}@{extractor}": value for name, value in values.items()}


def cost(index: int, hardware: str, generator: np.random.Generator) -> dict:
    """Time, size and environment columns."""
    per_kimg = (4.0 + 0.3 * index) * float(np.exp(0.02 * generator.standard_normal()))
    return {
        "train_seconds": 10 * per_kimg,
        "seconds_per_kimg": per_kimg,
        "wall_seconds": 13 * per_kimg,
        "peak_memory_mb": 600.0 + 10 * index,
        "parameters": 1_200_000,
        "trainable_parameters": 1_200_000 - 40_000 * index,
        "hardware": hardware,
        "device": "cpu",
        "threads": 2,
        "precision": "float32",
        "torch": "2.14.1",
        "commit": "0" * 40,
        "digest": "1" * 16,
    }
