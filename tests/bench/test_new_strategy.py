"""``graftbench new strategy`` and ``graftbench check``, as a user meets them."""

import ast
import re

import pytest
from graftbench.bench.errors import UserError
from graftbench.bench.new_strategy import write_new_strategy


def test_the_written_strategy_is_short_and_passes_the_check(graftbench, tmp_path):
    path = write_new_strategy("my-method", tmp_path / "mine")
    lines = [line for line in path.read_text().splitlines() if line.strip()]
    assert len(lines) <= 20
    ended = graftbench("check", path, "--backbone", "dcgan")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "FAIL" not in ended.stdout
    assert "resumes bit-exactly" in ended.stdout and "times one of finetune" in ended.stdout


def test_a_broken_strategy_fails_its_check_with_the_reason(graftbench, tmp_path):
    path = write_new_strategy("broken-one", tmp_path)
    path.write_text(path.read_text().replace("return self.strength", "return float('nan')"))
    ended = graftbench("check", path, "--backbone", "dcgan")
    assert ended.returncode == 1
    assert re.search(r"FAIL +[\d.]+ s  dcgan: trains without NaN", ended.stdout)
    assert "the loss 'generator' is nan" in ended.stdout


LATE = '''
from dataclasses import dataclass
from graftbench.strategies import register
from graftbench.strategies.scratch import Scratch


@register("late")
@dataclass
class Late(Scratch):
    """Takes exception to batches of the size at which its cost is measured."""

    def step(self, real):
        if len(real) == 16:
            raise ValueError("no such batch")
        return super().step(real)
'''


def test_an_installed_strategy_is_checked_by_its_name(graftbench):
    ended = graftbench("check", "finetune", "--backbone", "dcgan")
    assert ended.returncode == 0 and ended.stdout.startswith("finetune\n"), ended.stdout + ended.stderr
    assert ended.stdout.endswith("all checks hold; try it: graftbench run quick --strategy finetune\n")


BACKBONE = '''

from graftbench.bench.backbones import register as register_backbone
from graftbench.bench.backbones.dcgan import DCGAN


@register_backbone("of-mine")
class OfMine(DCGAN):
    """The DCGAN by another name."""
'''


def test_a_strategy_is_checked_on_the_backbone_that_its_own_file_brings(graftbench, tmp_path):
    path = write_new_strategy("with-backbone", tmp_path)
    path.write_text(path.read_text() + BACKBONE)
    ended = graftbench("check", path, "--backbone", "of-mine")
    assert ended.returncode == 0 and "of-mine: trains without NaN" in ended.stdout, ended.stdout + ended.stderr


def test_an_error_that_only_the_cost_meets_is_a_failure_with_its_line(graftbench, tmp_path):
    path = tmp_path / "late.py"
    path.write_text(LATE)
    ended = graftbench("check", path, "--backbone", "dcgan")
    assert ended.returncode == 1 and "Traceback" not in ended.stderr, ended.stderr
    assert re.search(r"FAIL +[\d.]+ s  cost of a step\n +late.py, line 14: ValueError: no such batch", ended.stdout)


def test_the_written_file_is_valid_python_for_names_of_several_words(tmp_path):
    path = write_new_strategy("a-b2-c", tmp_path)
    assert path.name == "a_b2_c.py"
    assert "class AB2C(FineTune)" in path.read_text()
    ast.parse(path.read_text())


@pytest.mark.parametrize("name", ["My_method", "", "-x", "../evil", "2fast"])
def test_a_bad_name_is_refused(name, tmp_path):
    with pytest.raises(UserError, match="no name for a strategy"):
        write_new_strategy(name, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["none", "true", "false"])
def test_a_name_whose_class_python_has_is_refused(name, tmp_path):
    with pytest.raises(UserError, match="is Python's own word"):
        write_new_strategy(name, tmp_path)


def test_a_taken_name_or_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="exists already"):
        write_new_strategy("finetune", tmp_path)
    path = write_new_strategy("mine", tmp_path)
    path.write_text("precious")
    with pytest.raises(UserError, match="exists already"):
        write_new_strategy("mine", tmp_path)
    assert path.read_text() == "precious"


def test_check_refuses_a_file_without_a_strategy_in_one_line(graftbench, tmp_path):
    path = tmp_path / "empty.py"
    path.write_text("x = 1\n")
    ended = graftbench("check", path)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1 and "registers nothing" in ended.stderr
