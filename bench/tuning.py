"""Random search over the declared ranges of the hyper-parameters, alike for every strategy.

Each strategy gets the same number of trials of the same length as its final cells, on a seed of its own (other shots,
other initial weights). The trial with the lowest validation KID is chosen for each target, number of shots and
augmentation, and run again on the seeds of the matrix. What the trials that ended well cost is charged to those rows
(how long the others trained is not recorded). A strategy with nothing to draw runs no trials and is charged nothing.
"""

import dataclasses
import math
import os
import random
import typing
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .cell import Cell
from .errors import UserError
from .files import write_json
from .outcome import read_json
from .planning import Plan
from .registries import strategies
from .seeds import seed_for
from .store import Store

TUNING_SEED = 1_000_000
"""Seed of all trials; no matrix may use it for its results."""
DIGITS = 4
"""Significant digits of what is drawn."""
RECORD = "tuning.json"
"""File of a tuned cell: how its hyper-parameters were chosen, and what that cost."""


@dataclass(frozen=True)
class Choice:
    """What a search gave: the drawn hyper-parameters, their trial, and the seconds of the trials that ended well."""

    params: dict[str, Any]
    trial: int
    trials: int
    failed: int
    seconds: float


def draw(strategy: str, names: Iterable[str], trial: int) -> dict[str, Any]:
    """The hyper-parameters ``names`` of a trial. Trial 0 has the defaults.

    Each draw is keyed by (strategy, name, trial), so that a new hyper-parameter does not move the others.
    """
    kind = strategies.get(strategy)
    fields, types = {field.name: field for field in dataclasses.fields(kind)}, typing.get_type_hints(kind)
    if trial == 0:
        return {name: fields[name].default for name in names}
    return {
        name: _draw(fields[name], types[name], random.Random(seed_for("tuning", strategy, name, trial)))
        for name in names
    }


def _draw(field: dataclasses.Field, declared: Any, rng: random.Random) -> Any:
    """A value of the field's range; whole if the default and the range are, and the ``declared`` type is no float."""
    low, high, log, choices = (field.metadata[name] for name in ("low", "high", "log", "choices"))
    if choices is not None:
        return rng.choice(choices)
    may_be_float = float in (declared, *typing.get_args(declared))
    if not may_be_float and all(isinstance(value, int) for value in (field.default, low, high)):
        return rng.randint(low, high)
    value = math.exp(rng.uniform(math.log(low), math.log(high))) if log else rng.uniform(low, high)
    return min(max(float(f"{value:.{DIGITS}g}"), float(low)), float(high))


def searched(cell: Cell) -> list[str]:
    """The hyper-parameters of a cell that are drawn: declared as searched, and not set by the matrix."""
    kind = strategies.get(cell.strategy)
    declared = [field.name for field in dataclasses.fields(kind) if field.metadata.get("searched", True)]
    return [name for name in declared if name not in cell.params] if kind.trains else []


def plan_trials(plan: Plan, trials: int) -> Plan:
    """The cells of the search for a plan: one for each trial of all cells that differ only by their seed."""
    found, known = Plan(), set()
    for cell in plan.cells:
        if cell.seed == TUNING_SEED:
            raise UserError(f"seed {TUNING_SEED} is kept for tuning; choose others for the matrix")
        for trial_cell in trials_of(cell, trials):
            if trial_cell.key not in known:
                known.add(trial_cell.key)
                found.cells.append(trial_cell)
                if cell.key in plan.sources:
                    found.sources[trial_cell.key] = plan.sources[cell.key]
    return found


def trials_of(cell: Cell, trials: int) -> list[Cell]:
    """The trials that decide the hyper-parameters of ``cell``, measured at their end only; two may be equal."""
    names = searched(cell)
    if not names:
        return []
    base = replace(cell, seed=TUNING_SEED, points=1)
    return [replace(base, params={**cell.params, **draw(cell.strategy, names, t)}) for t in range(trials)]


def choose(trials: list[Cell], store: Store) -> Choice:
    """The trial of lowest validation KID; the defaults (trial 0) if no trial ended well."""
    kid = f"validation_kid@{trials[0].extractor}"
    finals = {t: _final(store.folder(cell.key)) for t, cell in enumerate(trials) if store.is_done(cell.key)}
    best = min(finals, key=lambda t: (finals[t][kid], t), default=0)
    seconds = sum({trials[t].key: final["train_seconds"] for t, final in finals.items()}.values())
    return Choice(trials[best].params, best, len(trials), len(trials) - len(finals), seconds)


def _final(folder: Path) -> dict[str, Any]:
    return read_json(folder / "final.json")


def tuned_plan(plan: Plan, trials: int, tuning: Store) -> tuple[Plan, dict[str, Choice]]:
    """The plan with the chosen hyper-parameters, and how those of each cell (by key) were chosen."""
    tuned, choices = replace(plan, cells=[], sources={}, notes=list(plan.notes)), {}
    for cell in plan.cells:
        new = cell
        if tried := trials_of(cell, trials):
            choice = choose(tried, tuning)
            new = replace(cell, params=choice.params, tuned=searched(cell))
            choices[new.key] = choice
            tuned.notes.append(_note(new, choice))
        tuned.cells.append(new)
        if cell.key in plan.sources:
            tuned.sources[new.key] = plan.sources[cell.key]
    return tuned, choices


def _note(cell: Cell, choice: Choice) -> str:
    values = ", ".join(f"{name}={cell.params[name]}" for name in cell.tuned)
    failed = f" ({choice.failed} failed)" if choice.failed else ""
    if choice.failed == choice.trials:
        failed = " (all failed, so these are the defaults)"
    return f"{cell.label} on {cell.target}@{cell.shots}: {values}, the best of {choice.trials} trials{failed}"


def record(store: Store, choices: dict[str, Choice]) -> None:
    """Write beside each tuned cell how it was tuned; its row shows the trials and charges their seconds."""
    for key, choice in choices.items():
        path, status = store.folder(key) / RECORD, store.folder(key) / "status.json"
        if path.is_file() and read_json(path) == dataclasses.asdict(choice):
            continue
        write_json(path, dataclasses.asdict(choice))
        if status.exists():
            os.utime(status)  # kept rows are read again from cells with a newer status
