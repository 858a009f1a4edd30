"""Checkpoints: nested state as one safetensors file, written by rename, the previous one kept until proven readable.

No pickle: tensors go to safetensors, everything else (numbers, strings, lists) to JSON in its header.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from .files import write_atomically

NEWEST, PREVIOUS = "checkpoint.safetensors", "checkpoint.previous.safetensors"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Make ``state`` the newest checkpoint of ``folder``.

    The old newest becomes the previous one, unless it is itself unreadable (a truncated file must not push out the
    last good one).
    """
    newest, previous = folder / NEWEST, folder / PREVIOUS
    if newest.exists() and _is_whole(newest):
        newest.replace(previous)
    write_atomically(newest, encode(state))


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The newest readable checkpoint of ``folder``, or None if there is none."""
    for name in (NEWEST, PREVIOUS):
        path = folder / name
        if path.exists() and _is_whole(path):
            return decode(path)
    return None


def remove_checkpoints(folder: Path) -> None:
    for name in (NEWEST, PREVIOUS):
        (folder / name).unlink(missing_ok=True)


def encode(state: dict[str, Any]) -> bytes:
    """Nested dictionaries and lists of tensors and plain values as safetensors bytes, with a hash of all of it."""
    tensors: dict[str, Tensor] = {}
    plain = json.dumps(_strip(state, "", tensors))
    return save(tensors, {"state": plain, "sha256": _digest(plain, tensors)})


def decode(path: Path) -> dict[str, Any]:
    """The inverse of ``encode``."""
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        return _fill(json.loads(file.metadata()["state"]), tensors)


def _is_whole(path: Path) -> bool:
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            said = file.metadata() or {}
            return said.get("sha256") == _digest(said.get("state", ""), tensors)
    except (SafetensorError, OSError):
        return False


def _digest(plain: str, tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(plain.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _strip(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """Move the tensors of ``value`` to ``tensors`` under their path, leaving a marker; keys keep their type."""
    if isinstance(value, Tensor):
        # A copy each: safetensors refuses tensors that share memory.
        tensors[path] = value.detach().cpu().contiguous().clone()
        return {"tensor": path}
    if isinstance(value, dict):
        return {"dict": [[k, _strip(v, f"{path}/{k}", tensors)] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_strip(v, f"{path}/{i}", tensors) for i, v in enumerate(value)]}
    if value is None or isinstance(value, bool | int | float | str):
        return {"value": value}
    raise TypeError(f"a checkpoint holds tensors and plain values; {path} is a {type(value).__name__}")


def _fill(marker: dict[str, Any], tensors: dict[str, Tensor]) -> Any:
    ((kind, content),) = marker.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {k: _fill(v, tensors) for k, v in content}
    if kind in ("list", "tuple"):
        items = [_fill(v, tensors) for v in content]
        return tuple(items) if kind == "tuple" else items
    return content
