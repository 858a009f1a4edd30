"""A miniature setup on which any strategy and backbone can be exercised within seconds."""

import torch
from torch import Tensor, nn

from ..bench.augment import Augmentation
from ..bench.augment.simple import NoAugmentation
from ..bench.backbones import Backbone, Generator, make_backbone
from ..bench.backbones.base import AdversarialDefaults
from ..bench.registries import backbones
from ..bench.seeds import seed_for
from ..bench.source import Source
from .base import Setup, to_float

SHOTS = 8
BATCH = 4
CPU = torch.device("cpu")


def tiny_backbone(name: str = "dcgan") -> Backbone:
    """The backbone at its lowest resolution, 4 channels wide."""
    return make_backbone(name, min(backbones.get(name).resolutions), 4)


def tiny_source(backbone: Backbone, seed: int = 0) -> Source:
    """An untrained source that holds the networks of either kind (``gan`` and ``vae``)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for("tiny-source", seed))
        generator = backbone.make_generator()
        _settle_statistics(generator)
        networks = {
            "generator": generator.state_dict(),
            "discriminator": backbone.make_discriminator().state_dict(),
            "encoder": backbone.make_encoder().state_dict(),
        }
    return Source(backbone, {}, networks)


@torch.no_grad()
def _settle_statistics(generator: Generator) -> None:
    """Bring BatchNorm's running statistics to those of the weights; a fresh generator's make all images the same."""
    if any(isinstance(module, nn.BatchNorm2d) for module in generator.modules()):
        for _ in range(40):
            generator(torch.randn(16, generator.latent_dim))


def tiny_images(resolution: int, count: int, seed: int = 0) -> Tensor:
    """Smooth random pictures: uint8, count x 3 x R x R."""
    rng = torch.Generator().manual_seed(seed_for("tiny-images", seed))
    coarse = torch.rand(count, 3, 4, 4, generator=rng)
    return (torch.nn.functional.interpolate(coarse, resolution, mode="bicubic").clamp(0, 1) * 255).to(torch.uint8)


def tiny_setup(
    backbone: Backbone | None = None,
    *,
    source: Source | None = None,
    optimisation: AdversarialDefaults | None = None,
    augmentation: Augmentation | None = None,
    batch: int = BATCH,
    steps: int = 8,
    seed: int = 0,
    device: torch.device = CPU,
) -> Setup:
    """A setup with ``SHOTS`` target images and four times as many source images."""
    backbone = backbone or tiny_backbone()
    source = source or tiny_source(backbone)
    return Setup(
        backbone=backbone,
        optimisation=optimisation or backbone.defaults,
        shots=tiny_images(backbone.resolution, SHOTS, seed=1).to(device),
        augmentation=augmentation or NoAugmentation(),
        batch=batch,
        steps=steps,
        device=device,
        seed=lambda axis: seed_for(axis, seed),
        load_source=lambda: source,
        load_source_images=lambda: tiny_images(backbone.resolution, 4 * SHOTS, seed=2).to(device),
    )


def tiny_batch(setup: Setup, step: int) -> Tensor:
    """The batch of shots (float, in [-1, 1]) of a step, the same for each strategy."""
    rows = [(step * setup.batch + i) % len(setup.shots) for i in range(setup.batch)]
    return to_float(setup.shots[rows])
