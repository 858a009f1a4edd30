"""What ``graftbench list domains`` shows of a domain, found out without importing torch."""

import ast
from pathlib import Path

from ..bench.errors import UserError
from ..bench.registries import domains
from ..bench.registry import Entry


def overview(entry: Entry) -> tuple[str, str, str]:
    """How many images a domain has, whether its files are here, and its licence: three cells of a table.

    All are empty for families that need an argument, and for modules that need torch, which draw their images.
    """
    if entry.file.endswith(".py") and _needs_torch(Path(entry.file)):
        return "", "", ""
    try:
        domain = domains.get(entry.name)(entry.name)
        images = domain.about.images
    except UserError:
        return "", "", ""
    present = "yes" if domain.present() else {"by hand": "by hand"}.get(domain.about.how, "fetch")
    return f"{images:,}" if images else "", present, domain.about.licence


def _needs_torch(file: Path) -> bool:
    """Whether a module imports torch at its top level."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        if any(name.partition(".")[0] == "torch" for name in names):
            return True
    return False
