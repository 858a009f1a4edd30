"""Variance components of a balanced nested design: shot draw > training seed > evaluation sampling."""

import numpy as np
import pandas as pd

from ..bench.errors import UserError

LEVELS = ("draw", "seed", "evaluation")
MEANING = {"draw": "shot draw", "seed": "training seed", "evaluation": "evaluation sampling"}


def variance_components(measured: pd.DataFrame, value: str) -> pd.DataFrame:
    """How much of the variance of ``value`` each level makes: columns source, variance, deviation, share, degrees.

    ``measured`` has one row per draw, seed (nested in draw) and evaluation (nested in seed), equally many everywhere.
    Estimated by the expected mean squares of the nested analysis of variance (Searle et al., Variance Components,
    ch. 3); an estimate below zero is set to zero, as is usual, and few ``degrees`` of freedom mean a rough one.
    Raises ``UserError`` if the design is not balanced or a level has a single member.
    """
    per_draw = measured.groupby("draw")["seed"].nunique()
    per_seed = measured.groupby(["draw", "seed"]).size()
    draws = len(per_draw)
    if per_draw.nunique() != 1 or per_seed.nunique() != 1:
        raise UserError("the design is not balanced: each draw needs equally many seeds, each seed as many evaluations")
    seeds, evaluations = int(per_draw.iloc[0]), int(per_seed.iloc[0])
    if min(draws, seeds, evaluations) < 2:
        raise UserError(f"a variance needs two of each: {draws} draws, {seeds} seeds, {evaluations} evaluations given")
    if lacking := int((~np.isfinite(measured[value])).sum()):
        raise UserError(f"{lacking} of {len(measured)} measurements of {value} are missing or no finite number")
    of_seed = measured.groupby(["draw", "seed"])[value].transform("mean")
    of_draw = measured.groupby("draw")[value].transform("mean")
    degrees = {
        "draw": draws - 1,
        "seed": draws * (seeds - 1),
        "evaluation": draws * seeds * (evaluations - 1),
    }
    squares = {
        "draw": ((of_draw - measured[value].mean()) ** 2).sum() / degrees["draw"],
        "seed": ((of_seed - of_draw) ** 2).sum() / degrees["seed"],
        "evaluation": ((measured[value] - of_seed) ** 2).sum() / degrees["evaluation"],
    }
    variances = {
        "draw": max(0.0, (squares["draw"] - squares["seed"]) / (seeds * evaluations)),
        "seed": max(0.0, (squares["seed"] - squares["evaluation"]) / evaluations),
        "evaluation": float(squares["evaluation"]),
    }
    total = sum(variances.values())
    return pd.DataFrame(
        {
            "source": [MEANING[level] for level in LEVELS],
            "variance": [variances[level] for level in LEVELS],
            "deviation": [variances[level] ** 0.5 for level in LEVELS],
            "share": [variances[level] / total if total else float("nan") for level in LEVELS],
            "degrees": [degrees[level] for level in LEVELS],
        }
    )
