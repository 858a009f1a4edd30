"""``graftbench run``: making a benchmark."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import app
from .asked import MatrixName, Only, Plugins, StorePath, load_asked, say, say_notes
from .pretraining import Device, train_missing
from .progress import How, run_cells

if TYPE_CHECKING:
    from ..cell import Cell
    from ..matrix import Matrix
    from ..planning import Plan
    from ..store import Store


@app.command()
def run(
    matrix: MatrixName,
    store: StorePath = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="cells side by side; one, or one per GPU, if left out")
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, max=4096, help="CPU threads of each cell; the cores shared among them if left out"),
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
    from ..errors import UserError

    try:
        Path.cwd()
    except FileNotFoundError as error:  # torch's libraries would end the process without a word of use
        raise UserError("the folder that this command runs in is gone; change to another") from error

    from ..finished import decided_by, remember, to_remember
    from ..plugins import load_plugins

    if processes > 1 and device.startswith("cuda:"):
        raise UserError(f"--device {device} is one GPU; write --device cuda with --processes {processes}")
    load_plugins(plugin)
    asked = load_asked(matrix, strategy)
    root = store or Path("runs") / asked.name
    can_refuse = executor != "local" or device not in ("auto", "cpu") or address or executor_option
    decided = decided_by(asked)
    if not can_refuse and said_to_be_finished(root, asked, decided, report=report, whole=not strategy):
        return

    from ..executors.choice import choose_executor
    from ..files import write_atomically, write_json
    from ..matrix_file import dump_matrix
    from ..planning import plan_matrix
    from ..store import Store

    execute = choose_executor(
        executor,
        store=root,
        slots=jobs if processes == 1 else jobs or 1,  # such a cell takes all GPUs
        threads=threads,
        device=device,
        address=address,
        options=executor_option,
        processes=processes,
    )
    how = How(execute, device, plugin, retry, processes, deterministic)
    plan = plan_matrix(asked)
    opened = Store(root, create=True)  # not before: a mistake leaves no store behind
    plan = _settled(how, opened, asked, plan)
    for cell in plan.cells:
        opened.add(cell)
    again, superseded = 0, 0
    if len(opened.cell_keys()) > len(plan.cells):
        from ..rows import make_count

        again, superseded = make_count(opened, [cell.key for cell in plan.cells])
    finished = to_remember(opened, asked, plan, decided, superseded)
    if not strategy:
        write_atomically(opened.root / "matrix.yaml", dump_matrix(asked))
    pending = [cell for cell in plan.cells if _is_pending(opened, cell, retry)]
    _say_remarks(plan.notes, superseded, opened)
    if not pending:
        _say_nothing_to_do(len(plan.cells), asked, opened)
    else:
        from ..environment import describe_environment

        write_json(opened.root / "environment.json", describe_environment())
        run_cells(how, opened, asked, plan, pending)
    if report and (pending or again or not _page(opened).exists()):
        from .reporting import write_store_report

        write_store_report(opened)
    if pending:
        from ..rows import read_curves, read_rows

        read_rows(opened)  # keeps the tables, so that reading a large store stays quick
        read_curves(opened)
    all_ok = _say_end(opened, plan.cells, ran=bool(pending))
    if report:
        _say_report(opened)
    if not all_ok:
        raise typer.Exit(1)
    if finished is not None:
        remember(opened, finished)


def said_to_be_finished(root: Path, asked: "Matrix", decided: str, *, report: bool, whole: bool) -> bool:
    """Whether that is known without a plan, and said; a run would leave its ``report`` and, of a ``whole`` matrix, its
    text."""
    from ..finished import recall
    from ..matrix_file import dump_matrix
    from ..store import Store

    finished = recall(root, decided)
    if finished is None:
        return False
    store, text = Store(root), root / "matrix.yaml"
    if (report and not _page(store).exists()) or (
        whole and not (text.is_file() and text.read_bytes() == dump_matrix(asked).encode())
    ):
        return False
    _say_remarks(finished.notes, finished.superseded, store)
    _say_nothing_to_do(len(finished.planned), asked, store)
    if report:
        _say_report(store)
    return True


def _say_remarks(notes: list[str], superseded: int, store: "Store") -> None:
    say_notes(notes)
    if superseded:
        say(
            f"{superseded} earlier results in {store.root} do not count any more (other code, source model, images or "
            "tuning); they are kept"
        )


def _say_nothing_to_do(cells: int, asked: "Matrix", store: "Store") -> None:
    say(f"nothing to do: all {cells} cells of {asked.name} are in {store.root}")


def _page(store: "Store") -> Path:
    return store.report / "index.html"


def _say_report(store: "Store") -> None:
    say(f"report: {_page(store).resolve()}")


def _settled(how: How, store: "Store", asked: "Matrix", plan: "Plan") -> "Plan":
    """The plan once its sources are trained and its hyper-parameters chosen."""
    from ..planning import plan_matrix

    if plan.to_pretrain:
        train_missing(plan.to_pretrain, asked.evaluation.extractor, how.device)
        plan = plan_matrix(asked)
    return _tune(how, store, asked, plan) if asked.tune else plan


def _say_end(store: "Store", cells: "list[Cell]", *, ran: bool) -> bool:
    """Say how the cells ended, unless all did well before; returns whether all did."""
    ended = Counter(store.status(cell.key) for cell in cells)
    all_ok = ended["ok"] == len(cells)
    if all_ok and not ran:
        return True
    said = ", ".join(f"{count} {status}" for status, count in ended.most_common())
    say(said if ran else f"{said}; --retry runs again what did not end ok")
    for cell in cells:
        if store.status(cell.key) not in ("ok", "missing"):
            _say_failure(store, cell)
    if left := ended["missing"]:  # their workers said so
        say(
            f"{left} cells were not run: the code or the images have changed since they were planned; run "
            "`graftbench run` again"
        )
    return all_ok


def _is_pending(store: "Store", cell: "Cell", retry: bool) -> bool:
    state = store.status(cell.key)
    return state == "missing" or (retry and state != "ok")


def _tune(how: How, store: "Store", matrix: "Matrix", plan: "Plan") -> "Plan":
    """Run the trials that are not stored yet, in a store of their own; returns the plan with what they chose."""
    from ..store import Store
    from ..tuning import plan_trials, record, tuned_plan

    assert matrix.tune is not None
    trials = plan_trials(plan, matrix.tune.trials)
    tuning = Store(store.root / "tuning", create=True)
    for cell in trials.cells:
        tuning.add(cell)
    if pending := [cell for cell in trials.cells if _is_pending(tuning, cell, how.retry)]:
        say(f"tuning: {len(pending)} trials to run")
        run_cells(how, tuning, matrix, trials, pending)
    tuned, choices = tuned_plan(plan, matrix.tune.trials, tuning)
    record(store, choices)
    return tuned


def _say_failure(store: "Store", cell: "Cell") -> None:
    from ..store import read_status

    state = read_status(store.folder(cell.key))
    log = store.folder(cell.key) / "log.txt"
    say(f"{state['status']}: {cell.label} on {cell.target}@{cell.shots}, seed {cell.seed}: {state['reason']} ({log})")
