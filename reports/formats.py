"""Tables as Markdown, CSV and HTML; LaTeX is in `reports.latex`. All of them escape names."""

import csv
import io
import re
from html import escape

from .table import Measured, Table, Value, marked, text

SUFFIX = {"": "", "best": "", "worse": "", "tied": " ≈", "untestable": " ?"}


def to_markdown(table: Table) -> str:
    """GitHub's tables; the best in bold, ties with ``≈``."""
    lines = [f"**{escape_markdown(table.title)}**", ""]
    lines.append("| " + " | ".join(escape_markdown(name) for name in table.head) + " |")
    lines.append("|" + "|".join(" --- " if not index else " ---: " for index in range(len(table.head))) + "|")
    lines += ["| " + " | ".join(map(markdown_cell, row)) + " |" for row in table.body]
    lines += ["| " + " | ".join(f"*{markdown_cell(cell)}*" for cell in row) + " |" for row in table.references]
    lines += [""] + [f"- {escape_markdown(note)}" for note in table.notes]
    return "\n".join(lines).rstrip() + "\n"


def markdown_cell(value: Value) -> str:
    shown = escape_markdown(text(value)) + SUFFIX[marked(value)]
    return f"**{shown}**" if marked(value) == "best" else shown


def escape_markdown(given: str) -> str:
    """Names are data: no markup, no HTML, no new cell."""
    shown = escape(" ".join(given.split()), quote=False)
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", shown)


def to_csv(table: Table) -> str:
    """One line per row; a measured column becomes mean, low, high, n, expected, mark and reason. Full precision."""
    spread = [any(isinstance(row[index], Measured) for row in table.rows) for index in range(len(table.head))]
    head: list[str] = []
    for name, wide in zip(table.head, spread, strict=True):
        parts = ("mean", "low", "high", "n", "expected", "mark", "reason")
        head += [f"{name}: {part}" for part in parts] if wide else [name]
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow([*map(safe, head), "reference line"])
    for row in table.rows:
        line: list[object] = []
        for value, wide in zip(row, spread, strict=True):
            line += csv_fields(value) if wide else ["" if value is None else safe(value)]
        writer.writerow([*line, "yes" if row in table.references else "no"])
    return sheet.getvalue()


def csv_fields(value: Value) -> list[object]:
    if not isinstance(value, Measured):
        return ["" if value is None else safe(value), "", "", "", "", "", ""]
    found, reason = value.interval, value.reason or ("exceeded" if value.exceeded else "")
    ends = (None, None, None) if found is None else (found.estimate, found.low, found.high)
    return [*("" if end is None else end for end in ends), value.n, value.expected, value.mark, reason]


NUMBER = re.compile(r"-\d+(\.\d+)?( ± \d+(\.\d+)?)?( \[-?\d+(\.\d+)?, -?\d+(\.\d+)?\])?")
"""A negative number as tables write it, with or without its interval."""


def safe(value: object) -> object:
    """A name that a spreadsheet would run as a formula gets an apostrophe in front; a number is none."""
    formula = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") and not NUMBER.fullmatch(value)
    return f"'{value}" if formula else value


def to_html(table: Table) -> str:
    """A ``<table>`` with caption and notes; numbers carry ``data-sort`` for a script that sorts."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.head)
    body = "".join(html_row(row, "") for row in table.body)
    references = "".join(html_row(row, ' class="reference"') for row in table.references)
    notes = "".join(f"<li>{escape(note)}</li>" for note in table.notes)
    return (
        f'<figure class="table" id="{escape(table.name)}">\n<table>\n<caption>{escape(table.title)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n"
        + (f"<tbody>\n{references}</tbody>\n" if references else "")
        + "</table>\n"
        + (f"<figcaption><ul>{notes}</ul></figcaption>\n" if notes else "")
        + "</figure>\n"
    )


def html_row(row: tuple[Value, ...], attributes: str) -> str:
    first = f'<th scope="row">{escape(text(row[0]))}</th>' if row else ""
    return f"<tr{attributes}>{first}{''.join(map(html_cell, row[1:]))}</tr>\n"


def html_cell(value: Value) -> str:
    mark = marked(value)
    shown = escape(text(value) + SUFFIX[mark])
    shown = f"<strong>{shown}</strong>" if mark == "best" else shown
    attributes = f' class="{mark}"' if mark else ""
    key = sort_key(value)
    if key is not None:
        attributes += f' data-sort="{key!r}"'
    return f"<td{attributes}>{shown}</td>"


def sort_key(value: Value) -> float | None:
    """What a column is sorted by; None comes last, as does a bound from below."""
    if isinstance(value, Measured):
        return value.interval.estimate if value.interval and not value.exceeded else None
    return float(value) if isinstance(value, int | float) else None


def counted(number: int, one: str, more: str = "") -> str:
    """``1 block``, ``2 blocks``."""
    return f"{number} {one if number == 1 else more or f'{one}s'}"
