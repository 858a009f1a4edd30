"""``graftbench check``: looking at one's own strategy or images before they are used."""

from pathlib import Path
from typing import Annotated

import typer

from . import app


@app.command()
def check(
    subjects: Annotated[
        list[str],
        typer.Argument(help="strategy files (my_method.py), installed strategies, or domains (folder:my/photos)"),
    ],
    backbone: Annotated[list[str], typer.Option(help="check strategies on this backbone only (repeatable)")] = [],
    device: Annotated[str, typer.Option(help="where strategies are checked: cpu, cuda or cuda:N")] = "cpu",
):
    """Check a strategy against what every strategy must hold, or show what a domain holds and lacks.

    Exit code 1 if a strategy fails, or a run would refuse a domain as it is.
    """
    from ..devices import choose_device
    from ..errors import UserError, nearest
    from ..registries import domains, strategies
    from .data import check_domain
    from .strategies import check_file, check_strategies

    where = choose_device(device)
    failures = 0
    for subject in subjects:
        if subject.endswith(".py"):
            failures += check_file(Path(subject), backbone, where)
        elif subject in strategies.names():
            failures += check_strategies([subject], backbone, where)
        elif subject.partition(":")[0] in domains.names():
            failures += not check_domain(subject)
        else:
            known = [*strategies.names(), *domains.names()]
            raise UserError(f"no strategy or domain is called {subject!r}; {nearest(subject, known)}")
    if failures:
        raise typer.Exit(1)
