"""Training a source model: the fresh GAN (or VAE) of the suite on all images of the source domain."""

import dataclasses
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ..datasets import evaluation_images, open_domain
from ..strategies.base import Setup
from .augment import make_augmentation
from .backbones import make_backbone
from .checkpoint import load_checkpoint, remove_checkpoints, save_checkpoint
from .errors import UserError
from .experiment import total_steps
from .files import cache_root
from .metrics.evaluator import Evaluator
from .numerics import numerical_settings
from .registries import extractors, strategies
from .seeds import seed_for
from .source import SourceSpec, save_source
from .train import Training

log = logging.getLogger(__name__)

STRATEGY = {"gan": "scratch", "vae": "vae"}
POINTS = 10
"""Of the learning curve after its first, the fresh networks; fewer where there are fewer steps."""
FAKES = REALS = 1000


@numerical_settings("float32")
def pretrain(
    spec: SourceSpec,
    folder: Path,
    device: torch.device,
    extractor: str,
    watch: Callable[[dict[str, Any]], None] = lambda point: None,
) -> list[dict[str, Any]]:
    """Train the source model that ``spec`` describes into ``folder``; returns its learning curve.

    An interrupted training goes on from its last checkpoint. ``watch`` is called with each point of the curve. Raises
    ``UserError`` if the folder holds the interrupted training of another source, and ``Diverged``.
    """
    domain = open_domain(spec.domain)
    images = domain.images("shots", spec.resolution).to(device)
    backbone = make_backbone(spec.backbone, spec.resolution, spec.width)
    strategy = strategies.get(STRATEGY[spec.kind])()
    setup = Setup(
        backbone=backbone,
        optimisation=dataclasses.replace(type(backbone).defaults, **spec.optimisation),
        shots=images,
        augmentation=make_augmentation(spec.augment, from_source=False, kimg=spec.kimg),
        batch=spec.batch,
        steps=total_steps(spec.kimg, spec.batch),
        device=device,
        seed=lambda axis: seed_for("source", axis, spec.seed),
    )
    validation = evaluation_images(domain, "validation", "held-out", spec.resolution, REALS)
    scorer = extractors.get(extractor)(extractor, device=device)
    evaluator = Evaluator(scorer, images[:100], validation, validation, FAKES, cache_root() / "features")
    training = Training(strategy, setup)
    curve: list[dict[str, Any]] = []
    if state := load_checkpoint(folder):
        _require_own(state, spec, folder)
        if state.get("measured") != _measured(extractor, device):
            raise UserError(
                f"{folder}: holds a training that was interrupted on another device or measured by another extractor "
                f"({', '.join(state.get('measured', ['not recorded']))}); go on with those, or delete this folder"
            )
        training.load_state_dict(state["training"])
        curve = state["curve"]
    points = sorted({round(setup.steps * point / POINTS) for point in range(POINTS + 1)})
    for step in points[len(curve) :]:
        training.advance(step)
        rng = torch.Generator(device).manual_seed(seed_for("source", "evaluation", spec.seed))
        measured = evaluator.evaluate(strategy.sample(FAKES, rng), full=False)
        wanted = {name: measured[name] for name in (f"kid@{extractor}", f"fid@{extractor}")}
        curve.append({"kimg": training.kimg, **wanted})
        log.info("%s", json.dumps(curve[-1]))
        watch(curve[-1])
        save_checkpoint(
            folder,
            {
                "training": training.state_dict(),
                "curve": curve,
                "spec": spec.as_dict(),
                "measured": _measured(extractor, device),
            },
        )
    about = {**spec.as_dict(), "strategy": STRATEGY[spec.kind], "licence": domain.about.licence}
    save_source(folder, about, strategy.networks(), curve)
    remove_checkpoints(folder)
    return curve


def _measured(extractor: str, device: torch.device) -> list[str]:
    """What a training must be gone on with besides its source's spec: random states are a device's own."""
    return [device.type, extractor]


def _require_own(state: dict[str, Any], spec: SourceSpec, folder: Path) -> None:
    """Networks of the same shape would load, and one source's weights would bear the name of another."""
    found, asked = state.get("spec", {}), spec.as_dict()
    if differing := sorted(name for name in {*found, *asked} if found.get(name) != asked.get(name)):
        raise UserError(
            f"{folder}: holds the interrupted training of a source model with another {', '.join(differing)}; choose "
            "another folder, or delete this one"
        )
