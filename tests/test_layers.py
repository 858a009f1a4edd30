"""Data flows one way (CONTRIBUTING.md): who may import whom."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RUNNERS = {"cli", "executors", "experiment", "planning", "rows", "store", "train", "worker"}
"""Of bench: the runner, the store and the command line."""


def imported(path: Path) -> set[tuple[str, ...]]:
    """What a file imports from this package, as paths below it: ``("bench", "store")``."""
    here = path.relative_to(ROOT).with_suffix("").parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            found.add((*here[: len(here) - node.level], *(node.module or "").split(".")))
            found |= {(*here[: len(here) - node.level], *filter(None, [node.module]), name.name) for name in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("graftbench."):
            found.add(tuple(node.module.split("."))[1:])
    return found


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("bench", {("reports",)}),
        ("strategies", {("reports",), *(("bench", name) for name in RUNNERS - {"train"})}),
        ("datasets", {("reports",), ("strategies",), *(("bench", name) for name in RUNNERS)}),
        ("reports", {("strategies",), *(("bench", name) for name in RUNNERS)}),
    ],
)
def test_no_file_imports_what_comes_after_it(folder, forbidden):
    """The command line joins all of them; a strategy's check trains it."""
    wrong = [
        f"{path.relative_to(ROOT)} imports {'.'.join(each)}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "cli" not in path.parts
        for each in imported(path)
        if any(each[: len(rule)] == rule for rule in forbidden)
    ]
    assert wrong == []
