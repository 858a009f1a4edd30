"""From ``--executor`` and its options to something that runs jobs."""

import dataclasses
import functools
import importlib.util
import typing
from collections.abc import Set
from pathlib import Path
from typing import Any

from ..errors import UserError, nearest
from ..hyperparameters import check_type, parse_settings
from .job import Executor

NAMES = ("local", "ray", "slurm")
MODULES = {"ray": "ray", "slurm": "submitit"}
"""What the optional executors import."""


def choose_executor(
    name: str,
    *,
    store: Path,
    slots: int | None,
    threads: int | None,
    device: str,
    address: str | None,
    options: list[str],
    processes: int = 1,
) -> Executor:
    """The executor called ``name``. ``slots`` limits the cells side by side, each has so many ``threads``.

    Unlike its place, the number of threads shows in a cell's numbers: sums are rounded in another order.
    ``options`` are NAME=VALUE strings.

    Raises ``UserError`` for an unknown name or option, and for a device or a cluster that is not there.
    """
    given = parse_settings(options, "--executor-option", "num_gpus=0.5")
    if name in MODULES and importlib.util.find_spec(MODULES[name]) is None:
        raise UserError(f"the executor {name} needs {MODULES[name]}: pip install 'graftbench[{name}]'")
    if name == "local":
        if given or address:
            raise UserError("--address and --executor-option are for the executors ray and slurm")
        return _local(slots, threads, device)
    if name == "ray":
        from .ray_address import require_cluster
        from .ray_cluster import RayOptions, run_ray

        known = [field.name for field in dataclasses.fields(RayOptions) if field.name != "threads"]
        if unknown := next((option for option in given if option not in known), None):
            raise UserError(f"the executor ray has no option {unknown!r}; {nearest(unknown, known)}")
        _check(given, RayOptions, set(known))
        given.setdefault("num_cpus", threads or 1)
        where = require_cluster(address)
        return functools.partial(run_ray, slots=slots, address=where, options=RayOptions(threads or 1, **given))
    if name == "slurm":
        from .slurm import SlurmOptions, make_executor, run_slurm

        own = {f.name for f in dataclasses.fields(SlurmOptions)} - {"parameters", "threads"}
        _check(given, SlurmOptions, own)
        parameters = {option: value for option, value in given.items() if option not in own}
        if device.startswith("cuda"):
            parameters.setdefault("gpus_per_node", processes)
        parameters.setdefault("cpus_per_task", threads or 1)
        chosen = SlurmOptions(parameters, threads=threads, **{name: given[name] for name in given if name in own})
        folder = store.resolve() / "slurm"
        make_executor(folder, slots, chosen)  # what submitit refuses is said before anything is trained
        return functools.partial(run_slurm, folder=folder, slots=slots, options=chosen)
    raise UserError(f"unknown executor {name!r}; {nearest(name, NAMES)}")


def _check(given: dict[str, Any], options: type, own: Set[str]) -> None:
    """Convert what is given of the fields ``own`` of ``options`` to their types.

    Raises ``UserError`` for other types and too small numbers.
    """
    kinds = typing.get_type_hints(options)
    for name in own & given.keys():
        kind = kinds[name]
        kind = float if kind == float | None else kind
        given[name] = value = check_type(given[name], kind, f"--executor-option {name}")
        least = 1 if name == "cells_per_task" else 0
        if not isinstance(value, str) and value < least:
            raise UserError(f"--executor-option {name} must be at least {least}, not {value:g}")


def _local(slots: int | None, threads: int | None, device: str) -> Executor:
    from ..devices import choose_device
    from .gpus import Room, visible_gpus
    from .local import run_local

    choose_device(device)
    gpus = visible_gpus(device)
    return functools.partial(run_local, slots=slots or max(1, len(gpus)), threads=threads, gpus=gpus, has_room=Room())
