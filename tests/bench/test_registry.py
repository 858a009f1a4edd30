"""The registry finds components without importing them, and answers mistakes with what was meant."""

import subprocess
import sys

import pytest
from graftbench.bench.errors import UserError
from graftbench.bench.registries import augmentations, backbones, domains, extractors
from graftbench.bench.registry import Registry

PLUGIN = '''
from graftbench.strategies import register
from graftbench.strategies.finetune import FineTune


@register("{name}", cite="Me, 2026")
class Mine(FineTune):
    """What mine does."""
'''


def strategies() -> Registry:
    return Registry("strategy", "graftbench.strategies", "graftbench.strategies")


def test_listing_names_imports_no_torch():
    code = (
        "import sys\n"
        "from graftbench.bench.registries import strategies, domains, backbones, augmentations, extractors\n"
        "assert 'finetune' in strategies.names() and 'dcgan' in backbones.names() and 'flip' in augmentations.names()\n"
        "assert domains.names() and extractors.names()\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_cell_that_needs_no_other_weights_imports_no_torchvision():
    """Which takes as long as torch itself, at the start of each run."""
    code = (
        "import sys, graftbench.bench.experiment\n"
        "import graftbench.bench.metrics.efficientnet\n"
        "assert not {'torchvision', 'torch_fidelity', 'timm'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_entry_has_summary_citation_and_place():
    entry = strategies().entry("frozen-d")
    assert entry.summary.startswith("Fine-tuning with the discriminator's blocks frozen")
    assert "2002.10964" in entry.cite
    assert entry.file.endswith("frozen_d.py") and entry.line > 1


def test_every_component_has_a_summary_of_one_line():
    for registry in (strategies(), augmentations, backbones, domains, extractors):
        for entry in registry.entries().values():
            assert entry.summary and "\n" not in entry.summary, entry


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="unknown strategy 'finetun'; did you mean 'finetune'"):
        strategies().get("finetun")


def test_a_plugin_file_adds_its_component(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN.format(name="my-own"))
    registry = strategies()
    assert [entry.name for entry in registry.add_file(file)] == ["my-own"]
    assert "my-own" in registry.names()


def test_a_second_registration_of_a_name_names_both_files(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN.format(name="finetune"))
    with pytest.raises(UserError, match=r"registered twice: in .*finetune\.py:\d+ and in .*mine\.py:\d+"):
        strategies().add_file(file)


def test_a_plugin_that_is_no_python_is_one_clear_line(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def broken(:\n")
    with pytest.raises(UserError, match="not a readable Python file"):
        strategies().add_file(file)


@pytest.fixture
def distribution(tmp_path, monkeypatch):
    """Make another distribution that is installed, with one module under an entry point: ``distribution(code)``."""

    def make(code: str | None, group: str = "graftbench.strategies") -> None:
        info = tmp_path / "thirdparty_x-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thirdparty-x\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\nmine = thirdparty_x.s\n")
        if code is not None:
            (tmp_path / "thirdparty_x").mkdir()
            (tmp_path / "thirdparty_x" / "__init__.py").write_text("")
            (tmp_path / "thirdparty_x" / "s.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "thirdparty_x", raising=False)

    return make


def test_an_entry_point_adds_its_component_to_the_registry_that_it_registers_with(distribution):
    distribution(
        PLUGIN.format(name="theirs")
        + "\nfrom graftbench.datasets import register as register_domain\n\n"
        + '@register_domain("their-domain")\nclass D:\n    """D."""\n'
    )
    names = strategies().names()
    assert "theirs" in names and "their-domain" not in names


@pytest.mark.parametrize(
    ("registry", "group"),
    [(domains, "domains"), (backbones, "backbones"), (augmentations, "augmentations"), (extractors, "extractors")],
)
def test_each_kind_has_the_entry_point_group_that_the_readme_names(registry, group, distribution):
    code = f'from {registry.package} import register\n\n@register("theirs")\nclass Theirs:\n    """Theirs."""\n'
    distribution(code, f"graftbench.{group}")
    fresh = Registry(registry.kind, registry.package, registry.group)
    assert fresh.entry("theirs").module == "thirdparty_x.s"


def test_an_entry_point_to_a_module_that_registers_nothing_is_one_clear_line(distribution):
    distribution("from os import path")
    with pytest.raises(UserError, match=r"'mine' of graftbench.strategies: .*s.py registers no strategy"):
        strategies().names()


def test_an_entry_point_to_nothing_is_one_clear_line(distribution):
    distribution(None)
    with pytest.raises(UserError, match=r"entry point 'mine' of graftbench.strategies names thirdparty_x.s"):
        strategies().names()


def test_an_entry_point_whose_names_are_no_literals_is_one_clear_line(distribution):
    distribution(PLUGIN.format(name="x").replace('"x"', "NAME"))
    with pytest.raises(UserError, match=r"s\.py: the name and citation of @register must be written out"):
        strategies().names()


def test_after_an_error_the_registry_is_not_taken_for_whole(monkeypatch):
    registry = strategies()
    whole, discover = len(strategies().entries()), registry._discover

    def breaks():
        yield from list(discover())[:3]
        raise UserError("an entry point is broken")

    monkeypatch.setattr(registry, "_discover", breaks)
    for _ in range(2):
        with pytest.raises(UserError, match="an entry point is broken"):
            registry.entries()
    monkeypatch.undo()
    assert len(registry.entries()) == whole
