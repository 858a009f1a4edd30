"""What a store records of the code and the machine that made it."""

import importlib.metadata
import logging
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from .devices import cpu_name

log = logging.getLogger(__name__)

CHECKOUT = Path(__file__).resolve().parent.parent


def describe_environment() -> dict[str, Any]:
    """Versions of all installed packages, commit of the suite (and whether it was changed), and the machine."""
    packages = {d.metadata["Name"]: d.version for d in importlib.metadata.distributions() if d.metadata["Name"]}
    return {
        "graftbench": version(),
        **commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "packages": dict(sorted(packages.items())),
    }


def version() -> str:
    """Of the installed suite; ``uninstalled`` where it runs from its source alone, as it does in a Ray worker."""
    try:
        return importlib.metadata.version("graftbench")
    except importlib.metadata.PackageNotFoundError:
        return "uninstalled"


def commit() -> dict[str, Any]:
    """Commit and dirtiness of the checkout that the suite runs from; empty for an installed wheel, or without git."""
    if not (CHECKOUT / ".git").exists():
        return {"commit": "", "dirty": False}
    return {"commit": _git(CHECKOUT, "rev-parse", "HEAD"), "dirty": bool(_git(CHECKOUT, "status", "--porcelain"))}


def commits_since(commit: str) -> int | None:
    """How many commits after ``commit`` touch what a cell may run; None where git does not know it."""
    if not (CHECKOUT / ".git").exists():
        return None
    counted = _git(CHECKOUT, "rev-list", "--count", f"{commit}..HEAD", "--", "bench", "strategies", "datasets")
    return int(counted) if counted.isdecimal() else None


def _git(folder: Path, *arguments: str) -> str:
    try:
        result = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("git does not tell the commit of %s: %s", folder, error)
        return ""
    return result.stdout.strip()
