"""A cell's key is made from its specification alone, and stays what it was: stored results are found by it."""

import dataclasses
import json

import pytest
from finished import a_cell
from graftbench.bench.cell import Cell

RICH = a_cell(
    3,
    target="folder:/data/été",
    strategy="l2-sp",
    params={"strength": 0.01, "freeze": [4, 8], "rate": None},
    tuned=["strength"],
    optimisation={"betas": [0.0, 0.99]},
    digest="0123456789abcdef",
)


def test_keys_and_places_are_those_of_cells_stored_earlier():
    assert (a_cell().key, a_cell().place) == ("082ba3f19570f11e", "082ba3f19570f11e")
    assert (RICH.key, RICH.place) == ("dfeb38d43554d386", "6e477f78f66bb9d6")


def test_a_cell_read_back_is_the_same_cell():
    assert Cell.from_json(RICH.canonical()).key == RICH.key


def test_the_specification_has_every_field():
    assert set(json.loads(RICH.canonical())) == {field.name for field in dataclasses.fields(Cell)}


def test_a_place_is_the_same_with_other_code_and_weights_and_no_other_change():
    other = dataclasses.replace(RICH, digest="other", source_sha256="other")
    assert other.place == RICH.place != dataclasses.replace(RICH, seed=4).place


def test_a_place_is_the_same_with_other_images_in_a_folder_and_another_choice_of_a_search():
    assert dataclasses.replace(RICH, data="other").place == RICH.place
    chosen, given = ({**RICH.params, name: 0.5} for name in ("strength", "rate"))
    assert dataclasses.replace(RICH, params=chosen).place == RICH.place != dataclasses.replace(RICH, params=given).place


@pytest.mark.parametrize("changes", [{"params": [1]}, {"seed": "x"}, {"shots": None}, {"kimg": "2"}, {"protocol": 3}])
def test_a_spec_with_a_value_of_another_type_is_none(changes):
    with pytest.raises(TypeError, match=next(iter(changes))):
        Cell.from_json(json.dumps({**json.loads(RICH.canonical()), **changes}))
