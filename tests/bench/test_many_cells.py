"""A store of many cells is read from its tables, not from its cells' files."""

import re
import sys

import pytest
from graftbench.bench.rows import read_curves, read_rows
from graftbench.bench.throughput.many_cells import POINTS, made_up_cell, make_store, write_cell


@pytest.fixture
def store(tmp_path):
    store = make_store(tmp_path / "many", 300)
    read_rows(store), read_curves(store)
    return store


@pytest.fixture
def opened(store):
    """Keys of the cells whose files were opened since."""
    keys, watching = set(), [True]

    def note(event, arguments):
        if watching[0] and event == "open" and (found := re.search(r"/cells/(\w+)/", str(arguments[0]))):
            keys.add(found[1])

    sys.addaudithook(note)
    yield keys
    watching[0] = False


def test_a_consolidated_store_is_read_without_opening_a_cell(store, opened):
    assert len(read_rows(store)) == 300
    assert len(read_curves(store)) == 300 * (POINTS + 1)
    assert opened == set()


def test_one_more_cell_opens_that_cell_alone(store, opened):
    write_cell(store, 300)
    opened.clear()
    assert len(read_rows(store)) == 301
    assert opened == {made_up_cell(300).key}


def test_status_and_rows_of_many_cells(store, graftbench, tmp_path):
    status = graftbench("status", store.root)
    assert status.returncode == 0 and "300 cells" in status.stdout and "ok: 300" in status.stdout
    out = tmp_path / "rows.csv"
    assert graftbench("rows", store.root, "--out", out).returncode == 0
    assert len(out.read_text().splitlines()) == 301
