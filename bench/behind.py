"""How far stored results are behind the code that is here: by the digest of a cell's source, and in commits."""

from collections import Counter
from typing import TYPE_CHECKING, cast

import pandas as pd

from .digest import source_digest
from .environment import commits_since
from .errors import UserError

if TYPE_CHECKING:
    from .cell import Cell

DECISIVE = ["strategy", "backbone", "augment", "extractor", "target", "source"]
"""The parts of a cell whose files its digest covers, beside the engine's."""


def behind(rows: pd.DataFrame, commit: str = "") -> str:
    """A sentence if cells were made by other source than this package's; empty if their digests are the current ones.

    ``commit`` is the one that made them, if known.
    """
    changed: Counter[str] = Counter()
    for each, count in rows.groupby([*DECISIVE, "digest"]).size().items():
        cell = pd.Series(dict(zip([*DECISIVE, "digest"], cast("tuple[str, ...]", each), strict=True)))
        if _current(cell) != cell["digest"]:
            changed[str(cell["strategy"])] += int(count)
    if not changed:
        return ""
    since = commits_since(commit) if commit else None
    made_by = f"commit {commit[:10]}" if commit else "an unknown commit"
    distance = "" if since is None else f", {since} commits to bench/, strategies/ and datasets/ ago"
    digests = sorted(set(rows["digest"]))
    some = ", ".join(digests[:3]) + (", …" if len(digests) > 3 else "")
    return (
        f"{sum(changed.values())} of {len(rows)} cells were made by other source than this package's now ({made_by}"
        f"{distance}; digests {some}): of {', '.join(sorted(changed))}"
    )


def _current(cell: pd.Series) -> str | None:
    """The digest that the cell would have today; None where a component of it is not registered here."""
    try:
        return source_digest(cast("Cell", cell))
    except UserError:
        return None
