"""Values of hyper-parameters are checked against what a strategy declares."""

import pytest
from graftbench.bench.errors import UserError
from graftbench.bench.hyperparameters import check_params
from graftbench.bench.plugins import load_plugins
from graftbench.bench.registries import strategies

STRATEGY = '''"""Of mine."""

from dataclasses import dataclass

from graftbench.strategies import register, tunable
from graftbench.strategies.scratch import Scratch


@register("with-choices")
@dataclass
class WithChoices(Scratch):
    """Choices of several kinds."""

    rank: "int | None" = tunable(None, choices=(None, 2))
    rate: float = tunable(0.5, choices=(0.5, 1.0))
    kind: str = tunable("a", choices=("a", "b"))
'''


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    file = tmp_path_factory.mktemp("plugin") / "choices.py"
    file.write_text(STRATEGY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strategies, "_entries", dict(strategies.entries()))
        load_plugins([file])
        yield


def test_choices_that_have_no_order_are_a_list_and_numbers_a_range(plugin):
    params = {"rank": [None, 2], "rate": 0.7, "kind": "b"}
    assert check_params("with-choices", params) == params


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"rank": 3}, "with-choices.rank is one of None, 2, not 3"),
        ({"kind": ["a", "c"]}, "with-choices.kind is one of a, b, not"),
        ({"rate": -0.1}, "with-choices.rate must be at least 0"),
    ],
)
def test_what_is_none_of_the_choices_is_refused(plugin, params, message):
    with pytest.raises(UserError, match=message):
        check_params("with-choices", params)
