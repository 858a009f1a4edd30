"""How a store of very many finished cells is read: ``python -m graftbench.bench.throughput.many_cells FOLDER``.

Makes a store of ``--cells`` finished cells with made-up numbers in FOLDER (real folders and files, as a run leaves
them, but for the pictures and weights), then times ``status`` and ``rows`` as a user calls them: first when nothing
but the cells is there, then when the tables are kept.
"""

import argparse
import json
import logging
import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ..cell import Cell
from ..store import Store

log = logging.getLogger(__name__)

EXTRACTOR = "efficientnet-lite0-64"
METRICS = ("kid", "kid_se", "fid", "precision", "recall", "density", "coverage", "vendi", "intra_diversity", "d1_d2")
POINTS = 5
TARGETS, STRATEGIES = 20, 25


def made_up_cell(index: int) -> Cell:
    """The cell number ``index`` of an endless matrix: strategies, then targets, then seeds."""
    rest, strategy = divmod(index, STRATEGIES)
    seed, target = divmod(rest, TARGETS)
    return Cell(
        backbone="dcgan",
        resolution=32,
        width=32,
        source="toyfaces",
        source_sha256="0" * 64,
        target=f"target-{target:02}",
        shots=10,
        strategy=f"strategy-{strategy:02}",
        params={},
        augment="none",
        kimg=8.0,
        batch=32,
        optimisation={},
        extractor=EXTRACTOR,
        fakes=500,
        reals=1000,
        points=POINTS,
        protocol="held-out",
        precision="float32",
        seed=seed,
        digest="0" * 16,
    )


def made_up_point(kimg: float, rng: random.Random) -> dict[str, Any]:
    measured = {f"{metric}@{EXTRACTOR}": rng.random() for metric in METRICS}
    measured[f"validation_kid@{EXTRACTOR}"] = rng.random()
    return {"kimg": kimg, "seconds": kimg * 2.0, **measured, "n_real": 1000, "n_fake": 500}


def make_store(folder: Path, cells: int) -> Store:
    """A store of ``cells`` finished cells."""
    store = Store(folder, create=True)
    for index in range(cells):
        write_cell(store, index)
    return store


def write_cell(store: Store, index: int) -> None:
    """Write the files of a finished cell. Not by rename: nothing reads them meanwhile."""
    cell, rng = made_up_cell(index), random.Random(index)
    place = store.folder(cell.key)
    place.mkdir(exist_ok=True)
    curve = [made_up_point(cell.kimg * point / POINTS, rng) for point in range(POINTS + 1)]
    final = dict(list(curve[-1].items())[2:]) | {"train_seconds": 16.0, "seconds_per_kimg": 2.0, "wall_seconds": 20.0}
    best = min(curve, key=lambda point: point[f"validation_kid@{EXTRACTOR}"])
    final |= {f"best_{metric}@{EXTRACTOR}": best[f"{metric}@{EXTRACTOR}"] for metric in ("kid", "fid")}
    final |= {"best_kimg": best["kimg"], "parameters": 10**6, "trainable_parameters": 10**6}
    status = {"status": "ok", "reason": "", "hardware": "made up", "device": "cpu", "threads": 1, "torch": "0"}
    (place / "spec.json").write_text(cell.canonical() + "\n")
    (place / "curve.jsonl").write_text("".join(json.dumps(point) + "\n" for point in curve))
    (place / "final.json").write_text(json.dumps(final))
    (place / "status.json").write_text(json.dumps(status | {"peak_memory_mb": 500 + rng.random()}))


def timed(*arguments: str) -> dict[str, float]:
    """Wall and processor seconds, and peak memory in MB, of one graftbench command."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    code = (
        "import resource, sys; from graftbench.bench.cli import main; sys.argv[0] = 'graftbench'\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu, "memory_mb": int(done.stderr.split()[-1]) / 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cells", type=int, default=100_000)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    started = time.perf_counter()
    make_store(options.folder, options.cells)
    log.info("%d cells made in %.0f s", options.cells, time.perf_counter() - started)
    out = str(options.folder / "out.parquet")
    status, rows = ("status", str(options.folder)), ("rows", str(options.folder), "--out", out)
    for name in ("rows.parquet", "curves.parquet"):
        (options.folder / name).unlink(missing_ok=True)
    for kept, command in (("nothing", status), ("nothing", rows), ("tables", status), ("tables", rows)):
        found = timed(*command)
        log.info("%-7s kept: %-6s %s", kept, command[0], {name: round(value, 1) for name, value in found.items()})


if __name__ == "__main__":
    main()
