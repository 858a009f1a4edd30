"""The results of a bundle as a section of the README, between two markers."""

import os
from pathlib import Path

from ..bench.errors import UserError
from ..bench.files import write_atomically
from .bundle import Bundle
from .formats import to_markdown
from .tables import subject_tables

BEGIN, END = "<!-- results -->", "<!-- /results -->"


def results_section(bundle: Bundle, folder: str = "reports/results") -> str:
    """The bundle's first table of quality (KID) in Markdown, with where it comes from: ``folder``, as the README says.

    Raises ``UserError`` if no cell of it was measured."""
    table = next(subject_tables(bundle.rows, "quality"), None)
    if table is None:
        raise UserError("the bundle holds no cell whose quality was measured, so there is no table of results")
    machine = ", ".join(sorted(bundle.rows["hardware"].dropna().unique()))
    commit = str(bundle.environment.get("commit", ""))[:10]
    made = f"commit {commit} on {machine}" if commit else f"on {machine}"
    command = "graftbench readme" + ("" if folder == "reports/results" else f" --bundle {folder}")
    return f"{to_markdown(table).strip()}\n\nFrom `{folder}/` ({made}); `{command}` remakes this section."


def with_results(readme: str, section: str) -> str:
    """``readme`` with ``section`` between its markers. Raises ``UserError`` if it has no markers."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"the README has no place for results: put {BEGIN} and {END} on lines of their own")
    return f"{before}{BEGIN}\n{section}\n{END}{after}"


def update_readme(path: Path, bundle: Bundle, folder: Path) -> None:
    """Put the results of the bundle in ``folder`` into the file. Raises ``UserError`` if it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); give the README that has {BEGIN}") from error
    place = Path(os.path.relpath(folder, path.parent)).as_posix()
    write_atomically(path, with_results(text, results_section(bundle, place)))
