"""Cells as a run leaves them, with made-up numbers, for tests of what is done with stores."""

import json
from pathlib import Path

from graftbench.bench.cell import Cell
from graftbench.bench.store import Store, write_status

KID = "kid@efficientnet-lite0-64"
FID = "fid@efficientnet-lite0-64"


def a_cell(seed: int = 0, **changes) -> Cell:
    given = {
        "backbone": "dcgan",
        "resolution": 32,
        "width": 4,
        "source": "toyfaces",
        "source_sha256": "",
        "target": "toycats",
        "shots": 10,
        "strategy": "scratch",
        "params": {},
        "augment": "none",
        "kimg": 1.0,
        "batch": 8,
        "optimisation": {},
        "extractor": "efficientnet-lite0-64",
        "fakes": 24,
        "reals": 32,
        "points": 1,
        "protocol": "held-out",
        "precision": "float32",
        "seed": seed,
    }
    return Cell(**{**given, **changes})


def finish(store: Store, cell: Cell, kid: float, hardware: str = "a CPU", seconds: float = 2.0) -> Path:
    """End a cell ``ok`` with this KID at its end; returns its folder."""
    store.add(cell)
    folder = store.folder(cell.key)
    measured = [{KID: 9.0, FID: 90.0, f"validation_{KID}": 9.0}, {KID: kid, FID: 10 * kid, f"validation_{KID}": kid}]
    curve = [{"kimg": k, "seconds": k * seconds, **point} for k, point in zip((0.0, cell.kimg), measured, strict=True)]
    (folder / "curve.jsonl").write_text("".join(json.dumps(point) + "\n" for point in curve))
    best = min(curve, key=lambda point: point[f"validation_{KID}"])
    final = {
        **measured[-1],
        f"best_{KID}": best[KID],
        f"best_{FID}": best[FID],
        "best_kimg": best["kimg"],
        "train_seconds": seconds * cell.kimg,
        "seconds_per_kimg": seconds,
        "wall_seconds": seconds + 1,
    }
    (folder / "final.json").write_text(json.dumps(final))
    (folder / "generator.safetensors").write_bytes(f"weights {kid}".encode())
    (folder / "samples.png").write_bytes(b"a picture")
    (folder / "log.txt").write_text(f"made on {hardware}\n")
    write_status(folder, "ok", hardware=hardware, device="cpu", threads=1, torch="2", peak_memory_mb=100.0 + seconds)
    return folder


def fail(store: Store, cell: Cell, status: str = "failed", reason: str = "ValueError: x", **facts) -> Path:
    store.add(cell)
    write_status(store.folder(cell.key), status, reason, **{"hardware": "a CPU", **facts})
    return store.folder(cell.key)
