"""What every strategy must hold, as checks that run on any strategy and backbone within seconds.

The test suite runs them on all registered strategies, ``graftbench check FILE.py`` on a user's own.
"""

import dataclasses
import sys
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..bench.backbones import Backbone
from ..bench.errors import UserError, place_in, said_by
from ..bench.numerics import numerical_settings
from ..bench.source import load_exactly
from .base import Strategy, generate, undeclared
from .tiny import CPU
from .trial import SAMPLES, STEPS, Nonconformance, Trial, all_differ, copied

EXPLAINED_ABOVE = 3.0


@dataclass(frozen=True)
class Outcome:
    """The result of one check, named with what it found; ``failure`` is empty if it holds."""

    check: str
    failure: str = ""


def conformance(kind: type[Strategy], backbone: Backbone, device: torch.device = CPU) -> Iterator[Outcome]:
    """Run each check of ``CHECKS`` on a miniature setup. An error inside the strategy fails the check that met it,
    and so does an end of the process.

    On a GPU torch computes deterministically meanwhile, as ``graftbench run --deterministic`` has it: only then are
    equal runs equal to the bit.
    """
    trial = Trial(kind, backbone, device)
    for name, check in CHECKS.items():
        gpu = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=gpu), numerical_settings("float32", deterministic=bool(gpu)):
            try:
                found = check(trial)
            except (Nonconformance, UserError) as failure:
                yield Outcome(name, str(failure))
            except (Exception, SystemExit) as error:
                yield Outcome(name, told(error, kind))
            else:
                yield Outcome(f"{name} ({found})" if found else name)


def told(error: BaseException, kind: type[Strategy]) -> str:
    """What a strategy raised, with the line of its file that it came through."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    place = place_in(file, error)
    where = f"{Path(file).name}, {place}: " if file and place else ""
    advice = "; a strategy must not end the process: raise an error instead" if isinstance(error, SystemExit) else ""
    return f"{where}{said_by(error)}{advice}"


def declares_its_hyper_parameters(trial: Trial) -> None:
    """Each ``tunable`` is a dataclass field and each field ``tunable``, its default inside its range and both of its
    type; a dear strategy says why."""
    if names := undeclared(trial.kind):
        raise Nonconformance(f"put @dataclass above the class, so that {', '.join(names)} can be set in a matrix")
    types = typing.get_type_hints(trial.kind)
    for field in dataclasses.fields(trial.kind):
        where = f"{field.name} = {field.default!r}"
        if "choices" not in field.metadata:
            raise Nonconformance(f"{where} has no search range: declare it with tunable(default, low=, high=)")
        choices, low, high, default = *(field.metadata[name] for name in ("choices", "low", "high")), field.default
        if not (default in choices if choices is not None else low <= default <= high):  # pyright: ignore
            raise Nonconformance(f"{where} lies outside its search range")
        if types[field.name] is int and choices is None and not all(isinstance(v, int) for v in (default, low, high)):
            raise Nonconformance(f"{where} is an int between {low!r} and {high!r}: give whole numbers")
    match trial.kind.max_relative_cost:
        case (int() | float() as bound, str() as reason):
            if bound > EXPLAINED_ABOVE and not reason:
                raise Nonconformance(f"max_relative_cost is {bound:g}: say why in its second element")
        case other:
            raise Nonconformance(f'max_relative_cost is {other!r}: give a number and why, as (5.0, "two generators")')


def trains_without_nan(trial: Trial) -> None:
    """The losses of some steps are finite, detached scalars, and so are all weights."""
    strategy = trial.trained
    for losses in trial.losses:
        for name, loss in losses.items():
            if not isinstance(loss, Tensor) or loss.numel() != 1 or loss.requires_grad:
                raise Nonconformance(f"step returns {name!r} as {loss!r:.60}; return loss.detach()")
            if not torch.isfinite(loss):
                raise Nonconformance(f"the loss {name!r} is {float(loss)}")
    for role, network in strategy.networks().items():
        for name, weight in network.named_parameters():
            if not torch.isfinite(weight).all():
                raise Nonconformance(f"{role}.{name} is not finite after {STEPS} steps")


def trains_at_the_ends_of_its_ranges(trial: Trial) -> None:
    """All hyper-parameters at their lowest, and all at their highest value, still make a step with finite losses."""
    if not trial.kind.trains:
        return
    for end in (0, -1):
        fields = dataclasses.fields(trial.kind)
        params = {f.name: (f.metadata["choices"] or (f.metadata["low"], f.metadata["high"]))[end] for f in fields}
        for name, loss in trial.train(trial.prepared(**params), 0, 1)[0].items():
            if not torch.isfinite(loss).all():
                raise Nonconformance(f"with {params} the loss {name!r} is {float(loss)}")


def samples_images(trial: Trial) -> None:
    """``sample`` gives uint8 images of the right shape, all of them different, and a ``generator`` is exposed."""
    images = trial.sample(trial.settled)
    size = trial.backbone.resolution
    if images.dtype != torch.uint8 or images.shape != (SAMPLES, 3, size, size):
        shape = list(images.shape)
        raise Nonconformance(f"sample({SAMPLES}) gave {images.dtype} {shape}, not uint8 {[SAMPLES, 3, size, size]}")
    if not all_differ(images):
        raise Nonconformance("sample gave the same image twice for different latents")
    if "generator" not in trial.trained.networks():
        raise Nonconformance("networks() has no 'generator'")


def can_be_taken_away(trial: Trial) -> None:
    """The generator's weights fit ``empty_generator``, which then makes the same images, as an exported model must.

    The same but for one grey level: another memory layout of the weights rounds otherwise.
    """
    strategy = trial.settled
    generator = trial.kind.empty_generator(trial.backbone)
    try:
        load_exactly(generator, strategy.networks()["generator"].state_dict(), "generator")
    except UserError as error:
        raise Nonconformance(f"{error}; define empty_generator") from error
    rng = torch.Generator(trial.device).manual_seed(0)
    latents = torch.randn(SAMPLES, generator.latent_dim, generator=rng, device=trial.device)
    images = generate(generator.to(trial.device).eval(), latents)
    if (images.int() - trial.sample(strategy).int()).abs().max() > 1:
        raise Nonconformance("sample makes other images than the generator alone from standard normal latents")


def samples_respect_their_seed(trial: Trial) -> None:
    """Equal states of ``rng`` give equal images whatever the global random state, different ones different images."""
    first = trial.sample(trial.settled)
    torch.rand(7)
    if not torch.equal(first, trial.sample(trial.settled)):
        raise Nonconformance("the same rng state gave other images: draw everything from the rng given to sample")
    if torch.equal(first, trial.sample(trial.settled, seed=1)):
        raise Nonconformance("another rng state gave the same images: use the rng given to sample")


def starts_equal_for_equal_seeds(trial: Trial) -> None:
    """``prepare`` depends on the setup's seeds only, not on the global random state."""
    _ = trial.trained
    message = "prepare gave another start for the same seeds; call torch.manual_seed(setup.seed(...)) before you draw"
    _require_equal(trial.start, trial.second.state_dict(), message)


def resumes_bit_exactly(trial: Trial) -> None:
    """state_dict -> a new object -> prepare -> load_state_dict -> the same next steps and the same images."""
    original = trial.trained
    state, random_state = copied(original.state_dict()), _random_state(trial.device)
    losses = trial.train(original, STEPS, STEPS)
    resumed = trial.second
    resumed.load_state_dict(state)
    _set_random_state(trial.device, random_state)
    hint = "is something that changes in step kept in a place that state_dict does not see?"
    _require_equal(losses, trial.train(resumed, STEPS, STEPS), f"after a resume the losses differ; {hint}")
    _require_equal(original.state_dict(), resumed.state_dict(), f"after a resume the state differs; {hint}")
    _require_equal(trial.sample(original), trial.sample(resumed), f"after a resume the images differ; {hint}")


def moves_only_what_it_trains(trial: Trial) -> str | None:
    """Every tensor outside ``trained()`` is bit-identical after some steps, and something inside has moved.

    How much is said, for whoever named more than they train: a strategy with phases need not move all in some steps.
    """
    strategy = trial.trained
    moved = trial.movement.forbidden()
    if moved:
        raise Nonconformance(f"moved without being in trained(): {', '.join(moved[:5])}")
    moved, named = trial.movement.counts()
    if strategy.trains and not moved:
        raise Nonconformance("nothing in trained() has moved")
    return f"{moved:,} of {named:,} named parameters moved" if strategy.trains else None


CHECKS: dict[str, Callable[[Trial], str | None]] = {
    "declares its hyper-parameters": declares_its_hyper_parameters,
    "trains without NaN": trains_without_nan,
    "moves only what it says it trains": moves_only_what_it_trains,
    "samples images of the right shape and range": samples_images,
    "can be taken away": can_be_taken_away,
    "samples respect their seed": samples_respect_their_seed,
    "starts equal for equal seeds": starts_equal_for_equal_seeds,
    "resumes bit-exactly": resumes_bit_exactly,
    "trains at the ends of its ranges": trains_at_the_ends_of_its_ranges,
}


def _random_state(device: torch.device) -> list[Tensor]:
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])]


def _set_random_state(device: torch.device, state: list[Tensor]) -> None:
    torch.set_rng_state(state[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state[1], device)


def _require_equal(first: Any, second: Any, message: str, where: str = "") -> None:
    """Raise with ``message`` and the first place in which two nested states differ."""
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        for key in first:
            _require_equal(first[key], second[key], message, f"{where}.{key}")
    elif isinstance(first, list | tuple) and isinstance(second, list | tuple) and len(first) == len(second):
        for index, pair in enumerate(zip(first, second, strict=True)):
            _require_equal(*pair, message, f"{where}.{index}")
    elif isinstance(first, Tensor) and isinstance(second, Tensor):
        if not torch.equal(first.cpu(), second.cpu()):
            raise Nonconformance(f"{message} (at {where.strip('.') or 'the images'})")
    elif first != second:
        raise Nonconformance(f"{message} (at {where.strip('.')})")
