"""Public checkpoints of other code bases -> source artefacts, tensor by tensor or not at all."""

import argparse
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from .backbones import Backbone, make_backbone
from .errors import UserError
from .files import sha256_of
from .seeds import seed_for
from .source import load_exactly, save_source

Format = Literal["rosinality", "cdc", "safetensors"]
MODULE = "module."
NOISES = "noises."
NOT_WEIGHTS = ("g_optim", "d_optim", "e_optim", "args", "ada_aug_p", "iter")
"""What a checkpoint of the public training scripts may hold beside weights; it is left out, and that is said."""
NVIDIA_MARKS = (b"torch_utils.persistence", b"dnnlib", b"training.networks")
SNIFFED_BYTES = 1 << 16
COUNTERS = ".num_batches_tracked"
"""BatchNorm's count of batches, the one integer in a network."""

NVIDIA_ADVICE = (
    "is an NVIDIA pickle, which holds program code that runs when it is read, so it is refused. Convert it where you "
    "trust it: convert_weight.py of rosinality/stylegan2-pytorch reads those of TensorFlow (give --gen --disc to keep "
    "both networks), export_weights.py of the forks of stylegan2-ada-pytorch those of PyTorch (generator only); then "
    "import the result with --format rosinality"
)


@dataclass
class Imported:
    """Networks of a checkpoint that fitted exactly, and what is to be said about it."""

    backbone: Backbone
    networks: dict[str, nn.Module]
    notes: list[str] = field(default_factory=list)


class LatentAverage(nn.Module):
    """The mean style of a generator (``latent_avg``), kept for truncation."""

    def __init__(self, latent_avg: Tensor):
        super().__init__()
        self.register_buffer("latent_avg", latent_avg.detach().clone().float())


def import_checkpoint(
    file: Path,
    kind: Format,
    folder: Path,
    domain: str,
    backbone: Backbone | None = None,
    *,
    resolution: int | None = None,
    url: str = "",
) -> Imported:
    """Write the artefact of a checkpoint into ``folder``.

    ``backbone`` says what a ``safetensors`` file holds; the other formats are StyleGAN2 and say it themselves.
    ``resolution`` is the one that it must have, where that is known; ``url`` is where it came from, for the record.
    Raises ``UserError`` with every difference if a tensor is missing, left over or of another shape.
    """
    if not file.is_file():
        raise UserError(f"{file}: no such file")
    if kind == "safetensors":
        if backbone is None:
            raise UserError("--format safetensors needs --backbone, --resolution and --width")
        imported = read_safetensors(file, backbone)
    else:
        imported = read_stylegan2(file, strip_module=kind == "cdc")
    found = imported.backbone
    if resolution not in (None, found.resolution):
        raise UserError(f"{file}: makes images of {found.resolution} px, not of {resolution} px; it is another model")
    spec = {
        "kind": "gan" if "discriminator" in imported.networks or "encoder" not in imported.networks else "vae",
        "backbone": "stylegan2" if backbone is None else _name(backbone),
        "resolution": found.resolution,
        "width": found.width,
        "domain": domain,
        "imported": {"file": file.name, "sha256": sha256_of(file), "format": kind, "notes": imported.notes, "url": url},
    }
    save_source(folder, spec, imported.networks, curve=[])
    return imported


def _name(backbone: Backbone) -> str:
    from .registries import backbones

    return next(name for name in backbones.names() if backbones.get(name) is type(backbone))


def read_stylegan2(file: Path, *, strip_module: bool) -> Imported:
    """A checkpoint of rosinality's layout; with ``strip_module`` the ``module.`` of DistributedDataParallel goes."""
    content = _load_tensors(file)
    if "g_ema" not in content:
        raise UserError(f"{file}: has no 'g_ema' (found {', '.join(map(str, content))}); not rosinality's layout")
    if unknown := set(content) - {"g", "d", "g_ema", "latent_avg", *NOT_WEIGHTS}:
        raise UserError(
            f"{file}: holds {', '.join(sorted(map(str, unknown)))}, which rosinality's layout does not have"
        )
    states = {name: _state(content[name], name, file, strip_module) for name in ("g_ema", "g", "d") if name in content}
    backbone = make_backbone("stylegan2", *_resolution_and_width(states["g_ema"], file))
    notes = []
    generator = backbone.make_generator()
    for name in ("g_ema", "g"):
        if name in states and not any(key.startswith(NOISES) for key in states[name]):
            states[name] |= _drawn_noises(generator)
            notes.append(f"{name} holds no fixed noise (older checkpoints do not); it was drawn with a fixed seed")
    if "g" in states:
        load_exactly(generator, states["g"], "generator g")
        notes.append("g (the generator without averaging) fits and is not kept: a transfer starts from g_ema")
    load_exactly(generator, states["g_ema"], "generator g_ema")
    networks: dict[str, nn.Module] = {"generator": generator}
    if "d" in states:
        discriminator = backbone.make_discriminator()
        load_exactly(discriminator, states["d"], "discriminator d")
        networks["discriminator"] = discriminator
    else:
        notes.append("there is no discriminator: only strategies that start from the generator alone can use it")
    if "latent_avg" in content:
        average = content["latent_avg"]
        if not isinstance(average, Tensor) or average.shape != (backbone.width,):
            raise UserError(f"{file}: 'latent_avg' is no vector of {backbone.width}; not rosinality's layout")
        _require_weights({"latent_avg": average}, file)
        networks["mapping"] = LatentAverage(average)
    if left := [name for name in content if name in NOT_WEIGHTS]:
        notes.append(f"left out, since they are no weights: {', '.join(left)}")
    return Imported(backbone, networks, notes)


def read_safetensors(file: Path, backbone: Backbone) -> Imported:
    """Our own layout: tensors named ``generator.…``, ``discriminator.…``, ``encoder.…``."""
    try:
        tensors = load_file(file)
    except SafetensorError as error:
        raise UserError(f"{file}: not a safetensors file ({error})") from error
    makers = {
        "generator": backbone.make_generator,
        "discriminator": backbone.make_discriminator,
        "encoder": backbone.make_encoder,
    }
    states: dict[str, dict[str, Tensor]] = {}
    _require_weights({name: tensor for name, tensor in tensors.items() if not name.endswith(COUNTERS)}, file)
    for name, tensor in tensors.items():
        role, _, rest = name.partition(".")
        if role not in makers:
            raise UserError(f"{file}: tensor {name!r} belongs to no network; names begin with {', '.join(makers)}")
        states.setdefault(role, {})[rest] = tensor
    if "generator" not in states:
        raise UserError(f"{file}: holds no generator")
    networks = {role: makers[role]() for role in states}
    for role, network in networks.items():
        load_exactly(network, states[role], role)
    return Imported(backbone, dict(networks))


def _load_tensors(file: Path) -> dict[str, Any]:
    """The dictionary in a PyTorch file, read without running anything that it holds."""
    if not zipfile.is_zipfile(file):
        with file.open("rb") as opened:
            start = opened.read(SNIFFED_BYTES)
        if file.suffix == ".pkl" or any(mark in start for mark in NVIDIA_MARKS):
            raise UserError(f"{file}: {NVIDIA_ADVICE}")
    try:
        # Training scripts store their command line as a Namespace, a plain record.
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes the unpickler raise whatever it likes
        reason = str(error).partition("\n")[0]
        raise UserError(f"{file}: cannot be read as plain weights ({reason})") from error
    if not isinstance(content, dict):
        raise UserError(f"{file}: holds a {type(content).__name__}, not a dictionary of networks")
    return content


def _state(content: Any, name: str, file: Path, strip_module: bool) -> dict[str, Tensor]:
    named = isinstance(content, dict) and all(isinstance(key, str) for key in content)
    if not named or not all(isinstance(value, Tensor) for value in content.values()):
        raise UserError(f"{file}: {name!r} is not a state dict")
    prefixed = [key for key in content if key.startswith(MODULE)]
    if prefixed and not strip_module:
        raise UserError(f"{file}: the tensors of {name!r} are named module.…; give --format cdc")
    if prefixed and len(prefixed) < len(content):
        raise UserError(f"{file}: only some tensors of {name!r} are named module.…")
    _require_weights(content, file)
    return {key.removeprefix(MODULE): value for key, value in content.items()}


def _require_weights(tensors: dict[str, Tensor], file: Path) -> None:
    """Numbers that a network can be made of: real, finite and all there. Loading would convert the others unasked."""
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or tensor.layout != torch.strided or tensor.is_meta:
            raise UserError(f"{file}: {name} holds no real numbers ({tensor.dtype}, {tensor.layout}); not a network's")
        if not tensor.isfinite().all():
            raise UserError(f"{file}: {name} holds NaN or infinity; the training diverged, or the file is damaged")


def _resolution_and_width(generator: dict[str, Tensor], file: Path) -> tuple[int, int]:
    doublings = len({key.split(".")[1] for key in generator if key.startswith("to_rgbs.")})
    if "style.1.weight" not in generator or generator["style.1.weight"].ndim != 2 or doublings == 0:
        raise UserError(
            f"{file}: 'g_ema' has no matrix style.1.weight or no to_rgbs; not rosinality's StyleGAN2 layout"
        )
    return 4 * 2**doublings, generator["style.1.weight"].shape[0]


def _drawn_noises(generator: nn.Module) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(seed_for("imported-noises"))
    state = generator.state_dict()
    return {name: torch.randn(state[name].shape, generator=rng) for name in state if name.startswith(NOISES)}
