"""What tests of whole runs share: a cache of their own, tiny matrices, and the command line as a user calls it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

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


@pytest.fixture(autouse=True)
def same_draws():
    """Whatever ran before, on whichever worker: a rare draw must fail each time or never."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    """A cache folder that the runs of this test session share, and nobody else."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def graftbench(cache, tmp_path):
    """Call the command line in its own process, in an empty folder: ``graftbench("run", "tiny.yaml").returncode``."""

    def call(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "graftbench", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "GRAFTBENCH_CACHE": str(cache), **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )

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
def finished_run(tmp_path_factory, cache) -> Path:
    """The store of a run with one finished cell, trained from scratch. Copy it before you change anything."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "tiny.yaml").write_text(yaml.safe_dump({**TINY, "evaluation": {"points": 1, "fakes": 24, "reals": 32}}))
    done = subprocess.run(
        [sys.executable, "-m", "graftbench", "run", "tiny.yaml", "--store", "store", "--no-report"],
        cwd=folder,
        env={**os.environ, "GRAFTBENCH_CACHE": str(cache)},
        capture_output=True,
        text=True,
        timeout=300,
    )
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
