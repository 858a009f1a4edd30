"""One cell in its own process: ``python -m graftbench.bench.worker CELL_FOLDER …``.

Whatever happens is written to the cell's ``status.json``; only a process that dies without a word leaves that to
its parent. The process dies with its parent, and no two of them work on one cell.
"""

import argparse
import contextlib
import faulthandler
import logging
import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import filelock

from .errors import Diverged, UserError, place_in
from .files import UNWRITABLE
from .parent import die_with_parent
from .store import read_status, write_status

if TYPE_CHECKING:
    import torch

    from .cell import Cell

log = logging.getLogger("graftbench")

BUSY = 241
"""Exit code: another process works on this cell. This and those below are numbers that no strategy, shell or signal is
likely to end a process with, so that nobody else's pass for them."""
INTERRUPTED = 242
"""Exit code: asked to stop; the checkpoint is written."""
CHANGED = 243
"""Exit code: the code or the images are others than the cell was planned with; the cell stays missing."""
CODE_HAS_CHANGED = "the code has changed since this cell was planned; run `graftbench run` again"
IMAGES_HAVE_CHANGED = "the images have changed since this cell was planned; run `graftbench run` again"
DISK = 244
"""Exit code: the cell's folder cannot be written; the cell stays missing."""


def main() -> int:
    """Run the cell unless it has ended; returns 0 if it is ``ok``, 1 if not, or one of the codes above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--references", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--plugin", type=Path, action="append", default=[])
    parser.add_argument("--memory-gb", type=float, help="a cell that allocates more is stopped (CPU only)")
    parser.add_argument("--retry", action="store_true", help="run a cell again that ended otherwise than ok")
    parser.add_argument("--checkpoint-seconds", type=float, default=60.0, help="training between two checkpoints")
    parser.add_argument("--processes", type=int, default=1, help="that train the cell together, on one GPU each")
    parser.add_argument("--deterministic", action="store_true", help="equal runs on a GPU give equal bits")
    options = parser.parse_args()
    faulthandler.enable()
    die_with_parent()
    stop = _StopRequest()
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # what a strategy raises may not be text
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    if int(os.environ.get("RANK", "0")) > 0:
        return _follow(options, stop)
    try:
        with filelock.FileLock(options.folder / "lock", blocking=False):
            for left in options.folder.glob(".*.tmp"):  # of a worker that was killed while it wrote (files.replacing)
                left.unlink()
            ended = read_status(options.folder)["status"]
            if ended == "ok" or (ended != "missing" and not options.retry):
                return 0 if ended == "ok" else 1
            return _run(options, stop)
    except filelock.Timeout:
        return BUSY
    except Exception as error:
        if not is_unwritable(error):
            raise
        with contextlib.suppress(OSError):  # the log may lie on the same disk
            traceback.print_exc(file=sys.stdout)
        return DISK


def _run(options: argparse.Namespace, stop: "_StopRequest") -> int:
    from . import parallel
    from .cell import Cell
    from .checkpoint import remove_checkpoints
    from .devices import choose_device, describe, memory_limit, peak_memory_mb
    from .experiment import Interrupted
    from .followers import FollowerKilled, followers
    from .plugins import load_plugins

    (options.folder / "status.json").unlink(missing_ok=True)
    try:
        device = choose_device(options.device)
    except UserError as error:  # on another machine than the one that was asked
        log.info("%s", error)
        write_status(options.folder, "failed", _brief(error))
        return 1
    limit = memory_limit(options.memory_gb) if device.type == "cpu" else contextlib.nullcontext()
    facts = {
        **describe(device),
        "processes": options.processes,
        "deterministic": options.deterministic,
        "source_folder": options.source.name if options.source else "",
    }
    try:
        command = ["-m", "graftbench.bench.worker", *sys.argv[1:]]
        with limit, followers(options.processes, command, parallel.local_device(device)):
            load_plugins(options.plugin)
            cell = Cell.from_json((options.folder / "spec.json").read_text(encoding="utf-8"))
            if cell.with_digest().digest != cell.digest:  # its key would name numbers of other code
                raise _HasChanged(CODE_HAS_CHANGED)
            if cell.data and not _has_images(cell):  # and of other images
                raise _HasChanged(IMAGES_HAVE_CHANGED)
            log.info("cell %s: %s on %s@%d, seed %d", cell.key, cell.label, cell.target, cell.shots, cell.seed)
            _run_cell(options, cell, device, stop)
        status, reason = "ok", ""
    except Interrupted as error:
        log.info("%s", error)
        return INTERRUPTED
    except _HasChanged as error:
        log.info("%s", error)
        return CHANGED
    except Diverged as error:
        status, reason = "diverged", str(error)
    except FollowerKilled as error:
        status, reason = "killed", str(error)
        traceback.print_exc(file=sys.stdout)
    except SystemExit as error:  # or its code would pass for one of those above
        status, reason = "failed", f"{_brief(error)}: the strategy ended the process"
        traceback.print_exc(file=sys.stdout)
    except Exception as error:
        if is_unwritable(error) and not _is_of_plugin(error, options.plugin):
            raise
        status, reason = "out-of-memory" if _is_out_of_memory(error) else "failed", _brief(error)
        traceback.print_exc(file=sys.stdout)
    log.info("%s %s", status, reason)
    write_status(options.folder, status, reason, peak_memory_mb=round(peak_memory_mb(device), 1), **facts)
    if status == "ok":  # not before: a kill in between would throw the training away
        remove_checkpoints(options.folder)
    return 0 if status == "ok" else 1


def _run_cell(options: argparse.Namespace, cell: "Cell", device: "torch.device", stop: "_StopRequest") -> None:
    from . import parallel
    from .experiment import run_cell

    run_cell(
        cell,
        options.source,
        options.folder,
        options.references,
        parallel.local_device(device),
        stop.is_set,
        options.checkpoint_seconds,
        options.deterministic,
    )


def _follow(options: argparse.Namespace, stop: "_StopRequest") -> int:
    """Train in step with the first process, which holds the lock, measures and writes."""
    from . import parallel
    from .cell import Cell
    from .devices import choose_device
    from .experiment import Interrupted
    from .plugins import load_plugins

    device = choose_device(options.device)
    parallel.join(parallel.local_device(device))
    try:
        load_plugins(options.plugin)
        cell = Cell.from_json((options.folder / "spec.json").read_text(encoding="utf-8"))
        _run_cell(options, cell, device, stop)
    except Interrupted:
        return INTERRUPTED
    except Diverged:  # as the first process does, which records it
        return 1
    finally:
        parallel.leave()
    return 0


def is_unwritable(error: Exception) -> bool:
    """A disk that is full, read-only or not ours: the cell is not to blame."""
    return isinstance(error, OSError) and error.errno in UNWRITABLE


def _is_of_plugin(error: Exception, plugins: list[Path]) -> bool:
    """Whether the error passed through code of a plug-in or of another distribution's component: what that opens or
    writes is its own affair."""
    from .plugins import foreign_files

    return any(place_in(path, error) for path in (*(path.resolve() for path in plugins), *foreign_files()))


def _is_out_of_memory(error: Exception) -> bool:
    import torch

    said = isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("can't allocate memory", "bad_alloc", "out of memory")
    )
    return said or isinstance(error, MemoryError | torch.cuda.OutOfMemoryError)


def _has_images(cell: "Cell") -> bool:
    """Whether the user's own images are still those that the cell was planned with."""
    from .planning import own_images

    return own_images(cell.source, cell.target) == cell.data


class _HasChanged(Exception):
    """The cell was planned with other code, or with other images, than are here."""


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


def _brief(error: BaseException) -> str:
    """In one line that any file can hold: the name of a file may be no text."""
    said = f"{type(error).__name__}: {error}".partition("\n")[0]
    return said.encode("utf-8", "backslashreplace").decode()


if __name__ == "__main__":
    sys.exit(main())
