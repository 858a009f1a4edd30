"""``python -m graftbench.bench.executors.supervise FOLDER``: one cell on a node, with the limits of any other.

FOLDER holds ``job.json``, ``cell/``, ``source/`` and ``plugins/``, all sent here.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from ..parent import die_with_parent
from .job import TRAVELLING, Job
from .process import memory_share, start, wait


def main(root: Path) -> None:
    """Run the cell to its end; its status is in its folder."""
    die_with_parent()
    settings = json.loads((root / "job.json").read_text(encoding="utf-8"))
    job = sent_job(root, settings)
    job.references.mkdir()
    neighbours = max(1, int((os.cpu_count() or 1) / max(settings["cpus"], 1)))
    wait(start(job, settings["threads"], memory_share(neighbours)))


def sent_job(root: Path, settings: dict[str, Any]) -> Job:
    """The job that was sent to the folder ``root``, with the limits and ways that it has where it comes from."""
    return Job(
        folder=root / "cell",
        references=root / "references",
        source=root / "source" / settings["source"] if settings["source"] else None,
        plugins=tuple(root / "plugins" / name for name in settings["plugins"]),
        package=root / "package",
        **{name: settings[name] for name in TRAVELLING},
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
