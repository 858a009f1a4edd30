"""What each format makes of hostile names and of numbers: no tag, no formula, no broken column, LaTeX that compiles."""

import csv
import io
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from graftbench.reports.formats import safe, to_csv, to_html, to_markdown
from graftbench.reports.intervals import Interval
from graftbench.reports.latex import document, line, to_latex
from graftbench.reports.table import estimate_text, range_text
from graftbench.reports.tables import all_tables
from synthetic import synthetic

HOSTILE = r'<img src=x onerror=alert(1)>|a_b & 50% $x^2$ #1 {y} \input{z} ~ "q" [é日]'


def first_entry(table, strategy):
    """Of the first column."""
    return next(row for row in table.rows if row[0] == strategy)[1]


@pytest.fixture(scope="module")
def hostile():
    return all_tables(synthetic([HOSTILE, "finetune", "=1+1"], ["-s", HOSTILE[:30]], 3)[0])


def test_html_holds_no_tag_from_a_name(hostile):
    found = set()

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.add(tag)

    for table in (table for group in hostile.values() for table in group):
        Tags().feed(to_html(table))
    assert "img" not in found
    assert {"table", "caption", "th", "td"} <= found


def test_markdown_tables_keep_their_columns(hostile):
    lines = [line for line in to_markdown(hostile["quality"][0]).splitlines() if line.startswith("|")]
    assert len({line.replace(r"\|", "").count("|") for line in lines}) == 1
    assert "<img" not in "".join(lines)


def test_csv_reads_back_with_full_precision_and_no_formula(hostile):
    table = hostile["quality"][0]
    read = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert {"'=1+1", HOSTILE, "finetune", "source-only"} == {row["strategy"] for row in read}
    mine = next(row for row in read if row["strategy"] == "finetune")
    name = table.head[1]
    assert float(mine[f"'{name}: mean"]) == first_entry(table, "finetune").interval.estimate
    assert [row["reference line"] for row in read] == ["no", "no", "no", "yes"]
    assert name.startswith("-"), "a formula as well, in the head"


@pytest.mark.parametrize("number", ["-0.0123", "-3", "-0.05 ± 0", "-0.25 [-1.00, 0.50]"])
def test_a_negative_number_is_no_formula_in_csv(number):
    assert safe(number) == number
    assert safe(f"{number}+1") == f"'{number}+1"


def test_latex_escapes_and_uses_booktabs(hostile):
    text = to_latex(hostile["quality"][0])
    assert r"\toprule" in text
    assert r"\input{" not in text
    assert r"a\_b \& 50\% \$x\textasciicircum{}2\$ \#1 \{y\}" in text


@pytest.mark.parametrize("name", ["*star", "[bracket"])
def test_latex_takes_no_name_for_an_argument_of_the_line_break_before_it(name):
    assert line((name, 1)).startswith("{}" + name)


def test_latex_compiles(hostile, tmp_path):
    tex = shutil.which("pdflatex")
    if tex is None:
        pytest.skip("no pdflatex here (Debian: texlive-latex-base texlive-latex-recommended lmodern)")
    (tmp_path / "tables.tex").write_text(
        document("\n".join(to_latex(table) for group in hostile.values() for table in group))
    )
    done = subprocess.run(
        [tex, "-interaction=nonstopmode", "-halt-on-error", "tables.tex"],
        cwd=tmp_path,
        capture_output=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    assert (tmp_path / "tables.pdf").stat().st_size > 10_000
    assert "Overfull" not in done.stdout.decode(errors="replace")


def test_enormous_numbers_fill_no_line():
    assert estimate_text(Interval(1e300, 1e300 - 1e299, 1e300 + 1e299, 3)) == "1e+300 ± 1e+299"
    assert range_text(Interval(-2e200, -3e200, -1e200, 3)) == "-2e+200 [-3e+200, -1e+200]"
