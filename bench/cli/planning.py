"""``graftbench plan``: what a matrix takes, before anything is paid for it."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from . import app
from .asked import MatrixName, Only, Plugins, StorePath, load_asked, say, say_notes

if TYPE_CHECKING:
    from ..cell import Cell
    from ..matrix import Matrix
    from ..planning import Plan


@app.command()
def plan(matrix: MatrixName, store: StorePath = None, plugin: Plugins = [], strategy: Only = []):
    """Show what a matrix asks for, what is stored of it already, and what it takes, without running anything."""
    from ..estimate import describe_cost
    from ..planning import plan_matrix
    from ..plugins import load_plugins
    from ..store import Store

    load_plugins(plugin)
    asked = load_asked(matrix, strategy)
    say(describe_cost(asked))
    planned = plan_matrix(asked)
    root = store or Path("runs") / asked.name
    opened = Store(root) if root.is_file() or (root / "cells").is_dir() else None
    trials: list[Cell] = []
    if asked.tune:
        planned, trials = _say_tuning(planned, asked.tune.trials, root)
    states = Counter(opened.status(cell.key) if opened else "missing" for cell in planned.cells)
    say(f"{asked.name}: {len(planned.cells) + planned.waiting} cells")
    for status, count in states.most_common():
        say(f"  {status}: {count}")
    for spec in planned.to_pretrain:
        say(f"  source to pretrain first: {spec.name} ({spec.kimg:g} kimg)")
    if planned.waiting:
        say(f"  {planned.waiting} cells wait for sources")
    left = [cell for cell in planned.cells if opened is None or opened.status(cell.key) == "missing"]
    _say_forecast(root, asked, trials + left)
    say_notes(planned.notes)
    _say_power(planned, asked)


def _say_tuning(plan: "Plan", trials: int, root: Path) -> "tuple[Plan, list[Cell]]":
    """Say how many trials are to run; returns the plan, with what they chose if all have ended, and those to run."""
    from ..store import Store
    from ..tuning import plan_trials, tuned_plan

    wanted = plan_trials(plan, trials).cells
    tuning = Store(root / "tuning") if (root / "tuning").exists() else None
    missing = [c for c in wanted if tuning is None or tuning.status(c.key) == "missing"]
    say(f"  tuning: {len(wanted)} trials, {len(missing)} of them still to run")
    return (plan, missing) if tuning is None or missing else (tuned_plan(plan, trials, tuning)[0], [])


def _say_forecast(root: Path, matrix: "Matrix", left: "list[Cell]") -> None:
    """Hours and disk of the cells that are left, from what was measured on this machine."""
    from ..devices import choose_device, describe
    from ..estimate import disk_mb
    from ..forecast import disk_sentence, forecast, measurements

    if not left:
        return
    hardware = describe(choose_device("auto"))["hardware"]
    say(f"  {forecast(left, measurements(root, left[0], hardware)).sentence(hardware)}")
    say(f"  {disk_sentence(root, len(left), disk_mb(matrix)[0])}")


def _say_power(plan: "Plan", matrix: "Matrix") -> None:
    """What a ranking can show at best, before anything is trained."""
    from ...reports.power import plan_power
    from ..planning import augmentations_of
    from ..reference_lines import REFERENCE_LINES, is_reference

    labels = {cell.label for cell in plan.cells if not is_reference(cell)}
    asked = [name for name, _ in matrix.variants() if name not in REFERENCE_LINES]
    waiting = sum(len(augmentations_of(matrix, name)) for name in asked) if plan.waiting else 0
    if strategies := max(len(labels), waiting):
        blocks = sum(len(matrix.shots_of(target)) for target in matrix.targets)
        for sentence in plan_power(strategies, blocks, len(matrix.seeds)).sentences():
            say(f"  power: {sentence}")
