"""What is wrong with a plug-in file is said in one line, before anything runs."""

import pytest
from graftbench.bench.errors import UserError
from graftbench.bench.plugins import load_plugins

HEAD = "from graftbench.strategies import register\nfrom graftbench.strategies.scratch import Scratch\n"
CLASS = 'class It(Scratch):\n    """It."""\n'


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        (
            "raises",
            f'{HEAD}@register("p-raises")\n{CLASS}\nraise OSError("boom")',
            "line 7: cannot be imported: OSError",
        ),
        (
            "exits",
            f'{HEAD}@register("p-exits")\n{CLASS}\nraise SystemExit(0)',
            "line 7: cannot be imported: SystemExit",
        ),
        (
            "needs",
            f'import no_such\n{HEAD}@register("p-needs")\n{CLASS}',
            "ModuleNotFoundError: No module named 'no_such'",
        ),
        ("variable", f'{HEAD}NAME = "x"\n@register(NAME)\n{CLASS}', "must be written out as strings"),
        ("number", f"{HEAD}@register(5)\n{CLASS}", "@register must be"),
        ("other", f'{HEAD}@register("p-other")\nclass Other:\n    """Other."""', "'p-other' is no subclass of"),
        ("function", f'{HEAD}@register("p-function")\ndef it():\n    """It."""', "'p-function' is no subclass of"),
        (
            "bare",
            f"{HEAD}from graftbench.strategies import tunable\n"
            f'@register("p-bare")\n{CLASS}    strength: float = tunable(0.5, low=0.1, high=1.0)',
            "does not take its hyper-parameters .strength.: put @dataclass above",
        ),
        (
            "logarithm",
            f"{HEAD}from graftbench.strategies import tunable\n"
            f'@register("p-logarithm")\n{CLASS}    strength: float = tunable(0, low=0, high=1.0, log=True)',
            "line 7: cannot be imported: ValueError: log=True needs low above 0, not 0",
        ),
        ("nothing", "x = 1", "registers nothing"),
        ("broken", "def broken(:", "not a readable Python file"),
    ],
)
def test_a_bad_plugin_is_one_line_that_names_the_file(tmp_path, monkeypatch, name, code, message):
    from graftbench.bench.registries import strategies

    monkeypatch.setattr(strategies, "_entries", dict(strategies.entries()))
    file = tmp_path / f"{name}.py"
    file.write_text(code)
    with pytest.raises(UserError, match=f"{name}.py.*{message}") as raised:
        load_plugins([file])
    assert "\n" not in str(raised.value)
