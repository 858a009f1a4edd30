"""A cell's digest covers every file that can change its numbers, and no other."""

from pathlib import Path

from graftbench.bench import digest
from graftbench.bench.registries import backbones, strategies


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
    from graftbench.bench.registry import Entry

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
