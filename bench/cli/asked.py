"""What the commands about a matrix share: how it is named, read and spoken of."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UserError
from ..files import is_url

if TYPE_CHECKING:
    from rich.console import Console

    from ..matrix import Matrix


def here(given: str | Path) -> Path:
    """The ``parser`` of every path: one of a URL would lie in a folder called ``s3:``, and nothing would say so."""
    if is_url(str(given)):
        raise UserError(
            f"{given}: is a URL, and this has to be on this machine; `graftbench push STORE URL` brings a finished "
            "store there, and rows, merge, rank, compare, verify and export read it from there"
        )
    return Path(given)


def console() -> "Console":
    """As wide as the terminal; into a pipe or file, wide enough that no name is cut."""
    from rich.console import Console

    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=1000)


MatrixName = Annotated[str, typer.Argument(help="a shipped matrix (quick, cpu, …) or a YAML file")]
StorePath = Annotated[
    Path | None, typer.Option("--store", parser=here, help="folder of the results; runs/<matrix> if left out")
]
Plugins = Annotated[
    list[Path], typer.Option("--plugin", parser=here, help="a Python file that registers your own components")
]
Only = Annotated[list[str], typer.Option("--strategy", help="this strategy instead of the matrix's (repeatable)")]


def load_asked(name: str, only: list[str]) -> "Matrix":
    """The matrix called ``name``; with ``only``, of its strategies those (as it sets them), or others at defaults."""
    from ..matrix import StrategyChoice
    from ..matrix_file import load_matrix
    from ..registries import strategies

    here(name)
    matrix = load_matrix(name)
    if not only:
        return matrix
    chosen = []
    for each in only:
        strategies.entry(each)
        stated = [choice for choice in matrix.strategies if choice.name == each]
        chosen += stated or [StrategyChoice(name=each)]
    return matrix.model_copy(update={"strategies": chosen})


def say_notes(notes: Iterable[str]) -> None:
    for note in dict.fromkeys(notes):
        say(f"note: {note}")


def say(text: str) -> None:
    """At once, also into a pipe."""
    print(text, flush=True)
