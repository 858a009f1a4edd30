"""Run the suite exclusively: one at a time, on pinned threads, on a machine that is otherwise idle."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import filelock
import pandas as pd

from ..errors import UserError
from ..files import cache_root
from ..pinning import pinned

BUSY_SHARE = 0.25
"""Load average per core, before anything is started, above which a machine counts as busy."""
SUITE = Path(__file__).parent


def load() -> float:
    """Runnable processes per core, averaged over a minute."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def run_suite(
    folder: Path,
    workload: str,
    strategies: Sequence[str] = (),
    backbones: Sequence[str] = (),
    rounds: int = 5,
    turns: int = 3,
    threads: int = 1,
    allow_busy: bool = False,
) -> Path:
    """Measure, and store the result in pytest-benchmark's storage under ``folder``; returns the JSON file.

    ``workload`` is a ``Workload`` as JSON. Raises ``UserError`` if the machine is busy (unless ``allow_busy``: the
    result is then flagged), if another measurement runs, or if a measurement fails.
    """
    before = load()
    busy = before > BUSY_SHARE
    if busy and not allow_busy:
        raise UserError(
            f"the machine is busy (load {before:.2f} per core, at most {BUSY_SHARE} is taken as idle): "
            "speeds would be wrong; wait, or give --allow-busy to have them measured and flagged"
        )
    folder.mkdir(parents=True, exist_ok=True)
    known = set(folder.rglob("*.json"))
    command = [
        *(sys.executable, "-P", "-m", "pytest", str(SUITE), "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
        *("-c", str(SUITE / "pytest.ini"), "--rootdir", str(SUITE)),
        *(f"--benchmark-storage={folder.resolve().as_uri()}", "--benchmark-autosave", "--benchmark-disable-gc"),
        *("--workload", workload, "--rounds", str(rounds), "--turns", str(turns)),
        *("--strategies", ",".join(strategies), "--backbones", ",".join(backbones)),
    ]
    # Started from a test run, it would take itself for a part of that, and pytest-benchmark would measure nothing.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = {
        **inherited,
        **pinned(threads),
        "GRAFTBENCH_LOAD_BEFORE": f"{before:.2f}",
        "GRAFTBENCH_BUSY": "yes" if busy else "no",
    }
    lock = cache_root() / "throughput.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(lock, blocking=False):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except filelock.Timeout as error:
        raise UserError(f"another throughput measurement is running ({lock} is held); wait for its end") from error
    if done.returncode:
        log = folder / "failed.txt"
        log.write_text(done.stdout + done.stderr)
        raise UserError(f"the throughput suite failed; its output is in {log}")
    (result,) = set(folder.rglob("*.json")) - known
    return result


def read_results(path: Path) -> pd.DataFrame:
    """One row per strategy and backbone of a stored result, with the machine it was measured on.

    Speeds are the median turn's; ``training_range`` and ``sampling_range`` are the turns' range over it.
    """
    try:
        return _results(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: is no stored throughput result ({error!r}); move or delete it") from error


def _results(content: dict[str, Any]) -> pd.DataFrame:
    entries, machine = list(content["benchmarks"]), content["machine_info"]
    rows: dict[tuple, dict] = {}
    speeds: dict[tuple, dict[str, list[float]]] = {}
    for entry in entries:
        info = dict(entry["extra_info"])
        identity = tuple(info[key] for key in ("strategy", "backbone", "resolution", "batch", "precision", "device"))
        speeds.setdefault(identity, {}).setdefault(info.pop("phase"), []).append(info.pop("images_per_second"))
        rows.setdefault(identity, {}).update(info)
    for identity, row in rows.items():
        for phase, found in speeds[identity].items():
            row[f"{phase}_images_per_second"] = speed = statistics.median(found)
            row[f"{phase}_range"] = (max(found) - min(found)) / speed
        row["seconds_per_kimg"] = 1000 / row["training_images_per_second"]
    return pd.DataFrame(rows.values()).assign(
        measured=content.get("datetime", ""),
        **{key: machine[key] for key in ("hardware", "threads", "torch", "load_before", "load_after", "busy")},
    )
