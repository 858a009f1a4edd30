"""``graftbench fetch``, ``check`` and ``list``, as a user runs them."""

import dataclasses
import functools
import io
import os
import subprocess
import sys
import zipfile

import pytest
from graftbench.bench.cli import app
from graftbench.bench.registries import domains
from graftbench.datasets.catalogue import catalogue
from graftbench.datasets.zip_sets import ZipSet
from pictures import encoded, picture
from typer.testing import CliRunner


@pytest.fixture
def obama(site, monkeypatch):
    """The catalogue's entry, with its file on the loopback server."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for i in range(100):
            archive.writestr(f"{i}.jpg", encoded(picture(i), "JPEG"))
    site.files["/obama.zip"] = stream.getvalue()
    facts = dataclasses.replace(catalogue()["obama"], url=f"{site.url}/obama.zip")
    domains.entries()
    monkeypatch.setitem(domains._objects, "obama", functools.partial(ZipSet, facts=facts))
    return site


def run(*arguments: str):
    return CliRunner(env={"COLUMNS": "400"}).invoke(app, list(arguments))


def test_fetch_says_what_came_and_where_it_lies(obama, cache):
    done = run("fetch", "obama")
    assert done.exit_code == 0
    assert "obama: 100 images (40 shots, 20 validation, 40 reference)" in done.stdout
    assert f"files: {cache.resolve()}/downloads/obama.zip" in done.stdout
    assert "licence: none stated" in done.stdout
    run("fetch", "obama")
    assert len(obama.asked) == 1


def test_one_set_that_fails_does_not_stop_the_next(obama):
    done = run("fetch", "metfaces", "obama")
    assert done.exit_code == 2
    assert "metfaces is got by hand" in done.stderr
    assert "obama: 100 images" in done.stdout


def test_a_set_that_is_generated_needs_no_fetching():
    assert "nothing to fetch: generated" in run("fetch", "toyfaces").stdout


def test_check_shows_splits_problems_duplicates_and_what_can_be_reported(photos):
    (photos / "again.png").write_bytes((photos / "00.png").read_bytes())
    (photos / "bad.png").write_bytes(b"")
    done = run("check", f"folder:{photos}?on_bad=skip")
    for line in (
        "20 images (8 shots, 4 validation, 8 reference)",
        "cannot be used: bad.png (empty)",
        "exact duplicates left out: 1",
        "near-duplicates across splits: 0",
        "resize: lanczos, centre crop",
        "8 reference images: report KID with its standard error",
    ):
        assert line in done.stdout


@pytest.mark.parametrize(("count", "said"), [(5, "literature needs 6 in all"), (6, "literature does with fewer")])
def test_check_offers_no_protocol_that_refuses_the_set_too(photos, count, said):
    for file in sorted(photos.iterdir())[count:]:
        file.unlink()
    done = run("check", f"folder:{photos}")
    assert f"(28 images of one class do); protocol: {said}" in done.stdout
    assert ("use protocol: literature" in done.stdout) == (count == 6)


def test_check_prints_names_that_are_no_text_and_leaves_the_terminal_alone(photos):
    place = photos.rename(photos.with_name(os.fsdecode(b"caf\xe9")))
    (place / os.fsdecode(b"\xff\x1b.png")).write_bytes(b"")
    command = [sys.executable, "-c", "from graftbench.bench.cli import main; main()", "check", f"folder:{place}"]
    strict = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=strict)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert r"cannot be used: \udcff\x1b.png (empty)" in done.stdout and "\x1b" not in done.stdout


def test_list_shows_sizes_and_whether_the_files_are_here(obama):
    row = next(line for line in run("list", "domains").stdout.splitlines() if line.startswith("obama "))
    assert row.split()[1:3] == ["100", "fetch"]
    assert "none stated (web photographs of a real person; research use)" in row
    run("fetch", "obama")
    row = next(line for line in run("list", "domains").stdout.splitlines() if line.startswith("obama "))
    assert row.split()[1:3] == ["100", "yes"]
    assert "ffhq->babies@10" in run("list", "pairs").stdout


def test_listing_the_domains_imports_no_torch():
    script = """
import sys
from graftbench.bench.cli import app
app(["list", "domains"], standalone_mode=False)
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0


def test_a_missing_folder_is_one_line_and_exit_code_2():
    script = "import sys; sys.argv[1:] = ['check', 'folder:/no/such']; from graftbench.bench.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("graftbench: /no/such: no such folder, .zip or .txt list")
    assert "Traceback" not in done.stderr
