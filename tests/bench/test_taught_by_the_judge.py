"""A strategy that was trained by the network which measures it is shown, but not ranked."""

import pytest
from finished import KID, a_cell, finish
from graftbench.bench.reference_lines import teacher
from graftbench.bench.registries import strategies
from graftbench.bench.rows import read_rows
from graftbench.bench.store import Store
from graftbench.reports.ranking import rank
from graftbench.reports.tables import all_tables


@pytest.fixture
def rows(tmp_path):
    store = Store(tmp_path, create=True)
    for strategy, kid in (("finetune", 1.0), ("scratch", 2.0), ("feature-d", 0.1)):
        for seed in (0, 1):
            finish(store, a_cell(seed, strategy=strategy), kid=kid)
    return read_rows(store)


def test_the_network_of_its_discriminator_does_not_rank_it(rows):
    (ranking,) = rank(rows)
    assert [standing.strategy for standing in ranking.standings] == ["finetune", "scratch"]
    assert ranking.references == {"feature-d": pytest.approx(0.1)}
    assert any(note.startswith("Not ranked: feature-d, whose") for note in ranking.notes)


def test_tables_show_it_below_the_line_and_say_why(rows):
    (table,) = [table for table in all_tables(rows)["quality"] if table.name.startswith(f"quality-{KID}".split("@")[0])]
    assert [row[0] for row in table.references] == ["feature-d"]
    assert any("efficientnet-lite0, the network that measures here" in note for note in table.notes)


def test_another_network_ranks_it():
    assert teacher(a_cell(strategy="feature-d")) == "efficientnet-lite0"
    assert teacher(a_cell(strategy="feature-d", extractor="inception-v3-compat")) == ""
    assert teacher(a_cell(strategy="finetune")) == ""


def test_a_plug_in_says_itself_what_it_learns_from(tmp_path, monkeypatch):
    monkeypatch.setattr(strategies, "_entries", dict(strategies.entries()))
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from graftbench.strategies import register\n"
        "from graftbench.strategies.finetune import FineTune\n\n\n"
        '@register("taught-here", network="dinov2")\n'
        "class Mine(FineTune):\n"
        '    """Learns from DINOv2."""\n'
    )
    strategies.add_file(plugin)
    assert teacher(a_cell(strategy="taught-here", extractor="dinov2-vit-b-14")) == "dinov2"
    assert teacher(a_cell(strategy="taught-here")) == ""


def test_who_reads_a_store_without_the_plug_in_knows_what_it_learnt_from(tmp_path):
    store = Store(tmp_path, create=True)
    plan = a_cell(strategy="of-a-plug-in", network="efficientnet-lite0")
    assert plan.key == a_cell(strategy="of-a-plug-in").key, "what a strategy says of itself makes no other cell"
    finish(store, plan, kid=0.1)
    (row,) = read_rows(store).to_dict("records")
    assert row["reference"] and row["taught_by"] == "efficientnet-lite0"
