"""Cells as Ray tasks. Everything travels through Ray: no disk is shared, and nodes need only the dependencies."""

import dataclasses
import logging
import math
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import filelock

from ..checkpoint import NEWEST, PREVIOUS, remove_checkpoints
from ..errors import UserError
from ..files import write_atomically
from ..store import read_status, write_status
from . import on_node, staging
from .job import TRAVELLING, Job, Watch

WAIT_SECONDS = 0.5
IN_FLIGHT = 1000
"""Most tasks handed to Ray at a time; each holds a lock file open."""
SENT = ("spec.json", "curve.jsonl", NEWEST, PREVIOUS)


@dataclasses.dataclass(frozen=True)
class RayOptions:
    """What a cell asks of the cluster."""

    threads: int = 1
    num_cpus: float = 1
    num_gpus: float | None = None
    """A part of one lets several cells share a GPU; if this is left out, one for each process of a cell on GPUs."""
    retries: int = 3
    """How often a cell is started again whose machine was lost. A cell that fails by itself never is."""


@dataclasses.dataclass
class _Flying:
    job: Job
    lock: filelock.BaseFileLock


def run_ray(jobs: list[Job], watch: Watch, slots: int | None, address: str | None, options: RayOptions) -> None:
    """Run ``jobs`` on the cluster at ``address``, or on one started here with the cores of ``slots`` cells.

    Ctrl-C cancels what runs: those cells stay missing and start anew, as their checkpoints are on the nodes.
    """
    import ray

    # No usage report is sent from a benchmark.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    start: dict[str, Any] = {"address": address or "local"}
    if address is None:
        cores = math.ceil(slots * options.num_cpus) if slots else os.cpu_count()
        start |= {"num_cpus": cores, "include_dashboard": False}
    stopping = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**start, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        said = str(error).partition("\n")[0]
        hint = "; if it was started with an access token, set RAY_AUTH_MODE=token" if address else ""
        raise UserError(f"Ray at {address or 'this machine'} cannot be used: {said}{hint}") from error
    signal.signal(signal.SIGTERM, stopping)  # Ray has put its own in its place, which ends in a dump of its threads
    try:
        require_room([node["Resources"] for node in ray.nodes() if node["Alive"]], jobs, options)
        _Run(ray, options, watch).run(jobs)
    finally:
        ray.shutdown()


def gpus_asked(job: Job, options: RayOptions, there: float) -> float:
    """GPUs that a cell asks of a cluster with so many. Ray hides them all from a task that asks for none, so that
    ``auto`` would mean the CPU on every node."""
    if options.num_gpus is not None:
        return options.num_gpus
    wanted = job.device.startswith("cuda") or (job.device == "auto" and there > 0)
    return float(job.processes if wanted else 0)


def asked_of_node(job: Job, options: RayOptions, gpus_there: float) -> dict[str, float]:
    """What one node must have free for a cell, as Ray calls it."""
    memory = {"memory": job.memory_gb * 1e9} if job.memory_gb else {}
    return {"CPU": options.num_cpus, "GPU": gpus_asked(job, options, gpus_there), **memory}


def require_room(nodes: list[dict[str, float]], jobs: list[Job], options: RayOptions) -> None:
    """Raise ``UserError`` for a cell that is too large for each of ``nodes``: Ray would wait for another for ever."""
    gpus_there = sum(node.get("GPU", 0.0) for node in nodes)
    for job in jobs:
        asked = asked_of_node(job, options, gpus_there)
        if not any(all(node.get(name, 0.0) >= count for name, count in asked.items()) for node in nodes):
            most = {name: max((node.get(name, 0.0) for node in nodes), default=0.0) for name in asked}
            raise UserError(
                f"a cell asks for {_told(asked)}, and no node of the Ray cluster has that (the most: {_told(most)}); "
                "lower --executor-option num_cpus or num_gpus, --threads, or memory_gb of the matrix"
            )


def _told(resources: dict[str, float]) -> str:
    return ", ".join(
        f"{count / 1e9:.3g} GB of memory" if name == "memory" else f"{count:g} {name}"
        for name, count in resources.items()
    )


class _Run:
    def __init__(self, ray: Any, options: RayOptions, watch: Watch):
        self.ray, self.options, self.watch = ray, options, watch
        # By value: the nodes may lack this package.
        ray.cloudpickle.register_pickle_by_value(sys.modules[on_node.__name__])
        self.package = ray.put(staging.pack())
        self.sources: dict[Path | None, Any] = {}
        self.flying: dict[Any, _Flying] = {}

    def run(self, jobs: list[Job]) -> None:
        waiting, finished = list(jobs), []
        try:
            while waiting or self.flying:
                busy = []
                while waiting and len(self.flying) < IN_FLIGHT:
                    job = waiting.pop(0)
                    if not self._submit(job):
                        busy.append(job)
                waiting += busy
                if self.flying:
                    ended, _ = self.ray.wait(list(self.flying), timeout=WAIT_SECONDS)
                else:
                    ended = []
                    time.sleep(WAIT_SECONDS)
                for reference in ended:
                    flying = self.flying.pop(reference)
                    try:
                        self._collect(reference, flying.job)
                    finally:
                        flying.lock.release()
                    finished.append(flying.job)
                for job in [j for j in waiting if j in busy and read_status(j.folder)["status"] != "missing"]:
                    waiting.remove(job)
                    finished.append(job)
                self.watch(finished, [])
        except BaseException:
            for reference in self.flying:
                self.ray.cancel(reference, force=True)
            raise
        finally:
            for flying in self.flying.values():
                flying.lock.release()

    def _submit(self, job: Job) -> bool:
        """Hand a cell to Ray; False if another run works on it, or has ended it."""
        lock = filelock.FileLock(job.folder / "lock", blocking=False)
        try:
            lock.acquire()
        except filelock.Timeout:
            return False
        ended = read_status(job.folder)["status"]
        if ended == "ok" or (ended != "missing" and not job.retry):
            lock.release()
            return False
        (job.folder / "status.json").unlink(missing_ok=True)
        if job.source not in self.sources:
            self.sources[job.source] = self.ray.put(_read(job.source) if job.source else {})
        asked = asked_of_node(job, self.options, self.ray.cluster_resources().get("GPU", 0.0))
        task = self.ray.remote(on_node.run_on_node).options(
            num_cpus=asked.pop("CPU"),
            num_gpus=asked.pop("GPU"),
            max_retries=self.options.retries,
            retry_exceptions=False,
            scheduling_strategy="SPREAD",
            **asked,  # memory
        )
        inputs = {
            "cell": {name: (job.folder / name).read_bytes() for name in SENT if (job.folder / name).exists()},
            "plugins": {_plugin_name(i, path): path.read_bytes() for i, path in enumerate(job.plugins)},
        }
        reference = task.remote(self.package, self.sources[job.source], inputs, self._settings(job))
        self.flying[reference] = _Flying(job, lock)
        return True

    def _settings(self, job: Job) -> dict[str, Any]:
        return {
            "source": job.source.name if job.source else "",
            "plugins": [_plugin_name(i, path) for i, path in enumerate(job.plugins)],
            "threads": self.options.threads,
            "cpus": self.options.num_cpus,
            **{name: getattr(job, name) for name in TRAVELLING},
        }

    def _collect(self, reference: Any, job: Job) -> None:
        """Store what came back; the status last, as it makes the cell complete."""
        try:
            folders = self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as error:
            write_status(job.folder, "failed", str(error.cause).partition("\n")[0])
            return
        except self.ray.exceptions.RayError as error:
            lost = f"its machine was lost {self.options.retries + 1} times ({type(error).__name__})"
            write_status(job.folder, "killed", f"{lost}; run again with --retry")
            return
        for name, content in folders["references"].items():
            if not (job.references / name).exists():
                write_atomically(job.references / name, content)
        cell = folders["cell"]
        with (job.folder / "log.txt").open("ab") as file:
            file.write(cell.pop("log.txt", b""))
        status = cell.pop("status.json")
        for name, content in cell.items():
            write_atomically(job.folder / name, content)
        write_atomically(job.folder / "status.json", status)
        if read_status(job.folder)["status"] == "ok":
            remove_checkpoints(job.folder)  # those that it went on from


def _read(folder: Path) -> on_node.Files:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def _plugin_name(index: int, path: Path) -> str:
    """Two plug-ins may have the same file name."""
    return f"{index}-{path.name}"
