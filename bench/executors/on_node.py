"""What a Ray task does on its node. It travels by value, so it imports nothing that a bare node may lack."""

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from ..parent import PARENT

Files = dict[str, bytes]
"""Content of a folder's files by name."""


def run_on_node(package: bytes, source: Files, inputs: dict[str, Files], settings: dict[str, Any]) -> dict[str, Files]:
    """Run one cell in a process of its own, from the archived ``package``; returns its folder and reference grids.

    ``source`` are the files of the source artefact, ``inputs`` those of the folders ``cell`` and ``plugins``.

    Nothing of it depends on a disk that is shared with the sender. Raises ``RuntimeError`` if the cell could not
    even be started here; a cell that fails says so in its ``status.json``.
    """
    root = Path(tempfile.mkdtemp(prefix="graftbench-"))
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            archive.extractall(root / "package")
        for folder, files in {**inputs, f"source/{settings['source']}": source}.items():
            _write(root / folder, files)
        (root / "job.json").write_text(json.dumps(settings), encoding="utf-8")
        inherited = os.environ.get("PYTHONPATH")  # where a plug-in's own modules may lie
        path = os.pathsep.join(filter(None, [str(root / "package"), inherited]))
        environment = {**os.environ, "PYTHONPATH": path, PARENT: str(os.getpid())}
        command = [sys.executable, "-P", "-m", "graftbench.bench.executors.supervise", str(root)]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if not (root / "cell" / "status.json").exists():
            last = (ended.stderr.strip() or "no output").splitlines()[-1]
            raise RuntimeError(f"the cell could not be run on {os.uname().nodename}: {last}")
        return {"cell": _read(root / "cell"), "references": _read(root / "references")}
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _write(folder: Path, files: Files) -> None:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _read(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name != "lock"}
