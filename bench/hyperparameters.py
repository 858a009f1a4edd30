"""Hyper-parameters and settings as a matrix or an option gives them, checked against what declares them."""

import dataclasses
import math
import typing
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import yaml

from .errors import UserError, nearest
from .registries import strategies
from .yaml_core import read_yaml

if TYPE_CHECKING:
    from .backbones import Backbone


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
        values = [
            check_type(v, expected, f"{strategy}.{name}") for v in (value if isinstance(value, list) else [value])
        ]
        choices = fields[name].metadata.get("choices") or ()
        numeric = all(isinstance(choice, int | float) and not isinstance(choice, bool) for choice in choices)
        if not numeric and any(each not in choices for each in values):
            raise UserError(f"{strategy}.{name} is one of {', '.join(map(str, choices))}, not {value!r}")
        low, least, most = (fields[name].metadata.get(bound) for bound in ("low", "least", "most"))
        if low is None and choices and numeric:
            low = min(choices)
        if least is None and low is not None and low >= 0:
            least = 1 if expected is int and low >= 1 else 0
        if least is not None and any(v is not None and v < least for v in values):
            raise UserError(f"{strategy}.{name} must be at least {least:g}, not {value!r}")
        if most is not None and any(v is not None and v > most for v in values):
            raise UserError(f"{strategy}.{name} must be at most {most:g}, not {value!r}")
        checked[name] = values if isinstance(value, list) else values[0]
    return checked


def check_optimisation(backbone: "Backbone", settings: dict[str, Any], where: str = "optimisation") -> dict[str, Any]:
    """The settings in the declared types, less those that the backbone has anyway: equal ones make equal keys.

    Raises ``UserError`` for what the backbone's optimisers and regularisers do not have, and for another type.
    """
    known = [f.name for f in dataclasses.fields(backbone.defaults)]
    types = typing.get_type_hints(type(backbone.defaults))
    checked: dict[str, Any] = {}
    for name, value in settings.items():
        if name not in known:
            raise UserError(f"{where} has no setting {name!r}; {nearest(name, known)}")
        values = _check_setting(f"{where}.{name}", value, types[name])
        own = getattr(backbone.defaults, name)
        if values != (list(own) if isinstance(own, tuple) else [own]):
            checked[name] = values if isinstance(own, tuple) else values[0]
    return checked


def _check_setting(name: str, value: Any, expected: Any) -> list[Any]:
    """The number or numbers of a setting. Refuses another type, and what no optimiser takes."""
    kinds = typing.get_args(expected)
    if isinstance(value, list | tuple) != bool(kinds) or (kinds and len(value) != len(kinds)):
        raise UserError(f"{name} must be {f'{len(kinds)} numbers' if kinds else 'one number'}, not {value!r}")
    values = []
    for each, kind in zip(value if kinds else [value], kinds or [expected], strict=True):
        values.append(check_type(each, kind, name) + 0)  # -0.0 is 0.0
        if values[-1] < 0:
            raise UserError(f"{name} must not be negative, but is {value!r}")
        if name.endswith("betas") and float(each) >= 1:
            raise UserError(f"{name} must be below 1, but are {value!r}")
        if name.endswith(("_every", "half_life_kimg")) and float(each) == 0:
            raise UserError(f"{name} must be more than 0")
        if name.endswith("lr_decay") and float(each) > 1:
            raise UserError(
                f"{name} is the share of the learning rates that is left at the end, at most 1, not {value!r}"
            )
    return values


def parse_settings(options: Iterable[str], flag: str, example: str) -> dict[str, Any]:
    """``NAME=VALUE`` strings of a command-line option, each value read as YAML. Raises ``UserError``."""
    settings = {}
    for option in options:
        name, equals, value = option.partition("=")
        if name.strip() in settings:
            raise UserError(f"{flag} gives {name.strip()!r} twice; remove one of them")
        try:
            settings[name.strip()] = read_yaml(value)
        except (yaml.YAMLError, ValueError):  # the latter for !!int x
            equals = ""
        if not (name.strip() and equals):
            raise UserError(f"{flag} {option!r}: give NAME=VALUE, such as {example}")
    return settings


def check_type(value: Any, expected: Any, where: str) -> Any:
    """The value as the declared type; raises ``UserError`` for another one, and for NaN and infinity."""
    if expected is float:
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise UserError(f"{where} must be a finite number, not {value!r}")
        return number
    kinds = typing.get_args(expected) or (expected,)
    classes = tuple(type(k) if not isinstance(k, type) else k for k in kinds)
    if not isinstance(value, classes) or (isinstance(value, bool) and bool not in classes):
        raise UserError(f"{where} must be {getattr(expected, '__name__', expected)}, not {value!r}")
    return value
