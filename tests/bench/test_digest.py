"""A cell's digest covers every file that can change its numbers, and no other."""

from pathlib import Path

import pytest
from graftbench.bench import digest
from graftbench.bench.registries import backbones, strategies
from graftbench.bench.registry import Entry


def files_of(module: str) -> set[str]:
    return {Path(file).name for file in digest._closure(module)}


def test_the_engine_covers_training_and_metrics_but_not_reports_or_the_command_line():
    files = {Path(f) for f in digest._closure(digest.ENGINE)}
    names = {f.name for f in files}
    assert {"train.py", "evaluator.py", "kid.py", "seeds.py", "shots.py", "base.py"} <= names
    assert not any(part in ("cli", "reports", "executors") for f in files for part in f.parts)
    assert not {"store.py", "rows.py", "worker.py", "planning.py", "matrix.py"} & names


def test_a_strategy_covers_the_file_of_the_class_it_extends():
    assert {"l2_sp.py", "finetune.py", "adversarial.py"} <= files_of("graftbench.strategies.l2_sp")


def test_another_strategys_file_is_not_covered():
    assert "l2_sp.py" not in files_of("graftbench.strategies.frozen_d")


def test_a_plugins_content_counts(tmp_path):
    file = tmp_path / "mine.py"
    base = [strategies.entry("finetune"), backbones.entry("dcgan")]
    digests = []
    for i, content in enumerate(("x = 1\n", "x = 2\n")):
        path = file.with_stem(f"mine{i}")
        path.write_text(content)
        digests.append(digest.digest_of([*base, Entry("mine", "", "", f"plugin:{path}", str(path), 1)]))
    assert digests[0] != digests[1]


def test_what_a_plugin_imports_counts_too(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from graftbench.strategies.l2_sp import L2SP\n")
    assert any(f.endswith("l2_sp.py") for f in digest._closure_of_file(str(path)))


@pytest.mark.parametrize("module", ["thirdparty_x.s", "thirdparty_x"])
def test_the_file_of_another_distributions_component_counts(tmp_path, module):
    digests = set()
    for i in range(2):
        path = tmp_path / f"s{i}.py"
        path.write_text(f"from .beside import this\nfrom .. import that\nx = {i}\n")
        digests.add(digest.digest_of([Entry("theirs", "", "", module, str(path), 1)]))
    assert len(digests) == 2


def test_what_another_distributions_component_imports_from_here_counts(tmp_path):
    path = tmp_path / "s.py"
    path.write_text("x = 1\n")
    without = digest.digest_of([Entry("theirs", "", "", "thirdparty_x.s", str(path), 1)])
    other = tmp_path / "t.py"
    other.write_text("from graftbench.strategies.l2_sp import L2SP\n")
    closure = digest._closure_of_file(str(other))
    assert any(f.endswith("l2_sp.py") for f in closure)
    assert digest.digest_of([Entry("theirs", "", "", "thirdparty_x.t", str(other), 1)]) != without


def test_the_description_of_a_domain_in_a_data_file_counts(tmp_path):
    digests = set()
    for i in range(2):
        path = tmp_path / f"catalogue{i}.yaml"
        path.write_text(f"zip: {{it: [{i}\n")  # no Python, and not parsed as such
        digests.add(digest.digest_of([Entry("it", "", "", "graftbench.datasets.zip_sets", str(path), 0)]))
    assert len(digests) == 2


def test_the_users_own_modules_that_a_plugin_imports_count_and_installed_packages_do_not(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_rates.py").write_text("LR = 1.0\n")
    (tmp_path / "my_parts").mkdir()
    (tmp_path / "my_parts" / "__init__.py").touch()
    (tmp_path / "my_parts" / "blocks.py").write_text("from .deeper import x\n")
    (tmp_path / "my_parts" / "deeper.py").write_text("x = 1\n")
    path = tmp_path / "mine.py"
    path.write_text("import numpy, torch.nn, PIL.Image, json\nfrom my_rates import LR\nimport my_parts.blocks\n")
    files = {Path(file).relative_to(tmp_path).as_posix() for file in digest._closure_of_file(str(path))}
    assert files == {"mine.py", "my_rates.py", "my_parts/__init__.py", "my_parts/blocks.py", "my_parts/deeper.py"}


def test_the_other_modules_of_an_installed_components_own_package_count(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("my_dist", "my_other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "helper.py").write_text("from . import deep\n")
        (tmp_path / name / "deep.py").touch()
    path = tmp_path / "my_dist" / "methods.py"
    path.write_text("import my_other.helper\nfrom .helper import FACTOR\n")
    monkeypatch.setattr(digest, "_is_installed", lambda name: name in ("my_dist", "my_other"))
    files = {
        Path(file).relative_to(tmp_path).as_posix() for file in digest._closure_of_file(str(path), "my_dist.methods")
    }
    assert files == {f"my_dist/{name}.py" for name in ("__init__", "methods", "helper", "deep")}


def test_a_module_that_does_not_read_as_python_counts_by_its_bytes(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_broken.py").write_text("def (:\n")
    (tmp_path / "my_latin.py").write_bytes(
        "# -*- coding: latin-1 -*-\n# caf\u00e9\nimport my_broken\n".encode("latin-1")
    )
    path = tmp_path / "mine.py"
    path.write_text("import my_latin\n")
    files = {Path(file).name for file in digest._closure_of_file(str(path))}
    assert files == {"mine.py", "my_latin.py", "my_broken.py"}
    assert len(digest.digest_of([Entry("mine", "", "", f"plugin:{path}", str(path), 1)])) == 16


def test_a_package_that_lies_in_several_folders_counts_from_each(tmp_path, monkeypatch):
    for part in ("one", "two"):
        (tmp_path / part / "my_split").mkdir(parents=True)
        (tmp_path / part / "my_split" / f"{part}.py").touch()
        monkeypatch.syspath_prepend(tmp_path / part)
    path = tmp_path / "mine.py"
    path.write_text("import my_split.one, my_split.two\n")
    files = {Path(file).name for file in digest._closure_of_file(str(path))}
    assert files == {"mine.py", "one.py", "two.py"}
