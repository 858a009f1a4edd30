"""``python -m graftbench.bench.executors.supervise FOLDER``: one cell on a node, with the limits of any other.

FOLDER holds ``job.json``, ``cell/``, ``source/`` and ``plugins/``, all sent here.
"""

import json
import os
import sys
from pathlib import Path

from ..worker import die_with_parent
from .job import Job
from .process import memory_share, start, wait


def main(root: Path) -> None:
    """Run the cell to its end; its status is in its folder."""
    die_with_parent()
    settings = json.loads((root / "job.json").read_text(encoding="utf-8"))
    source = root / "source" / settings["source"] if settings["source"] else None
    job = Job(
        folder=root / "cell",
        references=root / "references",
        source=source,
        plugins=tuple(root / "plugins" / name for name in settings["plugins"]),
        device=settings["device"],
        timeout_seconds=settings["timeout_seconds"],
        memory_gb=settings["memory_gb"],
        package=root / "package",
    )
    job.references.mkdir()
    neighbours = max(1, int((os.cpu_count() or 1) / max(settings["cpus"], 1)))
    wait(start(job, settings["threads"], memory_share(neighbours)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
