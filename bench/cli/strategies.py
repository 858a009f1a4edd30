"""``graftbench new strategy``, and ``check`` of a file: writing a strategy of one's own."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import app
from .asked import here

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from ...strategies import Strategy

new = typer.Typer(help="Write the commented beginning of a component.", no_args_is_help=True)
app.add_typer(new, name="new")


@new.callback()
def _new() -> None:
    """Write the commented beginning of a component."""


@new.command("strategy")
def new_strategy(
    name: Annotated[str, typer.Argument(help="what matrices and tables call it: lower-case words and hyphens")],
    folder: Annotated[Path, typer.Option(parser=here, help="where the file is written")] = Path(),
):
    """Write a strategy of twenty lines that works, with comments that say what to change."""
    from ..new_strategy import write_new_strategy

    path = write_new_strategy(name, folder)
    print(f"{path}: change it, then run: graftbench check {path}")


def check_file(file: Path, only: list[str], device: "torch.device") -> int:
    """As ``check_strategies``, of those that a file defines."""
    from ..errors import UserError
    from ..plugins import load_plugins
    from ..registries import strategies

    entries = load_plugins([file])
    names = [e.name for e in entries if strategies.entries().get(e.name) == e]
    if not names:
        raise UserError(f"{file}: registers no strategy; import register from graftbench.strategies")
    return check_strategies(names, only, device, f" --plugin {file}")


def check_strategies(names: list[str], only: list[str], device: "torch.device", option: str = "") -> int:
    """Print the conformance checks of registered strategies, on all backbones or only some; returns the failures.

    ``option`` is what loads them on the command line.
    """
    import torch

    from ..registries import backbones, strategies

    torch.set_num_threads(1)  # the sizes are so small that more threads only wait for each other
    chosen = only or backbones.names()
    for each in chosen:
        backbones.entry(each)
    failures = sum(_check(name, strategies.get(name), chosen, device) for name in names)
    if failures:
        print(f"{failures} checks failed")
    else:
        print(f"all checks hold; try it: graftbench run quick{option} --strategy {names[0]}")
    return failures


def _check(name: str, kind: "type[Strategy]", chosen: list[str], device: "torch.device") -> int:
    """Print a line for each check of a strategy; returns how many failed."""
    failures = 0
    started = time.perf_counter()
    print(name)
    for title, failure in _outcomes(kind, chosen, device):
        failures += bool(failure)
        seconds = time.perf_counter() - started
        print(f"  {'FAIL' if failure else 'ok':4} {seconds:6.1f} s  {title}", flush=True)
        if failure:
            print(f"        {failure}")
        started = time.perf_counter()
    return failures


def _outcomes(kind: "type[Strategy]", chosen: list[str], device: "torch.device") -> "Iterator[tuple[str, str]]":
    """What was checked, and why it failed (empty if it holds). The cost is always measured on the CPU."""
    from ...strategies.conformance import conformance
    from ...strategies.tiny import tiny_backbone

    broken = False
    for backbone in chosen:
        for outcome in conformance(kind, tiny_backbone(backbone), device):
            broken = broken or bool(outcome.failure)
            yield f"{backbone}: {outcome.check}", outcome.failure
    if kind.trains and not broken:
        yield _cost(kind)


def _cost(kind: "type[Strategy]") -> tuple[str, str]:
    from ...strategies.conformance import told
    from ...strategies.step_cost import Contender, relative_step_costs
    from ..backbones import make_backbone
    from ..errors import UserError

    try:
        cost = relative_step_costs({"it": Contender(kind)}, make_backbone("dcgan", 32, 32), batch=16, rounds=1)["it"]
    except UserError as error:
        return "cost of a step", str(error)
    except Exception as error:  # the strategy's own, which it has only at this size
        return "cost of a step", told(error, kind)
    bound, _ = kind.max_relative_cost
    too_dear = f"its bound is {bound:g}: make it cheaper, or set max_relative_cost and say why"
    return f"a step costs {cost:.1f} times one of finetune", too_dear if cost > bound else ""
