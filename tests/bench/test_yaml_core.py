"""Plain words in YAML are what version 1.2 says they are, and what is written reads back in either version."""

import math

import pytest
import yaml
from graftbench.bench.yaml_core import Dumper, read_yaml

WORDS = ["on", "off", "yes", "no", "n", "2024-01-01", "2024-13-45", "1:30", "1_000", "1e", "e5", ".", "+", "0x", "-"]
NUMBERS = {
    "1e-3": 0.001, "1E5": 1e5, "+1e5": 1e5, ".5": 0.5, "1.": 1.0, "-.25e+1": -2.5, "-.inf": -math.inf,
    "010": 10, "+7": 7, "-0": 0, "0x1f": 31, "0o17": 15,
}  # fmt: skip


@pytest.mark.parametrize("word", [word for word in WORDS if word != "-"])
def test_a_word_of_older_yaml_stays_a_word(word):
    assert read_yaml(f"[{word}]") == [word]


@pytest.mark.parametrize("word", NUMBERS)
def test_a_number_is_one_with_its_type(word):
    assert repr(read_yaml(word)) == repr(NUMBERS[word])
    assert math.isnan(read_yaml(".nan"))


def test_true_and_false_alone_are_truth_values():
    assert read_yaml("[true, False, TRUE, tRUE]") == [True, False, True, "tRUE"]


def test_what_is_written_reads_back_in_both_versions():
    said = [*WORDS, *NUMBERS, "true", "null", "~", "é", True, None, 3, -0.0, 10.0, 1e3, 1e-5, 1e300, math.inf]
    text = yaml.dump(said, Dumper=Dumper)
    assert repr(read_yaml(text)) == repr(yaml.safe_load(text)) == repr(said)


def test_a_tag_without_its_value_is_a_value_error():
    with pytest.raises(ValueError, match="twelve"):
        read_yaml("!!int twelve")
