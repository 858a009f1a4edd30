"""``graftbench plan``, ``run`` and ``status``: making a benchmark."""

import shlex
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import app
from .pretraining import Device, train_missing

if TYPE_CHECKING:
    from ..cell import Cell
    from ..executors.job import Executor
    from ..matrix import Matrix
    from ..planning import Plan
    from ..store import Store

MatrixName = Annotated[str, typer.Argument(help="a shipped matrix (quick, cpu, …) or a YAML file")]
StorePath = Annotated[Path | None, typer.Option("--store", help="folder of the results; runs/<matrix> if left out")]
Plugins = Annotated[list[Path], typer.Option("--plugin", help="a Python file that registers your own components")]
Only = Annotated[list[str], typer.Option("--strategy", help="this strategy instead of the matrix's (repeatable)")]


@dataclass(frozen=True)
class _How:
    """How cells are run, whichever they are."""

    execute: "Executor"
    device: str
    plugins: list[Path]
    retry: bool
    processes: int
    deterministic: bool


@app.command()
def run(
    matrix: MatrixName,
    store: StorePath = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="cells side by side; one, or one per GPU, if left out")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads of each cell; the cores shared among them if left out")
    ] = None,
    device: Device = "auto",
    plugin: Plugins = [],
    strategy: Only = [],
    retry: Annotated[bool, typer.Option(help="run cells again that ended otherwise than ok")] = False,
    executor: Annotated[str, typer.Option(help="local, ray or slurm")] = "local",
    address: Annotated[
        str | None, typer.Option(help="of a Ray cluster: HOST:PORT, ray://HOST:PORT, auto; one is started if left out")
    ] = None,
    executor_option: Annotated[
        list[str], typer.Option(help="NAME=VALUE for ray (num_gpus=0.5) or slurm (slurm_partition=gpu); repeatable")
    ] = [],
    report: Annotated[bool, typer.Option(help="write the report at the end")] = True,
    processes: Annotated[int, typer.Option(min=1, help="that train each cell together, on one GPU each")] = 1,
    deterministic: Annotated[bool, typer.Option(help="equal runs on a GPU give equal bits; slower")] = False,
):
    """Train and measure what a matrix asks for and is not stored yet; then write the report."""
    from ..environment import describe_environment
    from ..executors.choice import choose_executor
    from ..files import write_atomically, write_json
    from ..planning import plan_matrix
    from ..plugins import load_plugins
    from ..rows import read_curves, read_rows
    from ..store import Store

    load_plugins(plugin)
    asked = _load(matrix, strategy)
    root = store or Path("runs") / asked.name
    execute = choose_executor(
        executor,
        store=root,
        slots=jobs if processes == 1 else jobs or 1,  # such a cell takes all GPUs
        threads=threads,
        device=device,
        address=address,
        options=executor_option,
    )
    how = _How(execute, device, plugin, retry, processes, deterministic)
    plan = plan_matrix(asked)
    opened = Store(root, create=True)
    if plan.to_pretrain:
        train_missing(plan.to_pretrain, asked.evaluation.extractor, device)
        plan = plan_matrix(asked)
    if asked.tune:
        plan = _tune(how, opened, asked, plan)
    for cell in plan.cells:
        opened.add(cell)
    if not strategy:
        import yaml

        write_atomically(opened.root / "matrix.yaml", yaml.safe_dump(asked.model_dump(mode="json"), sort_keys=False))
    pending = [cell for cell in plan.cells if _is_pending(opened, cell, retry)]
    _say_notes(plan)
    if not pending:
        _say(f"nothing to do: all {len(plan.cells)} cells of {asked.name} are in {opened.root}")
    else:
        write_json(opened.root / "environment.json", describe_environment())
        _run_cells(how, opened, asked, plan, pending)
    if report and (pending or not (opened.report / "index.html").exists()):
        from .reporting import write_store_report

        write_store_report(opened)
    if pending:
        read_rows(opened)  # keeps the tables, so that reading a large store stays quick
        read_curves(opened)
    ended = Counter(opened.status(cell.key) for cell in plan.cells)
    if pending:
        _say(", ".join(f"{count} {status}" for status, count in ended.most_common()))
        for cell in plan.cells:
            if opened.status(cell.key) != "ok":
                _say_failure(opened, cell)
    if report:
        _say(f"report: {(opened.report / 'index.html').resolve()}")
    if ended["ok"] < len(plan.cells):
        raise typer.Exit(1)


@app.command()
def plan(matrix: MatrixName, store: StorePath = None, plugin: Plugins = [], strategy: Only = []):
    """Show what a matrix asks for, what is stored of it already, and what it takes, without running anything."""
    from ..estimate import describe_cost
    from ..planning import plan_matrix
    from ..plugins import load_plugins
    from ..store import Store

    load_plugins(plugin)
    asked = _load(matrix, strategy)
    _say(describe_cost(asked))
    planned = plan_matrix(asked)
    root = store or Path("runs") / asked.name
    opened = Store(root) if root.exists() else None
    if asked.tune:
        planned = _say_tuning(planned, asked.tune.trials, root)
    states = Counter(opened.status(cell.key) if opened else "missing" for cell in planned.cells)
    _say(f"{asked.name}: {len(planned.cells) + planned.waiting} cells")
    for status, count in states.most_common():
        _say(f"  {status}: {count}")
    for spec in planned.to_pretrain:
        _say(f"  source to pretrain first: {spec.name} ({spec.kimg:g} kimg); {planned.waiting} cells wait for sources")
    left = [cell for cell in planned.cells if opened is None or opened.status(cell.key) == "missing"]
    _say_forecast(root, asked, left)
    _say_notes(planned)
    _say_power(planned, asked)


@app.command()
def status(store: Annotated[Path, typer.Argument(help="folder of a benchmark")]):
    """Show how the cells of a store ended."""
    from ..rows import read_statuses
    from ..store import Store

    opened = Store(store)
    rows = read_statuses(opened)
    _say(f"{opened.root}: {len(rows)} cells")
    if rows.empty:
        return
    for name, count in rows["status"].value_counts().items():
        _say(f"  {name}: {count}")
    for row in rows[~rows["status"].isin(["ok", "missing"])].to_dict("records"):
        _say(f"  {row['key']} {row['status']}: {row['reason']}")


def _load(name: str, only: list[str]) -> "Matrix":
    from ..matrix import StrategyChoice, load_matrix
    from ..registries import strategies

    matrix = load_matrix(name)
    if not only:
        return matrix
    for each in only:
        strategies.entry(each)
    stated = {choice.name: choice for choice in matrix.strategies}
    return matrix.model_copy(update={"strategies": [stated.get(n, StrategyChoice(name=n)) for n in only]})


def _is_pending(store: "Store", cell: "Cell", retry: bool) -> bool:
    state = store.status(cell.key)
    return state == "missing" or (retry and state != "ok")


def _run_cells(how: _How, store: "Store", matrix: "Matrix", plan: "Plan", pending: list["Cell"]) -> None:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from ..executors.job import Job

    cells = {store.folder(cell.key).resolve(): cell for cell in pending}
    work = [
        Job(
            folder,
            store.references.resolve(),
            source.resolve() if (source := plan.sources.get(cell.key)) else None,
            tuple(path.resolve() for path in how.plugins),
            how.device,
            how.retry,
            matrix.timeout_minutes * 60,
            matrix.memory_gb,
            processes=how.processes,
            deterministic=how.deterministic,
        )
        for folder, cell in cells.items()
    ]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, speed_estimate_period=600) as progress:
        total = sum(cell.points + 1 for cell in pending)
        task = progress.add_task("evaluations", total=total)
        shown = 0.0

        def watch(finished: list[Job], running: list[Job]) -> None:
            nonlocal shown
            if running and time.monotonic() - shown < 1:
                return
            shown = time.monotonic()
            done = sum(cells[job.folder].points + 1 for job in finished)
            done += sum(_points_done(job.folder) for job in running)
            names = ", ".join(f"{c.label} {c.target}@{c.shots}" for c in (cells[job.folder] for job in running))
            text = f"{len(finished)}/{len(pending)} cells · {names}"
            progress.update(task, completed=done, description=text[:70])

        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            how.execute(work, watch)
        except KeyboardInterrupt:
            progress.stop()
            missing = sum(store.status(cell.key) == "missing" for cell in pending)
            again = shlex.join(["graftbench", *sys.argv[1:]])
            _say(f"stopped: {missing} of {len(pending)} cells are left and go on from their checkpoints with: {again}")
            raise typer.Exit(130) from None


def _tune(how: _How, store: "Store", matrix: "Matrix", plan: "Plan") -> "Plan":
    """Run the trials that are not stored yet, in a store of their own; returns the plan with what they chose."""
    from ..store import Store
    from ..tuning import plan_trials, record, tuned_plan

    assert matrix.tune is not None
    trials = plan_trials(plan, matrix.tune.trials)
    tuning = Store(store.root / "tuning", create=True)
    for cell in trials.cells:
        tuning.add(cell)
    if pending := [cell for cell in trials.cells if _is_pending(tuning, cell, how.retry)]:
        _say(f"tuning: {len(pending)} trials to run")
        _run_cells(how, tuning, matrix, trials, pending)
    tuned, choices = tuned_plan(plan, matrix.tune.trials, tuning)
    record(store, choices)
    return tuned


def _say_tuning(plan: "Plan", trials: int, root: Path) -> "Plan":
    """Say how many trials are to run; returns the plan with what they chose if all have ended."""
    from ..store import Store
    from ..tuning import plan_trials, tuned_plan

    wanted = plan_trials(plan, trials).cells
    tuning = Store(root / "tuning") if (root / "tuning").exists() else None
    missing = [c for c in wanted if tuning is None or tuning.status(c.key) == "missing"]
    _say(f"  tuning: {len(wanted)} trials, {len(missing)} of them still to run")
    return plan if tuning is None or missing else tuned_plan(plan, trials, tuning)[0]


def _points_done(folder: Path) -> int:
    curve = folder / "curve.jsonl"
    return curve.read_bytes().count(b"\n") if curve.exists() else 0


def _say_notes(plan: "Plan") -> None:
    for note in dict.fromkeys(plan.notes):
        _say(f"note: {note}")


def _say_forecast(root: Path, matrix: "Matrix", left: "list[Cell]") -> None:
    """Hours and disk of the cells that are left, from what was measured on this machine."""
    from ..devices import choose_device, describe
    from ..estimate import disk_mb
    from ..forecast import disk_sentence, forecast, measurements

    if not left:
        return
    hardware = describe(choose_device("auto"))["hardware"]
    _say(f"  {forecast(left, measurements(root, left[0], hardware)).sentence(hardware)}")
    _say(f"  {disk_sentence(root, len(left), disk_mb(matrix)[0])}")


def _say_power(plan: "Plan", matrix: "Matrix") -> None:
    """What a ranking can show at best, before anything is trained. While cells wait for their sources, their
    augmentations are not known, and each strategy of the matrix counts once."""
    from ...reports.power import plan_power
    from ..rows import REFERENCE_LINES

    labels = {cell.label for cell in plan.cells if cell.strategy not in REFERENCE_LINES}
    asked = [name for name, _ in matrix.variants() if name not in REFERENCE_LINES]
    if strategies := max(len(labels), len(asked)):
        blocks = len(matrix.targets) * len(matrix.shots)
        for sentence in plan_power(strategies, blocks, len(matrix.seeds)).sentences():
            _say(f"  power: {sentence}")


def _say_failure(store: "Store", cell: "Cell") -> None:
    from ..store import read_status

    state = read_status(store.folder(cell.key))
    log = store.folder(cell.key) / "log.txt"
    _say(f"{state['status']}: {cell.label} on {cell.target}@{cell.shots}, seed {cell.seed}: {state['reason']} ({log})")


def _say(text: str) -> None:
    print(text, flush=True)
