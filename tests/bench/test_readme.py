"""What the README shows works as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import yaml
from graftbench.bench.matrix_file import parse_matrix

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_strategy_of_the_readme_has_at_most_twenty_lines_and_passes_the_check(tmp_path):
    (code,) = blocks("python")
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= 20
    file = tmp_path / "shrink_perturb.py"
    file.write_text(code)
    command = [sys.executable, "-m", "graftbench", "check", str(file), "--backbone", "dcgan"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "resumes bit-exactly" in ended.stdout and "FAIL" not in ended.stdout


def test_the_matrix_of_the_readme_is_valid():
    (text,) = blocks("yaml")
    matrix = parse_matrix({"name": "mine", **yaml.safe_load(text)}, "README.md")
    assert len(matrix.variants()) == 6


def test_every_command_of_the_readme_exists_and_takes_the_options_it_shows():
    from graftbench.bench.cli import app
    from typer.main import get_command

    commands = get_command(app).commands
    called = re.findall(r"^    graftbench ([a-z-]+)(.*?)(?:  +#.*)?$", README, re.MULTILINE)
    called += re.findall(r"`graftbench ([a-z-]+)([^`]*)`", README)
    assert len(called) > 10
    for name, rest in called:
        assert name in commands, f"README shows graftbench {name}"
        options = {word for parameter in commands[name].params for word in parameter.opts}
        for option in re.findall(r"(--[a-z-]+)", rest):
            assert option in options, f"README shows graftbench {name} {option}"
    for name in re.findall(r"`(merge|verify|compare|bundle|export)`", README):
        assert name in commands
