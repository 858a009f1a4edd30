"""One cell in its own process: ``python -m graftbench.bench.worker CELL_FOLDER …``.

Whatever happens is written to the cell's ``status.json``; only a process that dies without a word leaves that to
its parent. The process dies with its parent, and no two of them work on one cell.
"""

import argparse
import ctypes
import faulthandler
import logging
import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType

import filelock

log = logging.getLogger("graftbench")

BUSY = 75
"""Exit code: another process works on this cell (EX_TEMPFAIL)."""
PARENT = "GRAFTBENCH_PARENT"
"""Environment variable: process id of the run that started this worker."""
INTERRUPTED = 130
"""Exit code: asked to stop; the checkpoint is written."""


def main(arguments: list[str] | None = None) -> int:
    """Run the cell unless it is done; returns 0 if it ended ``ok``, 1 if otherwise, ``BUSY`` or ``INTERRUPTED``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--references", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--plugin", type=Path, action="append", default=[])
    parser.add_argument("--memory-gb", type=float, help="a cell that allocates more is stopped (CPU only)")
    parser.add_argument("--retry", action="store_true", help="run a cell again that ended otherwise than ok")
    options = parser.parse_args(arguments)
    faulthandler.enable()
    _die_with_parent()
    stop = _StopRequest()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    lock = filelock.FileLock(options.folder / "lock", blocking=False)
    try:
        with lock:
            return _run(options, stop)
    except filelock.Timeout:
        return BUSY


def _run(options: argparse.Namespace, stop: "_StopRequest") -> int:
    import torch

    from .cell import Cell
    from .devices import choose_device, describe, limit_memory, peak_memory_mb
    from .experiment import Interrupted, run_cell
    from .plugins import load_plugins
    from .store import read_status, write_status
    from .train import Diverged

    ended = read_status(options.folder)["status"]
    if ended == "ok" or (ended != "missing" and not options.retry):
        return 0 if ended == "ok" else 1
    (options.folder / "status.json").unlink(missing_ok=True)
    device = choose_device(options.device)
    if options.memory_gb and device.type == "cpu":
        limit_memory(options.memory_gb)
    facts = {**describe(device), "source_folder": options.source.name if options.source else ""}
    try:
        load_plugins(options.plugin)
        cell = Cell.from_json((options.folder / "spec.json").read_text(encoding="utf-8"))
        log.info("cell %s: %s on %s@%d, seed %d", cell.key, cell.label, cell.target, cell.shots, cell.seed)
        run_cell(cell, options.source, options.folder, options.references, device, stop.is_set)
        status, reason = "ok", ""
    except Interrupted as error:
        log.info("%s", error)
        return INTERRUPTED
    except Diverged as error:
        status, reason = "diverged", str(error)
    except (MemoryError, torch.cuda.OutOfMemoryError) as error:
        status, reason = "out-of-memory", _brief(error)
    except Exception as error:
        out_of_memory = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
        status, reason = "out-of-memory" if out_of_memory else "failed", _brief(error)
        traceback.print_exc(file=sys.stdout)
    log.info("%s %s", status, reason)
    write_status(options.folder, status, reason, peak_memory_mb=round(peak_memory_mb(device), 1), **facts)
    return 0 if status == "ok" else 1


class _StopRequest:
    """Set by SIGTERM and by Ctrl-C; the training looks at it between steps."""

    def __init__(self) -> None:
        self._set = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._set = True

    def is_set(self) -> bool:
        return self._set


def _die_with_parent() -> None:
    """Ask Linux to send SIGKILL when the parent is gone, however it went; elsewhere the cell runs to its end."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)
        if os.environ.get(PARENT, str(os.getppid())) != str(os.getppid()):
            raise SystemExit("the run that started this cell is gone")


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main())
