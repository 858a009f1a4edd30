"""Tables as LaTeX with booktabs: ``\\input`` one in a ``table`` environment's place; names are escaped."""

import re

from .table import Table, Value, marked, text

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
    "−": r"$-$",
    "–": "--",
    "—": "---",
    "’": "'",
    "σ": r"$\sigma$",
    "…": r"\dots{}",
}
PREAMBLE = r"\usepackage[T1]{fontenc}\usepackage[utf8]{inputenc}\usepackage{booktabs}"


def to_latex(table: Table) -> str:
    """A ``table`` environment with caption, label and notes. Needs booktabs and T1 fonts (``PREAMBLE``)."""
    lines = [
        r"\begin{table}",
        r"\centering\small",
        rf"\caption{{{escape(table.title)}}}",
        rf"\label{{tab:{re.sub(r'[^a-z0-9-]', '-', table.name)}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(table.head) - 1)}}}",
        r"\toprule",
        line(tuple(table.head)),
        r"\midrule",
        *map(line, table.body),
    ]
    if table.references:
        lines += [r"\midrule", *map(line, table.references)]
    lines += [r"\bottomrule", r"\end{tabular}"]
    if table.notes:
        lines += [
            r"\par\smallskip",
            r"\parbox{\linewidth}{\footnotesize",
            *(escape(n) + r"\par" for n in table.notes),
            "}",
        ]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def line(row: tuple[Value, ...]) -> str:
    # A row that starts with a bracket would be read as the optional argument of the \\ before it.
    shown = " & ".join(map(cell, row))
    return ("{}" + shown if shown.startswith("[") else shown) + r" \\"


def cell(value: Value) -> str:
    shown = escape(text(value))
    mark = marked(value)
    if mark == "best":
        return rf"\textbf{{{shown}}}"
    return shown + {"tied": r" $\approx$", "untestable": " ?"}.get(mark, "")


def escape(given: str) -> str:
    """Any text as LaTeX text; a character that T1 has no glyph for becomes its code point."""
    return "".join(
        SPECIAL.get(each, each if ord(each) < 256 else f"U+{ord(each):04X}") for each in " ".join(given.split())
    )


def document(tables: list[Table]) -> str:
    """A whole document of tables, for a look and for the test that LaTeX accepts them."""
    body = "\n".join(map(to_latex, tables))
    return f"\\documentclass{{article}}\n{PREAMBLE}\n\\begin{{document}}\n{body}\\end{{document}}\n"
