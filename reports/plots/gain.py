"""What transfer is worth on each target: a heat map of the gain over training from scratch."""

import numpy as np
import pandas as pd
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from ...bench.errors import UserError
from ..gain import SCRATCH, transfer_gain
from ..settings import Setting, present
from .axes import metric_title
from .figure import Absent, Plot, arrange, left_margin, plain

MARKS = {"gain": "", "negative transfer": " ▼", "undecided": " ?"}


def gain_heatmap(family: Setting, metric: str = "kid") -> Plot | Absent:
    """Strategies x targets (and shots, where they vary), coloured by the gain on the normalised scale."""
    name, column = family.named(f"transfer-gain-{metric}"), family.metric(metric)
    title = f"Transfer gain over training from scratch ({metric_title(metric, False)})"
    if not present(family.rows, [column]):
        return Absent(name, title, f"no finished cell has {column}")
    try:
        data = transfer_gain(family.rows, column)
    except UserError as error:
        return Absent(name, title, str(error))
    if data["gain"].isna().all():
        return Absent(name, title, "no strategy shares a finished seed with scratch")
    many = data["shots"].nunique() > 1
    data = data.assign(column=data["target"] + (("\n" + data["shots"].astype(str) + " shots") if many else ""))
    scale = "score_gain" if data["score_gain"].notna().any() else "gain"
    columns = list(data.sort_values(["shots", "target"])["column"].drop_duplicates())
    labels = [label for label in family.looks(references=False) if label in set(data["label"])]
    table = {value: data.pivot(index="label", columns="column", values=value) for value in (scale, "verdict")}
    shown = table[scale].reindex(index=labels, columns=columns)
    verdicts = table["verdict"].reindex(index=labels, columns=columns)
    figure = _draw(shown, verdicts, "normalised score" if scale == "score_gain" else metric_title(column, False))
    units = "on the scale where 0 is the unadapted source and 1 the real-vs-real floor" if scale == "score_gain" else (
        f"in units of {metric_title(column, False)}"
    )  # fmt: skip
    negative = data[data["verdict"] == "negative transfer"]
    return Plot(
        name,
        title,
        f"Mean gain in {metric_title(column, False)} over the same model trained from scratch with the same seed "
        f"and augmentation ({_baselines(data)}), {units}; above 0 transfer helps. "
        f"▼ negative transfer, ? undecided (the 95 % interval of the paired difference holds 0, or "
        f"fewer than two pairs); each interval by itself, so that chance alone decides about one place in 20. "
        f"{family.title}; {family.completeness}.",
        f"Heat map of {len(labels)} strategies and {len(columns)} targets; negative transfer in {len(negative)} of "
        f"{len(data)} places.",
        figure,
        data.drop(columns="column"),
    )


def _baselines(data: pd.DataFrame) -> str:
    """``scratch``, and who is compared with another model's."""
    others = data[~data["baseline"].str.startswith(SCRATCH)].drop_duplicates("label")
    told = [f"{label} with {other}" for label, other in zip(others["label"], others["baseline"], strict=True)]
    return "; ".join([SCRATCH, *told])


def _draw(values: pd.DataFrame, verdicts: pd.DataFrame, unit: str) -> Figure:
    high, wide = values.shape
    below = 0.2 + left_margin(str(name).partition("\n")[0] for name in values.columns) / 2  # they stand at 30 degrees
    figure = Figure(figsize=(0.9 + left_margin(map(str, values.index)) + 0.82 * wide, max(1.6, 0.27 * high) + below))
    axes = figure.subplots()
    finite = values.to_numpy(float)
    limit = float(np.nanquantile(np.abs(finite), 0.95)) or 1.0
    image = axes.imshow(finite, cmap="PuOr", norm=TwoSlopeNorm(0, -limit, limit), aspect="auto")
    for row in range(high):
        for place in range(wide):
            value = finite[row, place]
            strong = np.isfinite(value) and abs(value) > 0.6 * limit
            words = (
                f"{value:{'+.2f' if abs(value) < 1000 else '+.2g'}}{MARKS[str(verdicts.iat[row, place])]}"
                if np.isfinite(value)
                else "–"
            )
            axes.text(place, row, words, ha="center", va="center", fontsize=7, color="white" if strong else "#222222")
    axes.set_yticks(range(high), [plain(str(label)) for label in values.index])
    axes.set_xticks(range(wide), [plain(str(name)) for name in values.columns], rotation=30, ha="right")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02, extend="both", use_gridspec=False)
    bar.set_label(f"gain ({unit})")
    bar.outline.set_visible(False)  # type: ignore[operator]
    arrange(figure)
    return figure
