"""The conformance checks fail for strategies that break what they check, and name the right check."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from graftbench.strategies import Strategy, to_uint8, tunable
from graftbench.strategies.conformance import CHECKS, conformance
from graftbench.strategies.finetune import FineTune
from graftbench.strategies.frozen_d import FrozenD
from graftbench.strategies.tiny import tiny_backbone


@dataclass
class WithoutARange(FineTune):
    strength: float = 1.0


@dataclass
class DefaultOutsideItsRange(FineTune):
    strength: float = tunable(5.0, low=0.0, high=1.0)


@dataclass
class DearWithoutAReason(FineTune):
    max_relative_cost: ClassVar[tuple[float, str]] = (9.0, "")


@dataclass
class Diverging(FineTune):
    def generator_penalty(self):
        return torch.tensor(float("nan"))


@dataclass
class AttachedLosses(FineTune):
    def step(self, real):
        return super().step(real) | {"penalty": self.generator.output[0].weight.sum()}


@dataclass
class TrainsMoreThanItSays(FineTune):
    def trained(self):
        return {**super().trained(), "discriminator": []}


@dataclass
class FreezesWithoutEvalMode(FrozenD):
    """On a spectrally normalised discriminator the vectors of the frozen blocks go on moving."""

    def adapt(self):
        for block in self.discriminator.blocks[:-1]:
            for module in block.modules:
                module.requires_grad_(False)


@dataclass
class MovesItsSource(FineTune):
    def adapt(self):
        self.source_generator = self.setup.source.make_generator()

    def generator_penalty(self):
        self.source_generator.output[0].weight.data.add_(1.0)
        return 0.0


@dataclass
class MovesNothing(FineTune):
    def step(self, real):
        return {}


@dataclass
class FloatImages(FineTune):
    def sample(self, count, rng):
        return super().sample(count, rng).float()


@dataclass
class OneImage(FineTune):
    def sample(self, count, rng):
        return super().sample(1, rng).expand(count, -1, -1, -1)


@dataclass
class IgnoresItsSeed(FineTune):
    @torch.no_grad()
    def sample(self, count, rng):
        return to_uint8(self.average.module(torch.randn(count, self.generator.latent_dim)))


@dataclass
class SamplesElsewhere(FineTune):
    @torch.no_grad()
    def sample(self, count, rng):
        return to_uint8(self.average.module(1 + torch.randn(count, self.generator.latent_dim, generator=rng)))


@dataclass
class UnseededStart(FineTune):
    def make_discriminator(self):
        return self.setup.backbone.make_discriminator()


@dataclass
class ForgetsOnResume(FineTune):
    def adapt(self):
        self.history = []

    def generator_penalty(self):
        self.history.append(1.0)
        return sum(self.history) * self.generator.output[0].weight.square().sum()


@dataclass
class DivergesAtItsHighest(FineTune):
    strength: float = tunable(1.0, low=0.1, high=1e39)

    def generator_penalty(self):
        return self.strength * sum(p.square().sum() for p in self.generator.parameters())


BROKEN = [
    (WithoutARange, "dcgan", "declares its hyper-parameters"),
    (DefaultOutsideItsRange, "dcgan", "declares its hyper-parameters"),
    (DearWithoutAReason, "dcgan", "declares its hyper-parameters"),
    (Diverging, "dcgan", "trains without NaN"),
    (AttachedLosses, "dcgan", "trains without NaN"),
    (TrainsMoreThanItSays, "dcgan", "moves only what it says it trains"),
    (FreezesWithoutEvalMode, "sngan", "moves only what it says it trains"),
    (MovesItsSource, "dcgan", "moves only what it says it trains"),
    (MovesNothing, "dcgan", "moves only what it says it trains"),
    (FloatImages, "dcgan", "samples images of the right shape and range"),
    (OneImage, "dcgan", "samples images of the right shape and range"),
    (SamplesElsewhere, "dcgan", "can be taken away"),
    (IgnoresItsSeed, "dcgan", "samples respect their seed"),
    (UnseededStart, "dcgan", "starts equal for equal seeds"),
    (ForgetsOnResume, "dcgan", "resumes bit-exactly"),
    (DivergesAtItsHighest, "dcgan", "trains at the ends of its ranges"),
]


@pytest.mark.parametrize(("kind", "backbone", "check"), BROKEN, ids=lambda value: getattr(value, "__name__", None))
def test_a_broken_strategy_fails_the_check_that_says_so(kind, backbone, check):
    assert issubclass(kind, Strategy)
    failures = {o.check: o.failure for o in conformance(kind, tiny_backbone(backbone)) if o.failure}
    assert check in failures, failures


def test_every_check_is_shown_to_fail():
    assert {check for _, _, check in BROKEN} == set(CHECKS)
