"""``graftbench rank`` and ``compare`` as a user runs them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from synthetic import synthetic


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    rows = synthetic(3, 4, 3, failed={("l2-sp", "babies", 1)})[0]
    rows.to_parquet(folder / "a.parquet")
    rows.assign(hardware="Another CPU").to_parquet(folder / "b.parquet")
    return folder


def test_rank_prints_order_power_and_neighbours(graftbench, stored):
    done = graftbench("rank", stored / "a.parquet")
    assert done.returncode == 0, done.stderr
    for words in ("P(rank 1)", "complete blocks", "Smallest attainable p", "more seeds", "35 of 36 cells, 1 missing"):
        assert words in done.stdout


def test_rank_as_json_is_strict_json(graftbench, stored):
    done = graftbench("rank", stored / "a.parquet", "--by", "recall", "--json")
    (ranking,) = json.loads(done.stdout, parse_constant=pytest.fail)
    assert ranking["direction"] == "higher is better"
    assert {each["strategy"] for each in ranking["standings"]} == {"finetune", "frozen-d", "l2-sp"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rank", "nowhere"), "no benchmark is stored here"),
        (("rank", "a.parquet", "--by", "kidd"), "did you mean 'kid'"),
        (("compare", "a.parquet", "b.parquet", "--by", "seconds_per_kimg"), "hardware differs"),
    ],
)
def test_mistakes_get_one_line_and_exit_code_two(graftbench, stored, arguments, message):
    done = graftbench(*(stored / each if each.endswith("parquet") else each for each in arguments))
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_bundle_is_ranked_and_compared_and_is_no_store(graftbench, stored):
    bundle = Path(__file__).parents[3] / "reports" / "results"
    done = graftbench("rank", bundle)
    assert done.returncode == 0, done.stderr
    assert "17 strategies on 6 blocks" in done.stdout
    assert "0 better, 0 worse" in graftbench("compare", bundle, bundle, "--by", "kid").stdout
    refused = graftbench("status", bundle)
    assert refused.returncode == 2 and "is a bundle of results, no store" in refused.stderr


def test_compare_says_what_differs(graftbench, stored):
    done = graftbench("compare", stored / "a.parquet", stored / "b.parquet", "--by", "kid")
    assert done.returncode == 0, done.stderr
    assert "hardware: Imaginary CPU, 2 cores -> Another CPU" in done.stdout
    assert "0 better, 0 worse, 16 identical" in done.stdout


def test_a_terminal_without_dashes_gets_the_table_all_the_same(stored):
    """Marks that its encoding lacks become question marks."""
    command = [sys.executable, "-m", "graftbench", "rank", stored / "a.parquet"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "finetune" in done.stdout and done.stdout.isascii()
