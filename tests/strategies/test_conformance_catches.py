"""The conformance checks fail for strategies that break what they check, and name the right check."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from graftbench.bench.errors import UserError
from graftbench.strategies import Strategy, generate, to_uint8, tunable
from graftbench.strategies.conformance import CHECKS, conformance
from graftbench.strategies.finetune import FineTune
from graftbench.strategies.frozen_d import FrozenD
from graftbench.strategies.step_cost import Contender, relative_step_costs
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


class WithoutADataclass(FineTune):
    strength: float = tunable(0.5, low=0.1, high=1.0)


@dataclass
class WholeBetweenFractions(FineTune):
    rank: int = tunable(2, low=1.5, high=4.0)


@dataclass
class DearWithoutATuple(FineTune):
    max_relative_cost = 5.0  # pyright: ignore


@dataclass
class Exits(FineTune):
    def generator_penalty(self):
        sys.exit(0)


@dataclass
class BreaksInAHook(FineTune):
    def generator_penalty(self):
        return self.no_such_attribute  # the line that is named


@dataclass
class MakesStateLate(FineTune):
    at: ClassVar[int] = 2

    def adapt(self):
        self.momentum = None

    def step(self, real):
        if self.steps_done == self.at:
            self.momentum = torch.zeros(3)
        return super().step(real)


@dataclass
class MakesStateLater(MakesStateLate):
    at: ClassVar[int] = 10


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
    (WithoutADataclass, "dcgan", "declares its hyper-parameters"),
    (WholeBetweenFractions, "dcgan", "declares its hyper-parameters"),
    (DearWithoutATuple, "dcgan", "declares its hyper-parameters"),
    (Exits, "dcgan", "trains without NaN"),
    (BreaksInAHook, "dcgan", "trains without NaN"),
    (MakesStateLate, "dcgan", "resumes bit-exactly"),
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


LINE = next(n for n, line in enumerate(Path(__file__).read_text().splitlines(), 1) if "no_such_attribute  #" in line)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (WithoutADataclass, "put @dataclass above the class, so that strength can be set"),
        (WholeBetweenFractions, "rank = 2 is an int between 1.5 and 4.0: give whole numbers"),
        (DearWithoutATuple, 'max_relative_cost is 5.0: give a number and why, as (5.0, "two generators")'),
        (Exits, "SystemExit: 0; a strategy must not end the process"),
        (BreaksInAHook, f"test_conformance_catches.py, line {LINE}: AttributeError: "),
        (MakesStateLate, "which is not so for 'momentum'; make it in prepare or adapt"),
    ],
)
def test_a_failure_says_in_one_line_what_to_mend_and_where(kind, message):
    check = next(check for broken, _, check in BROKEN if broken is kind)
    (failure,) = [o.failure for o in conformance(kind, tiny_backbone()) if o.check == check]
    assert message in failure and "\n" not in failure


@pytest.mark.parametrize(("kind", "message"), [(Exits, "ends the process"), (MakesStateLater, "'momentum'")])
def test_what_only_more_steps_show_is_met_when_the_cost_is_measured(kind, message):
    with pytest.raises(UserError, match=message):
        relative_step_costs({"it": Contender(kind)}, tiny_backbone(), batch=4, rounds=1)


@dataclass
class KeepsNoSetup(Strategy):
    """Written from the abstract class alone."""

    rate: float = tunable(1e-3, low=1e-4, high=1e-2, log=True)

    def prepare(self, setup):
        self.generator = setup.source.make_generator().to(setup.device).train()
        self.rng = torch.Generator(setup.device).manual_seed(setup.seed("latents"))
        self.optimiser = torch.optim.Adam(self.generator.parameters(), lr=self.rate)

    def step(self, real):
        latents = torch.randn(len(real), self.generator.latent_dim, generator=self.rng)
        loss = (self.generator(latents) - real).abs().mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return {"l1": loss.detach()}

    def sample(self, count, rng):
        latents = torch.randn(count, self.generator.latent_dim, generator=rng)
        images = generate(self.generator.eval(), latents)
        self.generator.train()
        return images

    def trained(self):
        return {"generator": list(self.generator.parameters())}

    def networks(self):
        return {"generator": self.generator}


def test_a_strategy_need_not_keep_its_setup():
    outcomes = list(conformance(KeepsNoSetup, tiny_backbone()))
    assert [f"{o.check}: {o.failure}" for o in outcomes if o.failure] == []


@dataclass
class NamesMoreThanItTrains(FineTune):
    def generator_parameters(self):
        return list(self.generator.parameters())

    def adapt(self):
        for parameter in list(self.generator.parameters())[1:]:
            parameter.requires_grad_(False)


@pytest.mark.parametrize(("kind", "all_moved"), [(FineTune, True), (NamesMoreThanItTrains, False)])
def test_it_says_how_many_of_the_named_parameters_moved(kind, all_moved):
    (said,) = [o.check for o in conformance(kind, tiny_backbone()) if o.check.startswith("moves only")]
    found = re.search(r"\(([\d,]+) of ([\d,]+) named parameters moved\)$", said)
    assert found is not None, said
    moved, named = found.groups()
    assert (moved == named) == all_moved
