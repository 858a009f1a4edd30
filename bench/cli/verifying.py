"""``graftbench verify``: is a store, or a results bundle, what it says it is?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import app
from .asked import here

if TYPE_CHECKING:
    import pandas as pd

    from ..store import Store
    from ..verification import Check

SHOWN = 20


@app.command()
def verify(
    store: Annotated[str, typer.Argument(help="folder of a benchmark, or of a results bundle, or its URL")],
    rerun: Annotated[int, typer.Option(min=1, help="so many finished cells are run again and compared")] = 1,
    no_rerun: Annotated[bool, typer.Option("--no-rerun", help="run no cell again")] = False,
    plugin: Annotated[
        list[Path], typer.Option("--plugin", parser=here, help="the Python file of the cells' components")
    ] = [],
):
    """Recompute all derived numbers, check all hashes, run a cell again; exits with 1 if anything does not agree."""
    from ...reports.bundle import MANIFEST
    from ..plugins import load_plugins
    from ..remote import local

    load_plugins(plugin)
    with local(store) as folder:
        if (folder / MANIFEST).is_file():
            checks = _bundle_checks(folder)
        else:
            checks = _store_checks(folder, 0 if no_rerun else rerun, tuple(plugin))
    wrong = 0
    for check in checks:
        wrong += len(check.problems)
        verdict = "MISMATCH" if check.problems else "ok" if check.checked else "not checked"
        print(f"{verdict:12}{check.name}: {check.checked}")
        for problem in check.problems[:SHOWN]:
            print(f"            {problem}")
        if len(check.problems) > SHOWN:
            print(f"            … and {len(check.problems) - SHOWN} more")
        for note in check.notes:
            print(f"            note: {note}")
    print(f"{store}: {f'{wrong} mismatches' if wrong else 'all that was checked agrees'}")
    if wrong:
        raise typer.Exit(1)


def _bundle_checks(folder: Path) -> "list[Check]":
    from ...reports.bundle import check_bundle, read_bundle
    from ..behind import behind
    from ..errors import UserError
    from ..verification import Check

    hashes = Check("files against the manifest", 1)
    try:
        check_bundle(folder)
    except UserError as error:
        hashes.problems.append(str(error))
        return [hashes]
    bundle = read_bundle(folder)
    headlines = verify_headlines(bundle.rows, bundle.curves)
    if sentence := behind(bundle.rows, str(bundle.environment.get("commit", ""))):
        headlines.notes.append(sentence)
    return [hashes, headlines]


def _store_checks(folder: Path, rerun: int, plugins: tuple[Path, ...]) -> "list[Check]":
    from ..rerun import verify_by_rerunning
    from ..store import Store
    from ..verification import verify_cells

    store = Store(folder)
    checks = verify_cells(store)
    if any(check.problems for check in checks[:2]):
        checks[1].notes.append("tables are not looked at before these are mended")
        return checks
    checks += [*verify_tables(store), _tables_check(store), verify_kept_once(store)]
    if rerun:
        checks.append(verify_by_rerunning(store, rerun, plugins))
    return checks


def verify_tables(store: "Store") -> "list[Check]":
    """The kept tables against the cells, and final numbers against curves."""
    from ...reports.consistency import frame_problems
    from ..rows import read_cells, read_curves, read_rows
    from ..verification import Check

    rows, curves = read_cells(store)
    kept = frame_problems(read_rows(store, superseded=True), rows, "rows.parquet")
    points = frame_problems(read_curves(store), curves, "curves.parquet") if len(curves) else []
    return [
        Check("rows.parquet against the cells", len(rows), kept),
        Check("curves.parquet against the cells", len(curves), points),
        verify_headlines(rows, curves),
    ]


def verify_headlines(rows: "pd.DataFrame", curves: "pd.DataFrame") -> "Check":
    """Final and best numbers against the curves."""
    from ...reports.consistency import headline_problems
    from ..verification import Check

    finished = int((rows["status"] == "ok").sum()) if len(rows) else 0
    return Check("final and best numbers against the curves", finished, headline_problems(rows, curves))


def verify_kept_once(store: "Store") -> "Check":
    """What a store has one of."""
    from ..errors import UnknownName, UserError
    from ..matrix_file import load_matrix
    from ..outcome import read_json
    from ..verification import Check

    check = Check("environment and matrix", 0)
    for name, read in (("environment.json", read_json), ("matrix.yaml", lambda path: load_matrix(str(path)))):
        if (store.root / name).is_file():
            check.checked += 1
            try:
                read(store.root / name)
            except UnknownName as error:
                check.notes.append(f"{error}; if a plug-in has it, give --plugin FILE")
            except UserError as error:
                check.problems.append(str(error))
    return check


def _tables_check(store: "Store") -> "Check":
    """The report's tables against the rows."""
    from ...reports.consistency import table_problems
    from ...reports.ladder import known_ladders
    from ..errors import UserError
    from ..verification import Check
    from .reporting import TARGETS, kid_columns, read_reported

    check, folder = Check("the report's tables against the rows", 0), store.report / "tables"
    if not folder.is_dir():
        check.notes.append("there is no report; `graftbench report` writes one")
        return check
    rows, curves = read_reported(store)
    try:
        ladders = {m: known_ladders(store.root / TARGETS, rows, curves, m) for m in kid_columns(rows, curves)}
    except UserError as error:
        check.problems.append(str(error))
        return check
    check.checked = len(list(folder.glob("*.csv")))
    check.problems = table_problems(rows, curves, ladders, folder)
    if check.problems:
        check.notes.append("a report that is older than the rows is written again by `graftbench report`")
    return check
