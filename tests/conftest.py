"""What tests of whole runs share: a cache of their own, tiny matrices, and the command line as a user calls it."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
import torch
import yaml
from graftbench.bench.executors.fork_server import ForkServer

TINY = {
    "backbone": {"name": "dcgan", "resolution": 32, "width": 4},
    "source": {"domain": "toyfaces", "kimg": 0.064, "batch": 32},
    "targets": ["toycats"],
    "shots": 10,
    "seeds": 1,
    "strategies": ["scratch"],
    "budget": {"kimg": 0.2, "batch": 16},
    "evaluation": {"points": 2, "fakes": 24, "reals": 32},
}


# A test run in the background of a shell inherits an ignored Ctrl-C, and so would what it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """The longest first, ``slow(minutes=…)``: begun last, one of them would leave a core without work."""
    items.sort(key=lambda item: -sum(mark.kwargs.get("minutes", 0) for mark in item.iter_markers("slow")))


@pytest.fixture(autouse=True)
def same_draws():
    """Whatever ran before, on whichever worker: a rare draw must fail each time or never."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    """A cache folder that the runs of this test session share, and nobody else."""
    return tmp_path_factory.mktemp("cache")


LIBRARIES = ("torch", "torch._dynamo", "pandas", "pyarrow", "scipy.linalg", "pydantic", "yaml", "typer", "rich")
"""What commands import; it takes longer than most commands that tests call."""


class Commands:
    """Command lines in forks with the libraries imported: ``commands.run("list", folder=…, environment={…})``."""

    def __init__(self, folder: Path):
        self.output, self.errors = folder / "stdout", folder / "stderr"
        self.server = ForkServer(LIBRARIES, os.environ)

    def run(self, *arguments: str | Path, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess:
        self.output.write_text("")
        self.errors.write_text("")
        asked = list(map(str, arguments))
        if not self.server.is_free():  # a test's time ended
            self.server.close()
            self.server = ForkServer(LIBRARIES, os.environ)
        fork = self.server.start(
            "graftbench", asked, {**os.environ, **environment}, self.output, self.errors, folder=folder
        )
        return subprocess.CompletedProcess(asked, fork.wait(), self.output.read_text(), self.errors.read_text())


@pytest.fixture(scope="session")
def commands(tmp_path_factory):
    """What starts the command lines of this test session."""
    made = Commands(tmp_path_factory.mktemp("commands"))
    yield made
    made.server.close()


@pytest.fixture
def graftbench(commands, cache, tmp_path):
    """Call the command line in its own process, in an empty folder: ``graftbench("run", "tiny.yaml").returncode``."""

    def call(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess:
        return commands.run(*arguments, folder=tmp_path, environment={"GRAFTBENCH_CACHE": str(cache), **environment})

    return call


@pytest.fixture
def matrix_file(tmp_path):
    """Write a matrix of the smallest size that is still a real run: ``matrix_file(seeds=2)``."""

    def write(name: str = "tiny", **changes) -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump({**TINY, **changes}))
        return path

    return write


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory, commands, cache) -> Path:
    """The store of a run with one finished cell, trained from scratch. Copy it before you change anything."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "tiny.yaml").write_text(yaml.safe_dump({**TINY, "evaluation": {"points": 1, "fakes": 24, "reals": 32}}))
    command = ("run", "tiny.yaml", "--store", "store", "--no-report")
    done = commands.run(*command, folder=folder, environment={"GRAFTBENCH_CACHE": str(cache)})
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "store"


@pytest.fixture(scope="session")
def timm_efficientnet():
    """timm's EfficientNet-Lite0 with the packaged weights, put in by their order: the reference for our fast form."""
    import torch
    from graftbench.bench.metrics.efficientnet import packaged_weights
    from timm.models import create_model

    network = create_model("tf_efficientnet_lite0", pretrained=False).eval().requires_grad_(False)
    theirs, ours = torch.load(packaged_weights(), weights_only=True), network.state_dict()
    assert [name.rpartition(".")[2] for name in theirs] == [name.rpartition(".")[2] for name in ours]
    network.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))
    return network
