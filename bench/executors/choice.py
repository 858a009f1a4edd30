"""From ``--executor`` and its options to something that runs jobs."""

import dataclasses
import functools
import importlib.util
from pathlib import Path

from ..errors import UserError, nearest
from ..hyperparameters import parse_settings
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
        given.setdefault("num_cpus", threads or 1)
        where = require_cluster(address)
        return functools.partial(run_ray, slots=slots, address=where, options=RayOptions(threads or 1, **given))
    if name == "slurm":
        from .slurm import SlurmOptions, run_slurm

        own = {f.name for f in dataclasses.fields(SlurmOptions)} - {"parameters"}
        parameters = {option: value for option, value in given.items() if option not in own}
        if device.startswith("cuda"):
            parameters.setdefault("gpus_per_node", 1)
        parameters.setdefault("cpus_per_task", threads or 1)
        chosen = SlurmOptions(parameters, **{option: given[option] for option in given if option in own})
        return functools.partial(run_slurm, folder=store.resolve() / "slurm", slots=slots, options=chosen)
    raise UserError(f"unknown executor {name!r}; {nearest(name, NAMES)}")


def _local(slots: int | None, threads: int | None, device: str) -> Executor:
    from ..devices import choose_device
    from .gpus import Room, visible_gpus
    from .local import run_local

    choose_device(device)
    gpus = visible_gpus(device)
    return functools.partial(run_local, slots=slots or max(1, len(gpus)), threads=threads, gpus=gpus, has_room=Room())
