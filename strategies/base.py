"""What a strategy is: how a generative model for the target is initialised, trained by one step, and sampled."""

import dataclasses
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from ..bench.backbones.layout import follow_layout
from ..bench.errors import Diverged, UserError

if TYPE_CHECKING:
    from ..bench.augment.base import Augmentation
    from ..bench.backbones.base import AdversarialDefaults, Backbone, Generator
    from ..bench.source import Source

SAMPLING_BATCH = 250
SAMPLING_PIXELS = 1024**2
"""The most images, and pixels, that pass a generator together: 250 images of 256 px took 55 GB of a GPU (StyleGAN2)."""


@dataclass
class Setup:
    """Everything that the engine hands to a strategy."""

    backbone: "Backbone"
    optimisation: "AdversarialDefaults"
    """The backbone's optimiser settings, with what the matrix overrides."""
    shots: Tensor
    """The target's training images: uint8, n x 3 x R x R, on the device."""
    augmentation: "Augmentation"
    batch: int
    steps: int
    """How many times ``step`` will be called (some strategies have phases)."""
    device: torch.device
    seed: Callable[[str], int]
    """Seed of this repetition for a named axis, the same for every strategy: ``seed("generator-init")``."""
    load_source: "Callable[[], Source] | None" = None
    """The trained source model; None where the strategy declares no ``source_kind``."""
    load_source_images: Callable[[], Tensor] | None = None
    """Real images of the source domain: uint8, m x 3 x R x R, on the device."""
    autocast: Callable[[], Any] = dataclasses.field(default=lambda: torch.autocast("cpu", enabled=False))
    """Context manager for the forward passes (bf16 where the matrix asks for it)."""
    compile: str | None = None
    """Backend of ``torch.compile`` for the networks, if they are to be compiled (see ``compile_networks``)."""

    @property
    def source(self) -> "Source":
        if self.load_source is None:
            raise ValueError("this strategy declares source_kind = None, so it was given no source")
        return self.load_source()

    def compile_networks(self, *networks: nn.Module) -> None:
        """Let calls of ``networks`` run through ``torch.compile`` from now on, where the matrix asks for it."""
        if self.compile is not None:
            for network in networks:
                network.compile(backend=self.compile)


def tunable(
    default: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    log: bool = False,
    choices: tuple[Any, ...] | None = None,
    searched: bool = True,
    least: float | None = None,
    most: float | None = None,
) -> Any:
    """A dataclass field for a hyper-parameter with its search range (or its choices).

    ``searched=False`` keeps it out of the random search: it can be set in a matrix, but is not drawn. ``least`` and
    ``most`` bound what may be set: outside of them the strategy cannot run, or a value means nothing.
    """
    if (choices is None) == (low is None or high is None):
        raise TypeError("give either low and high, or choices")
    if log and low is not None and low <= 0:
        raise ValueError(f"log=True needs low above 0, not {low!r}: no logarithmic range begins there")
    metadata = {"low": low, "high": high, "log": log, "choices": choices, "searched": searched}
    metadata |= {"least": least, "most": most}
    return dataclasses.field(default=default, metadata=metadata)


def undeclared(kind: type) -> list[str]:
    """The ``tunable`` attributes of a class that are no hyper-parameters, as no ``@dataclass`` made fields of them."""
    return [name for name, _ in inspect.getmembers_static(kind, lambda value: isinstance(value, dataclasses.Field))]


@dataclass
class Strategy(ABC):
    """A way to get a generative model of the target from a few shots (and usually a source model).

    It owns no loop, no files, no clock and no metrics. Dataclass fields are its hyper-parameters. All its attributes
    that hold state (modules, optimisers, generators, tensors, counters) are saved and restored by ``state_dict``;
    attributes whose name begins with ``source`` hold the frozen source, which ``prepare`` rebuilds.
    """

    source_kind: ClassVar[Literal["gan", "vae"] | None] = "gan"
    """Which kind of source model it starts from, if any."""
    uses_source_images: ClassVar[bool] = False
    """Whether it also trains on real images of the source domain."""
    trains: ClassVar[bool] = True
    """False for a reference that does not adapt at all; ``step`` is then never called."""
    any_augmentation: ClassVar[bool] = False
    """Whether images that are not themselves valid targets (colour-shifted, cut out) may be shown to it."""
    max_relative_cost: ClassVar[tuple[float, str]] = (3.0, "")
    """The most that a step may cost relative to ``finetune``, and why, if it is above 3."""

    @abstractmethod
    def prepare(self, setup: Setup) -> None:
        """Build and initialise the networks and optimisers. Called once, before the first step or a resume."""

    @abstractmethod
    def step(self, real: Tensor) -> dict[str, Tensor]:
        """One update from a batch of target images (float, N x 3 x R x R, in [-1, 1]).

        Returns detached scalar tensors to log; it must not synchronise the device (no ``.item()``).
        """

    @abstractmethod
    def sample(self, count: int, rng: torch.Generator) -> Tensor:
        """``count`` images (uint8, count x 3 x R x R). Equal states of ``rng`` give equal images."""

    @abstractmethod
    def trained(self) -> dict[str, list[nn.Parameter]]:
        """The parameters that ``step`` may change, by network; every other tensor stays bit-identical."""

    def trainable_count(self) -> int:
        """How many numbers training may change; fewer than the parameters hold where a mask fixes some of them."""
        return sum(p.numel() for group in self.trained().values() for p in group)

    def parameter_count(self) -> int:
        """How many parameters the networks have, those that only training needs among them."""
        return sum(p.numel() for network in self.networks().values() for p in network.parameters())

    @abstractmethod
    def networks(self) -> dict[str, nn.Module]:
        """The networks of the adapted model by role: ``generator`` (what is sampled), ``discriminator`` …"""

    @classmethod
    def empty_generator(cls, backbone: "Backbone") -> "Generator":
        """An untrained generator that the weights of ``networks()["generator"]`` fit."""
        return backbone.make_generator()

    def state_dict(self) -> dict[str, Any]:
        """Everything that a bit-exact resume needs: nested dictionaries of tensors and plain numbers.

        Its keys are the same from ``prepare`` to the last step: an attribute that is None at first is no state.
        """
        return {name: _save(value) for name, value in self._stateful().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` gave, after ``prepare``.

        Raises ``UserError`` that names the attributes which that does not fit.
        """
        require_state(self, self._stateful(), state)
        for name, value in state.items():
            try:
                setattr(self, name, _restore(getattr(self, name), value))
            except (KeyError, TypeError, ValueError, RuntimeError) as error:
                if isinstance(error, RuntimeError) and "loading state_dict" not in str(error):  # no memory, say
                    raise
                raise _misfit(self, [name]) from error

    def _stateful(self) -> dict[str, Any]:
        fields = {field.name for field in dataclasses.fields(self)}
        return {
            name: value
            for name, value in vars(self).items()
            if name not in fields and not name.startswith("source") and _has_state(value)
        }


def require_state(strategy: Strategy, expected: Iterable[str], found: Iterable[str]) -> None:
    """Raise ``UserError`` with the attributes that hold state in one of two moments of the training only."""
    if differing := set(expected) ^ set(found):
        raise _misfit(strategy, differing)


def _misfit(strategy: Strategy, names: Iterable[str]) -> UserError:
    attributes = ", ".join(map(repr, sorted(names)))
    return UserError(
        f"strategy {type(strategy).__name__} cannot go on from a checkpoint: state must be there from the start on, "
        f"which is not so for {attributes}; make it in prepare or adapt, each tensor of its full shape"
    )


def _has_state(value: Any) -> bool:
    plain = isinstance(value, bool | int | float | torch.Tensor | torch.Generator)
    return plain or (hasattr(value, "state_dict") and hasattr(value, "load_state_dict"))


def _save(value: Any) -> Any:
    if isinstance(value, torch.Generator):
        return value.get_state()
    return value.state_dict() if hasattr(value, "state_dict") else value


def _restore(current: Any, saved: Any) -> Any:
    if isinstance(current, torch.Generator):
        current.set_state(saved.cpu())
        return current
    if hasattr(current, "load_state_dict"):
        current.load_state_dict(saved)
        if isinstance(current, torch.optim.Optimizer):
            follow_layout(current)
        return current
    if isinstance(current, Tensor) != isinstance(saved, Tensor):
        raise TypeError(f"{type(saved).__name__} for {type(current).__name__}")
    if isinstance(current, Tensor):
        return saved.to(current.device)
    return type(current)(saved)


def to_float(images: Tensor) -> Tensor:
    """uint8 images -> float images in [-1, 1]."""
    return images.float().div_(127.5).sub_(1)


def to_uint8(images: Tensor) -> Tensor:
    """Float images in [-1, 1] -> uint8 images, rounded as an image file would be.

    Raises ``Diverged`` for NaN or infinity, which would pass for black or white.
    """
    if not images.isfinite().all():
        raise Diverged("a generated image holds NaN or infinity")
    return images.float().add(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)


@torch.no_grad()
def generate(generator: "Generator", latents: Tensor) -> Tensor:
    """What ``generator`` makes of N latents, a few at a time: uint8 images, N x 3 x R x R. Raises ``Diverged``."""
    together = min(SAMPLING_BATCH, max(1, SAMPLING_PIXELS // generator.resolution**2))
    return torch.cat([to_uint8(generator(part)) for part in latents.split(together)])
