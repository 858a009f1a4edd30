"""What a user asks for: a benchmark, validated (see ``matrix_file`` for reading and ``planning`` for its cells)."""

import itertools
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ..datasets.pairs import is_pair, parse_pair
from .errors import UserError
from .hyperparameters import check_params
from .registries import augmentations, backbones, domains, extractors, strategies

MOST_SEEDS = 10_000
MOST_KIMG = 1_000_000
"""A thousand million images: forty times the longest published training. More is a slip of the keyboard."""
MOST_BATCH = 65_536
MOST_IMAGES = 1_000_000
MOST_POINTS = 10_000
MOST_MINUTES = 1_000_000
MOST_SEED = 2**63 - 1
"""What a column of rows can hold."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value(cls, value: Any, info: ValidationInfo) -> Any:
        """YAML's ``true`` would count as the number 1."""
        field = cls.model_fields[info.field_name or ""]
        if field.annotation is not bool and any(isinstance(each, bool) for each in _as_list(value)):
            raise ValueError("must not be true or false")
        return value


def _as_list(value: Any) -> Any:
    """A single value stands for a list of one."""
    return value if isinstance(value, list) else [value]


def _as_domain(value: Any) -> Any:
    """A name alone is that of the domain."""
    return {"domain": value} if isinstance(value, str) else value


Shots = Annotated[list[Annotated[int, Field(gt=0, le=MOST_IMAGES)]], BeforeValidator(_as_list)]


class BackboneChoice(Section):
    """Which networks, at which resolution in pixels and width in channels (32 if left out, whatever the backbone)."""

    name: str = "dcgan"
    resolution: int = Field(32, gt=0, le=4096)
    width: int = Field(32, gt=0, le=4096)


class SourceChoice(Section):
    """The source domain, and how its model is trained where none is shipped, cached or given.

    ``model`` may be the folder of an imported or pretrained artefact, or a public source (``graftbench list sources``).
    """

    domain: str
    kimg: float = Field(100, gt=0, le=MOST_KIMG)
    batch: int = Field(64, gt=0, le=MOST_BATCH)
    seed: int = Field(0, ge=0, le=MOST_SEED)
    optimisation: dict[str, Any] = {}
    """As the matrix's, for the training of the source."""
    augment: str = "none"
    """What the source GAN's discriminator sees the images through; a VAE learns them as they are."""
    model: str | None = Field(None, min_length=1)

    @field_validator("augment")
    @classmethod
    def _augmentation_exists(cls, value: str) -> str:
        augmentations.entry(value)
        return value


Source = Annotated[SourceChoice, BeforeValidator(_as_domain)]


class Target(Section):
    """A target domain; ``source`` and ``shots`` override the matrix's. ``ffhq->babies@10`` says all three."""

    domain: str
    source: Source | None = None
    shots: Shots = []


class StrategyChoice(Section):
    """A strategy and the hyper-parameters to set; a list of values makes a grid."""

    name: str
    params: dict[str, Any] = {}


class Budget(Section):
    """How much is trained: thousand real images shown, in batches."""

    kimg: float = Field(gt=0, le=MOST_KIMG)
    batch: int = Field(64, gt=0, le=MOST_BATCH)


class Evaluation(Section):
    """How it is measured: evenly spaced ``points`` after the one at 0 kimg, with so many fakes and real images."""

    extractor: str = "efficientnet-lite0-64"
    points: int = Field(5, gt=0, le=MOST_POINTS)
    fakes: int = Field(500, gt=1, le=MOST_IMAGES)
    reals: int = Field(1000, gt=1, le=MOST_IMAGES)
    protocol: Literal["held-out", "literature"] = "held-out"


class Tuning(Section):
    """How many settings of its hyper-parameters each strategy may try, each at the full budget."""

    trials: int = Field(gt=1, le=MOST_POINTS)


class Matrix(Section):
    """A benchmark: every strategy on every target, with every number of shots and every seed."""

    name: str
    backbone: BackboneChoice = Field(default_factory=lambda: BackboneChoice.model_validate({}))
    source: Source
    targets: list[Target] = Field(min_length=1)
    shots: Shots = Field(min_length=1)
    seeds: list[Annotated[int, Field(ge=0, le=MOST_SEED)]] = Field(min_length=1)
    strategies: list[StrategyChoice] = Field(min_length=1)
    augment: Annotated[list[str], BeforeValidator(_as_list)] = Field(["none"], min_length=1)
    optimisation: dict[str, Any] = {}
    tune: Tuning | None = None
    budget: Budget
    evaluation: Evaluation = Field(default_factory=lambda: Evaluation.model_validate({}))
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    compile: bool = False
    """Run what is trained through ``torch.compile`` (steps with a gradient penalty excepted, which it cannot do)."""
    timeout_minutes: float = Field(240, gt=0, le=MOST_MINUTES)
    """A cell that takes longer is stopped and recorded as ``timeout``."""
    seconds_per_kimg: float | None = Field(None, gt=0)
    """What training by fine-tuning is expected to take, for the hours that ``graftbench plan`` states; measure yours
    with ``graftbench throughput``. It changes nothing else."""
    memory_gb: float | None = Field(None, gt=0)
    """A cell that takes more main memory is stopped and recorded as ``out-of-memory``; its share of the machine (nine
    tenths, divided by the cells side by side) if left out."""

    @field_validator("name")
    @classmethod
    def _folder_name(cls, value: str) -> str:
        if value.strip() in ("", ".", "..") or set(value) & set("/\\") or not value.isprintable():
            raise ValueError(
                "must be a folder's name, of characters that can be printed and no slashes: results go to runs/NAME"
            )
        return value

    @field_validator("backbone", mode="before")
    @classmethod
    def _backbone_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("targets", mode="before")
    @classmethod
    def _target_names(cls, value: Any) -> Any:
        return [_target(item) if isinstance(item, str) else item for item in _as_list(value)]

    @field_validator("seeds", mode="before")
    @classmethod
    def _seed_count(cls, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            return value
        if not 1 <= value <= MOST_SEEDS:
            raise ValueError(f"give a number from 1 to {MOST_SEEDS}, or a list of seeds")
        return list(range(value))

    @field_validator("strategies", mode="before")
    @classmethod
    def _strategy_names(cls, value: Any) -> Any:
        """``finetune`` or ``{l2-sp: {strength: [0.01, 0.1]}}``."""
        choices = []
        for item in _as_list(value):
            if isinstance(item, dict) and len(item) == 1 and "name" not in item:
                ((name, params),) = item.items()
                item = {"name": name, "params": {} if params is None else params}
            choices.append({"name": item} if isinstance(item, str) else item)
        return choices

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        backbones.entry(self.backbone.name)
        extractors.entry(self.evaluation.extractor)
        for name in self.augment:
            augmentations.entry(name)
        for choice in self.strategies:
            strategies.entry(choice.name)
        for domain in [self.source.domain, *(target.domain for target in self.targets)]:
            domains.entry(domain.partition(":")[0])
        return self

    def source_of(self, target: Target) -> SourceChoice:
        """A pair names the domain only: where that is the matrix's own source, it is trained as the matrix says."""
        named = target.source
        if named is None or (named.domain == self.source.domain and named.model_fields_set == {"domain"}):
            return self.source
        return named

    def shots_of(self, target: Target) -> list[int]:
        return target.shots or self.shots

    def variants(self) -> list[tuple[str, dict[str, Any]]]:
        """Each strategy with each point of its hyper-parameter grid, checked against its declared fields."""
        found = []
        for choice in self.strategies:
            params = check_params(choice.name, choice.params)
            grid = [_as_list(values) for values in params.values()]
            for param, values in zip(params, grid, strict=True):
                if not values:
                    raise UserError(f"{choice.name}.{param} is an empty list; give a value or a list of values")
            found += [(choice.name, dict(zip(params, point, strict=True))) for point in itertools.product(*grid)]
        return found


def _target(text: str) -> dict[str, Any]:
    """A target domain's name, or a pair such as ``ffhq->babies@10``."""
    if not is_pair(text):
        return {"domain": text}
    pair = parse_pair(text)
    return {"domain": pair.target, "source": {"domain": pair.source}, "shots": [pair.shots]}
