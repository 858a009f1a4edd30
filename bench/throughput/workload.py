"""One strategy on one backbone, ready to be timed: its training step and its sampling, on an untrained source."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ...strategies.base import Setup
from ...strategies.tiny import tiny_images, tiny_source
from ..augment import make_augmentation
from ..backbones import make_backbone
from ..devices import peak_memory_mb
from ..numerics import autocast, numerical_settings
from ..plugins import load_plugins
from ..registries import strategies
from ..seeds import seed_for
from ..train import Training, synchronise

SHOTS = 10
SOURCE_IMAGES = 256
ROUND = 16
"""Steps per timed round: a multiple of the periods of the lazy regularisers."""
SAMPLES = 256


@dataclass(frozen=True)
class Workload:
    """What is measured. Speed does not depend on the weights, so the source is untrained and the images made up."""

    strategy: str
    backbone: str = "dcgan"
    resolution: int = 32
    width: int | None = None
    batch: int = 64
    device: str = "cpu"
    precision: str = "float32"
    compile: bool = False
    plugins: tuple[str, ...] = ()
    """Files that define the strategy or the backbone, where they are not this package's."""

    @property
    def name(self) -> str:
        return f"{self.strategy}-{self.backbone}@{self.resolution}"

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The workload, with its plug-ins imported."""
        found = json.loads(text)
        files = tuple(found.pop("plugins", ()))
        load_plugins(map(Path, files))
        return cls(**found, plugins=files)

    def facts(self) -> dict[str, Any]:
        """What its results are stored with; the files' places concern nobody else."""
        width = make_backbone(self.backbone, self.resolution, self.width).width
        return {name: value for name, value in vars(self).items() if name != "plugins"} | {"width": width}

    def training(self, steps: int) -> Training:
        """The prepared strategy, to be trained for ``steps`` steps."""
        backbone = make_backbone(self.backbone, self.resolution, self.width)
        device = torch.device(self.device)
        source = tiny_source(backbone)
        kimg = steps * self.batch / 1000
        setup = Setup(
            backbone=backbone,
            optimisation=backbone.defaults,
            shots=tiny_images(self.resolution, SHOTS).to(device),
            augmentation=make_augmentation("none", from_source=True, kimg=kimg),
            batch=self.batch,
            steps=steps,
            device=device,
            seed=lambda axis: seed_for("throughput", axis),
            load_source=lambda: source,
            load_source_images=lambda: tiny_images(self.resolution, SOURCE_IMAGES, seed=1).to(device),
            autocast=lambda: autocast(self.precision, device),
            compile="inductor" if self.compile else None,
        )
        return Training(strategies.get(self.strategy)(), setup)


def sample(training: Training) -> None:
    """``SAMPLES`` images, waited for."""
    device = training.setup.device
    training.strategy.sample(SAMPLES, torch.Generator(device).manual_seed(0))
    synchronise(device)


class OperationCount(TorchDispatchMode):
    """Floating-point operations inside a ``with`` block, by the formulas of torch's ``FlopCounterMode``.

    That class itself hooks into modules and then fails on ``backward(inputs=leaves)``, which GAN updates need.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if formula := flop_registry.get(func._overloadpacket):
            self.total += formula(*args, **(kwargs or {}), out_val=found)
        return found


def counted(workload: Workload) -> dict[str, float]:
    """What does not depend on the machine: parameters, and floating-point operations per image.

    Operations are counted in convolutions and matrix products, forward and backward, a multiply-add as
    two; normalisation and activations are left out. Training is the mean over a period of the lazy regularisers.
    On a GPU, StyleGAN2's filters are products with banded matrices, whose zeros count.
    """
    training = replace(workload, compile=False).training(ROUND)
    with OperationCount() as training_count:
        training.advance(ROUND)
    with OperationCount() as sampling_count:
        sample(training)
    return {
        "training_flops_per_image": training_count.total / (ROUND * workload.batch),
        "sampling_flops_per_image": sampling_count.total / SAMPLES,
        "parameters": training.strategy.parameter_count(),
        "trainable_parameters": training.strategy.trainable_count(),
    }


def peak_memory(workload: Workload) -> float:
    """Peak memory in MB of this process after a round of training and one of sampling.

    On a CPU the mark is the whole process's and never falls, so each workload needs a process of its own
    (``python -m graftbench.bench.throughput.memory``).
    """
    with numerical_settings(workload.precision):
        training = workload.training(ROUND)
        training.advance(ROUND)
        sample(training)
    return peak_memory_mb(training.setup.device)
