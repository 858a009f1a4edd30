"""The nested design moves one source of variance at a time."""

import pytest
from graftbench.bench.cli import app
from graftbench.bench.errors import UserError
from typer.testing import CliRunner


@pytest.mark.slow
def test_the_command_measures_each_source_and_says_its_share(graftbench, matrix_file, tmp_path):
    import pandas as pd

    options = (
        "--strategy",
        "scratch",
        "--draws",
        "2",
        "--seeds",
        "2",
        "--evaluations",
        "2",
        "--out",
        "new/measured.csv",
    )
    done = graftbench("variance", matrix_file(), *options)
    assert done.returncode == 0, done.stderr
    for source in ("shot draw", "training seed", "evaluation sampling"):
        assert source in done.stdout
    measured = pd.read_csv(tmp_path / "new" / "measured.csv")
    assert measured.groupby("draw")["seed"].nunique().tolist() == [2, 2]
    assert measured["seed"].nunique() == 4
    assert measured["kid"].nunique() == 8


def test_a_target_that_the_matrix_lacks_is_answered_in_one_line(graftbench, matrix_file):
    done = graftbench("variance", matrix_file(), "--strategy", "scratch", "--target", "toycat")
    assert done.returncode == 2
    assert "has no 'scratch' on 'toycat'; did you mean 'scratch on toycats'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kimg", "0"], "--kimg must be more than 0"),
        (["--kimg", "-1"], "--kimg must be more than 0"),
        (["--out", "measured.txt"], "must end in .csv or .parquet"),
        (["--strategy", "source-only"], "source-only does not train"),
    ],
)
def test_what_cannot_be_measured_or_kept_is_said_before_anything_is_trained(options, message):
    refused = CliRunner().invoke(app, ["variance", "quick", *options])
    assert isinstance(refused.exception, UserError) and message in str(refused.exception)


def test_doctor_says_which_extractors_are_usable_and_what_the_others_lack(graftbench, tmp_path):
    done = graftbench("doctor", TORCH_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert lines["efficientnet-lite0-64"].endswith("usable")
    assert "put it at" in lines["inception-v3-compat"] and str(tmp_path) in lines["inception-v3-compat"]
    assert {"torch", "torch-fidelity", "device"} <= set(lines)


def test_a_plug_in_strategy_that_the_matrix_does_not_name_is_measured_too(graftbench, matrix_file, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from graftbench.strategies import register\n"
        "from graftbench.strategies.scratch import Scratch\n\n\n"
        '@register("mine")\n'
        "class Mine(Scratch):\n"
        '    """From scratch, by another name."""\n'
    )
    options = ["--strategy", "mine", "--plugin", "mine.py", "--draws", "2", "--seeds", "2", "--evaluations", "2"]
    done = graftbench("variance", matrix_file(), *options, "--kimg", "0.01")
    assert done.returncode == 0, done.stderr
    assert "mine on toycats" in done.stdout
