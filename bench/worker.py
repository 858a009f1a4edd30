"""One cell in its own process: ``python -m graftbench.bench.worker CELL_FOLDER …``.

Whatever happens is written to the cell's ``status.json``; only a process that dies without a word leaves that to
its parent.
"""

import argparse
import faulthandler
import logging
import sys
import traceback
from pathlib import Path

log = logging.getLogger("graftbench")


def main(arguments: list[str] | None = None) -> int:
    """Run the cell; returns 0 if it ended ``ok`` and 1 otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--references", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--plugin", type=Path, action="append", default=[])
    options = parser.parse_args(arguments)
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)

    import torch

    from .cell import Cell
    from .devices import choose_device, describe, peak_memory_mb
    from .experiment import run_cell
    from .plugins import load_plugins
    from .store import write_status
    from .train import Diverged

    device = choose_device(options.device)
    facts = {**describe(device), "source_folder": options.source.name if options.source else ""}
    try:
        load_plugins(options.plugin)
        cell = Cell.from_json((options.folder / "spec.json").read_text(encoding="utf-8"))
        log.info("cell %s: %s on %s@%d, seed %d", cell.key, cell.label, cell.target, cell.shots, cell.seed)
        run_cell(cell, options.source, options.folder, options.references, device)
        status, reason = "ok", ""
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


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main())
