"""``graftbench variance``: how much of an error bar is shots, how much is training, how much is sampling."""

from pathlib import Path
from typing import Annotated

import typer

from . import app
from .asked import MatrixName, Plugins, here, load_asked


@app.command()
def variance(
    matrix: MatrixName,
    target: Annotated[str | None, typer.Option(help="a target of the matrix; its first if left out")] = None,
    strategy: Annotated[str, typer.Option(help="a strategy that trains")] = "finetune",
    draws: Annotated[int, typer.Option(min=2, help="draws of the shots")] = 3,
    seeds: Annotated[int, typer.Option(min=2, help="training seeds on each draw")] = 3,
    evaluations: Annotated[int, typer.Option(min=2, help="sets of fakes of each trained model")] = 3,
    kimg: Annotated[float | None, typer.Option(help="budget of a run; the matrix's if left out")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
    out: Annotated[
        Path | None, typer.Option(parser=here, help=".csv or .parquet file for the single measurements")
    ] = None,
    plugin: Plugins = [],
):
    """Separate the variance of shot draw, training seed and evaluation sampling by a small nested design."""
    from dataclasses import replace

    from ...reports.variance import variance_components
    from ..devices import choose_device
    from ..errors import UserError, nearest
    from ..matrix import MOST_KIMG
    from ..planning import plan_matrix
    from ..plugins import load_plugins
    from ..registries import strategies
    from ..rows import require_table_name, write_table
    from ..variance import nested_design

    if kimg is not None and not 0 < kimg <= MOST_KIMG:
        raise UserError(f"--kimg must be more than 0 and at most {MOST_KIMG}, not {kimg:g}")
    if out is not None:
        require_table_name(str(out))
    load_plugins(plugin)
    if not strategies.get(strategy).trains:
        raise UserError(f"--strategy {strategy} does not train, so only the sampling of its evaluation could vary")
    asked = load_asked(matrix, [strategy])
    plan = plan_matrix(asked)
    wanted = target or asked.targets[0].domain
    cells = [cell for cell in plan.cells if cell.target == wanted and cell.strategy == strategy]
    if not cells:
        known = sorted({f"{cell.strategy} on {cell.target}" for cell in plan.cells})
        waiting = "; its source model has to be made first: `graftbench pretrain`" if plan.waiting else ""
        raise UserError(
            f"{matrix} has no {strategy!r} on {wanted!r}; {nearest(f'{strategy} on {wanted}', known)}{waiting}"
        )
    cell = replace(cells[0], kimg=kimg) if kimg else cells[0]
    print(f"{strategy} on {wanted}, {cell.shots} shots, {cell.kimg:g} kimg: {draws} draws x {seeds} seeds to train")
    measured = nested_design(
        cell,
        plan.sources.get(cells[0].key),
        choose_device(device),
        draws,
        seeds,
        evaluations,
        lambda row: print(", ".join(f"{name} {value:.5g}" for name, value in row.items())),
    )
    if out is not None:
        write_table(measured, str(out))
    for metric in ("kid", "fid"):
        print(f"\n{metric}@{cell.extractor}: mean {measured[metric].mean():.5g}")
        for part in variance_components(measured, metric).to_dict("records"):
            print(
                f"  {part['source']:<20} deviation {part['deviation']:.3g}, {100 * part['share']:3.0f} % of the "
                f"variance ({part['degrees']} degrees of freedom)"
            )
