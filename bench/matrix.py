"""What a user asks for: a YAML file, validated, and expanded into cells."""

import dataclasses
import itertools
import math
import typing
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from ..datasets.pairs import is_pair, parse_pair
from .errors import UserError, nearest
from .registries import augmentations, backbones, domains, extractors, strategies

SHIPPED = Path(__file__).parent / "matrices"
MOST_SEEDS = 10_000


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value(cls, value: Any, info: ValidationInfo) -> Any:
        """YAML's ``yes`` and ``true`` would count as the number 1."""
        field = cls.model_fields[info.field_name or ""]
        if field.annotation is not bool and any(isinstance(each, bool) for each in _as_list(value)):
            raise ValueError("must not be true or false")
        return value


class BackboneChoice(_Section):
    """Which networks, at which resolution in pixels and width in channels (the backbone's default if left out)."""

    name: str = "dcgan"
    resolution: int = Field(32, gt=0)
    width: int = Field(32, gt=0, le=4096)


class SourceChoice(_Section):
    """The source domain, and how its model is trained where none is shipped, cached or given.

    ``model`` may be the folder of an imported or pretrained artefact, or a public source (``graftbench list sources``).
    """

    domain: str
    kimg: float = Field(100, gt=0)
    batch: int = Field(64, gt=0)
    seed: int = Field(0, ge=0)
    model: str | None = None


class Target(_Section):
    """A target domain; ``source`` and ``shots`` override the matrix's. ``ffhq->babies@10`` says all three."""

    domain: str
    source: SourceChoice | None = None
    shots: list[Annotated[int, Field(gt=0)]] = []


class StrategyChoice(_Section):
    """A strategy and the hyper-parameters to set; a list of values makes a grid."""

    name: str
    params: dict[str, Any] = {}


class Budget(_Section):
    """How much is trained: thousand real images shown, in batches."""

    kimg: float = Field(gt=0)
    batch: int = Field(64, gt=0)


class Evaluation(_Section):
    """How it is measured: evenly spaced ``points`` after the one at 0 kimg, with so many fakes and real images."""

    extractor: str = "efficientnet-lite0-64"
    points: int = Field(5, gt=0)
    fakes: int = Field(500, gt=1)
    reals: int = Field(1000, gt=1)
    protocol: Literal["held-out", "literature"] = "held-out"


class Tuning(_Section):
    """How many settings of its hyper-parameters each strategy may try, each at the full budget."""

    trials: int = Field(gt=1)


class Matrix(_Section):
    """A benchmark: every strategy on every target, with every number of shots and every seed."""

    name: str
    backbone: BackboneChoice = Field(default_factory=lambda: BackboneChoice.model_validate({}))
    source: SourceChoice
    targets: list[Target] = Field(min_length=1)
    shots: list[Annotated[int, Field(gt=0)]] = Field(min_length=1)
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1)
    strategies: list[StrategyChoice] = Field(min_length=1)
    augment: list[str] = Field(["none"], min_length=1)
    optimisation: dict[str, Any] = {}
    tune: Tuning | None = None
    budget: Budget
    evaluation: Evaluation = Field(default_factory=lambda: Evaluation.model_validate({}))
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    compile: bool = False
    """Run the networks through ``torch.compile`` (steps with a gradient penalty excepted, which it cannot do)."""
    timeout_minutes: float = Field(240, gt=0)
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
        if value.strip() in ("", ".", "..") or set(value) & set("/\\\0"):
            raise ValueError("must be a folder's name, without slashes: results go to runs/NAME")
        return value

    @field_validator("backbone", mode="before")
    @classmethod
    def _backbone_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("source", mode="before")
    @classmethod
    def _source_name(cls, value: Any) -> Any:
        return {"domain": value} if isinstance(value, str) else value

    @field_validator("targets", mode="before")
    @classmethod
    def _target_names(cls, value: Any) -> Any:
        return [_target(item) if isinstance(item, str) else item for item in _as_list(value)]

    @field_validator("shots", "augment", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return _as_list(value)

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
                item = {"name": name, "params": params or {}}
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
        if target.source == SourceChoice(domain=self.source.domain):  # type: ignore[call-arg]
            return self.source
        return target.source or self.source

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


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def load_matrix(name: str) -> Matrix:
    """A shipped matrix by name, or one from a YAML file. Raises ``UserError`` that says what is wrong and where."""
    path = SHIPPED / f"{name}.yaml"
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
    elif not path.is_file():
        shipped = [p.stem for p in SHIPPED.glob("*.yaml")]
        raise UserError(f"unknown matrix {name!r}; {nearest(name, shipped)} (or give a path ending in .yaml)")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    except RecursionError:
        raise UserError(f"{path}: nested too deeply for a matrix") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: must be a mapping with keys such as targets, strategies, budget")
    return parse_matrix({"name": path.stem, **content}, str(path))


def parse_matrix(content: dict[str, Any], where: str) -> Matrix:
    """Validate a mapping. Raises ``UserError`` with one line for the first mistake."""
    try:
        return Matrix.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "matrix"
        if first["type"] == "extra_forbidden":
            known = _known_keys(first["loc"])
            raise UserError(f"{where}: unknown key {place!r}; {nearest(str(first['loc'][-1]), known)}") from error
        if first["type"] == "missing":
            raise UserError(f"{where}: the key {place!r} is missing") from error
        message = first["msg"].removeprefix("Value error, ").partition(" or instance of ")[0]
        message = message.replace("a valid dictionary", "a mapping").replace("a valid list", "a list")
        raise UserError(f"{where}: {place}: {message} (got {first['input']!r:.80})") from error
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    """The keys that the section holding the misspelt one has."""
    section: Any = Matrix
    for part in location[:-1]:
        if isinstance(part, str) and part in section.model_fields:
            hint = section.model_fields[part].annotation
            section = next(
                (t for t in [hint, *typing.get_args(hint)] if isinstance(t, type) and issubclass(t, _Section)), section
            )
    return list(section.model_fields)


def check_params(strategy: str, params: dict[str, Any]) -> dict[str, Any]:
    """The hyper-parameters, converted to the declared types.

    Raises ``UserError`` for an unknown name or a value (or list element) of another type.
    """
    if not params:
        return {}
    kind = strategies.get(strategy)
    fields = {f.name: f for f in dataclasses.fields(kind)}
    checked: dict[str, Any] = {}
    for name, value in params.items():
        if name not in fields:
            raise UserError(f"strategy {strategy!r} has no hyper-parameter {name!r}; {nearest(name, fields)}")
        expected = typing.get_type_hints(kind)[name]
        values = [check_type(v, expected, f"{strategy}.{name}") for v in _as_list(value)]
        choices = fields[name].metadata.get("choices")
        if choices and isinstance(choices[0], str) and set(values) - set(choices):
            raise UserError(f"{strategy}.{name} is one of {', '.join(choices)}, not {value!r}")
        low = fields[name].metadata.get("low")
        if low is None and choices and not isinstance(choices[0], str):
            low = min(choices)
        least = None if low is None else 1 if expected is int and low >= 1 else 0 if low >= 0 else None
        if least is not None and any(v is not None and v < least for v in values):
            raise UserError(f"{strategy}.{name} must be at least {least}, not {value!r}")
        checked[name] = values if isinstance(value, list) else values[0]
    return checked


def check_type(value: Any, expected: Any, where: str) -> Any:
    """The value as the declared type; raises ``UserError`` for another one, and for NaN and infinity."""
    if expected is float:
        try:
            number = math.nan if isinstance(value, bool) else float(value)  # YAML reads 1e-3 as a word
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise UserError(f"{where} must be a finite number, not {value!r}")
        return number
    kinds = typing.get_args(expected) or (expected,)
    classes = tuple(type(k) if not isinstance(k, type) else k for k in kinds)
    if not isinstance(value, classes) or (isinstance(value, bool) and bool not in classes):
        raise UserError(f"{where} must be {getattr(expected, '__name__', expected)}, not {value!r}")
    return value


def _target(text: str) -> dict[str, Any]:
    """A target domain's name, or a pair such as ``ffhq->babies@10``."""
    if not is_pair(text):
        return {"domain": text}
    pair = parse_pair(text)
    return {"domain": pair.target, "source": {"domain": pair.source}, "shots": [pair.shots]}
