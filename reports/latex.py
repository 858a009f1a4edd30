"""Tables as LaTeX with booktabs, to be ``\\input``; names are escaped."""

import re
from collections.abc import Callable

from .table import Measured, Table, Value, marked, text

SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    "≈": r"$\approx$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\rightarrow$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "×": r"$\times$",
    "∞": r"$\infty$",
    "▼": r"$\bigtriangledown$",
    "−": r"$-$",
    "–": "--",
    "—": "---",
    "’": "'",
    "σ": r"$\sigma$",
    "…": r"\dots{}",
}
PREAMBLE = "\n".join(
    (
        r"\usepackage[T1]{fontenc}",
        r"\usepackage[utf8]{inputenc}",
        r"\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}",
        r"\usepackage{booktabs}",
        r"\usepackage{graphicx}",
    )
)
MINUS = re.compile(r"(?:^|(?<=[ (\[]))-(?=\d)")
"""The hyphen before a number, which LaTeX would set as one."""
WIDEST = 72
"""A table with more characters in a line is shrunk to the width of the text."""


def to_latex(table: Table) -> str:
    """A ``table`` environment with caption, label and notes. Needs booktabs, graphicx and T1 fonts (``PREAMBLE``).

    An n that all cells have stands in the notes alone: it would widen each column by a third.
    """
    words = without_n if table.common_n else text
    notes = [*table.notes, f"n = {table.common_n} in each cell."] if table.common_n else table.notes
    columns = zip(table.head, *([words(value) for value in row] for row in table.rows), strict=True)
    wide = sum(3 + max(map(len, column)) for column in columns) > WIDEST
    lines = [
        r"% \usepackage{booktabs,graphicx}",
        r"\begin{table}",
        r"\centering\small",
        rf"\caption{{{escape(table.title)}}}",
        rf"\label{{tab:{re.sub(r'[^a-z0-9-]', '-', table.name)}}}",
        *([r"\resizebox{\linewidth}{!}{%"] if wide else []),
        rf"\begin{{tabular}}{{l{'r' * (len(table.head) - 1)}}}",
        r"\toprule",
        line(tuple(table.head)),
        r"\midrule",
        *(line(row, words) for row in table.body),
    ]
    if table.references:
        lines += [r"\midrule", *(line(row, words) for row in table.references)]
    lines += [r"\bottomrule", r"\end{tabular}" + ("}" if wide else "")]
    if notes:
        lines += [
            r"\par\smallskip",
            r"\parbox{\linewidth}{\footnotesize",
            *(escape(n) + r"\par" for n in notes),
            "}",
        ]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def without_n(value: Value) -> str:
    return value.short if isinstance(value, Measured) else text(value)


def line(row: tuple[Value, ...], words: Callable[[Value], str] = text) -> str:
    # A row that starts with a bracket or a star would be read as an argument of the \\ before it.
    shown = " & ".join(cell(value, words) for value in row)
    return ("{}" + shown if shown.startswith(("[", "*")) else shown) + r" \\"


def cell(value: Value, words: Callable[[Value], str] = text) -> str:
    shown = escape(MINUS.sub("−", words(value)))
    mark = marked(value)
    if mark == "best":
        return rf"\textbf{{{shown}}}"
    return shown + {"tied": r" $\approx$", "untestable": " ?"}.get(mark, "")


def escape(given: str) -> str:
    """Any text as LaTeX text; a character that T1 has no glyph for becomes its code point."""
    return "".join(
        SPECIAL.get(each, each if ord(each) < 256 else f"U+{ord(each):04X}") for each in " ".join(given.split())
    )


def document(body: str) -> str:
    """A whole document around tables and figures."""
    return f"\\documentclass{{article}}\n{PREAMBLE}\n\\begin{{document}}\n{body}\\end{{document}}\n"
