"""Where the spread of published error bars comes from: the shot draw, the training seed, or evaluation sampling.

A nested design: several draws of the shots, several training seeds on each draw, several sets of fakes of each trained
model. A matrix's ``seed`` moves all three together; here they are moved one at a time.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from ..datasets import evaluation_images, open_domain
from .cell import Cell
from .experiment import build_training, evaluation_fakes
from .files import cache_root
from .metrics.evaluator import Evaluator
from .numerics import numerical_settings
from .registries import extractors


def nested_design(
    cell: Cell,
    source: Path | None,
    device: torch.device,
    draws: int,
    seeds: int,
    evaluations: int,
    watch: Callable[[dict], None] = lambda row: None,
) -> pd.DataFrame:
    """Train ``draws`` x ``seeds`` models and measure each ``evaluations`` times.

    Columns: draw, seed, evaluation, kid, fid. The training seeds of different draws are different ones. ``watch`` is
    called with each row.
    """
    domain = open_domain(cell.target)
    reference = evaluation_images(domain, "reference", cell.protocol, cell.resolution, cell.reals)
    validation = evaluation_images(domain, "validation", cell.protocol, cell.resolution, cell.reals)
    extractor = extractors.get(cell.extractor)(cell.extractor, device=device)
    rows = []
    with numerical_settings(cell.precision):
        for draw in range(draws):
            for seed in range(draw * seeds, (draw + 1) * seeds):
                training = build_training(replace(cell, seed=seed), domain, source, device, draw)
                evaluator = Evaluator(
                    extractor, training.setup.shots, reference, validation, cell.fakes, cache_root() / "features"
                )
                training.advance(training.setup.steps)
                for evaluation in range(evaluations):
                    # Evaluation seeds are all different, so that no two models share their noise.
                    fakes = evaluation_fakes(
                        training.strategy, replace(cell, seed=seed * evaluations + evaluation), device
                    )
                    found = evaluator.evaluate(fakes, full=False)
                    row = {"draw": draw, "seed": seed, "evaluation": evaluation}
                    row |= {name: found[f"{name}@{cell.extractor}"] for name in ("kid", "fid")}
                    rows.append(row)
                    watch(row)
    return pd.DataFrame(rows)
