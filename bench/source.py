"""A trained source model as an artefact: safetensors, its spec, its learning curve, and their hash."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .backbones import Backbone, Discriminator, Encoder, Generator, make_backbone
from .errors import UserError
from .files import cache_root, replacing, sha256_of, write_atomically, write_json

SHIPPED = Path(__file__).parent / "sources"
NEEDED = ("backbone", "resolution", "width", "sha256")
"""What a spec must say for its weights to be found right and loaded."""
UNSAID: dict[str, Any] = {"optimisation": {}, "augment": "none"}
"""What holds where a spec does not say it."""
WEIGHTS, SPEC, CURVE = "source.safetensors", "spec.json", "curve.jsonl"


@dataclass(frozen=True)
class SourceSpec:
    """What a source model is and how it was trained; its hash names the artefact."""

    kind: Literal["gan", "vae"]
    backbone: str
    resolution: int
    width: int
    domain: str
    kimg: float
    batch: int
    seed: int
    optimisation: dict[str, Any] = field(default_factory=dict)
    """Settings of the backbone's optimisers and regularisers that differ from its defaults."""
    augment: str = "none"
    """What its discriminator sees the images through."""

    def as_dict(self) -> dict[str, Any]:
        """What is stored and hashed: without the settings that may be left out, where they are left out."""
        return {name: value for name, value in asdict(self).items() if UNSAID.get(name) != value}

    @property
    def name(self) -> str:
        digest = hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()[:8]
        domain = "".join(c if c.isalnum() or c == "-" else "-" for c in self.domain)
        return f"{domain}-{self.backbone}{self.resolution}-{self.kind}-{digest}"


@dataclass
class Source:
    """The networks that a transfer starts from: ``gan`` (generator, discriminator) or ``vae`` (generator, encoder).

    ``networks`` maps a role to a state dict; the generator's is the moving average. Each ``make_*`` returns a new
    network with those weights, in training mode, on the CPU.
    """

    backbone: Backbone
    spec: dict[str, Any]
    networks: dict[str, dict[str, Tensor]]

    def make_generator(self) -> Generator:
        return self._fill("generator", self.backbone.make_generator())

    def make_discriminator(self) -> Discriminator:
        return self._fill("discriminator", self.backbone.make_discriminator())

    def make_encoder(self) -> Encoder:
        return self._fill("encoder", self.backbone.make_encoder())

    def _fill(self, role: str, network: Any) -> Any:
        if role not in self.networks:
            raise UserError(f"the source holds no {role}; it has {', '.join(sorted(self.networks))}")
        load_exactly(network, self.networks[role], role)
        return network


def load_exactly(network: nn.Module, state: dict[str, Tensor], role: str) -> None:
    """Load a state dict that must fit tensor by tensor; ``UserError`` lists every difference otherwise."""
    own = network.state_dict()
    differences = [f"missing {name}" for name in own.keys() - state.keys()]
    differences += [f"unexpected {name}" for name in state.keys() - own.keys()]
    differences += [
        f"{name} is {list(state[name].shape)}, needs {list(own[name].shape)}"
        for name in own.keys() & state.keys()
        if own[name].shape != state[name].shape
    ]
    if differences:
        raise UserError(f"the checkpoint does not fit this {role}: " + "; ".join(sorted(differences)))
    try:
        network.load_state_dict(state)
    except RuntimeError as error:  # a layer cannot hold these values
        reasons = "; ".join(line.strip() for line in str(error).splitlines()[1:])
        raise UserError(f"the checkpoint does not fit this {role}: {reasons}") from error


def folders_of(name: str) -> list[Path]:
    """The folders of finished artefacts called ``name``, the shipped one first; an absolute path is its own place."""
    places = (SHIPPED / name, cache_root() / "sources" / name) if name else ()
    return [folder for folder in dict.fromkeys(places) if (folder / SPEC).is_file()]  # which is written last


def find_source(spec: SourceSpec) -> Path | None:
    """The artefact's folder if it is shipped or cached, else None."""
    return next(iter(folders_of(spec.name)), None)


def holds(folder: Path, spec: SourceSpec) -> bool:
    """Whether ``folder`` is a finished artefact of ``spec``. Raises ``UserError`` if it is one of another spec."""
    if not (folder / SPEC).is_file():
        return False
    found = UNSAID | read_spec(folder)
    differing = [name for name, value in asdict(spec).items() if found.get(name) != value]
    if differing:
        raise UserError(f"{folder}: holds a source model with another {', '.join(differing)}; choose another folder")
    return True


def save_source(folder: Path, spec: dict[str, Any], networks: dict[str, nn.Module], curve: list[dict]) -> None:
    """Write an artefact. The spec, which holds the weights' SHA-256, is written last and makes it complete."""
    tensors = {
        f"{role}.{name}": tensor.detach().cpu().contiguous().clone()
        for role, network in networks.items()
        for name, tensor in network.state_dict().items()
    }
    with replacing(folder / WEIGHTS) as temporary:
        save_file(tensors, temporary)
    write_atomically(folder / CURVE, "".join(json.dumps(point) + "\n" for point in curve))
    write_json(folder / SPEC, {**spec, "sha256": sha256_of(folder / WEIGHTS)})


def source_sha256(folder: Path) -> str:
    """The recorded hash of an artefact's weights."""
    return read_spec(folder)["sha256"]


def read_spec(folder: Path) -> dict[str, Any]:
    """An artefact's spec. Raises ``UserError`` if it is missing or damaged."""
    try:
        spec = json.loads((folder / SPEC).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: not a source artefact, {SPEC} cannot be read ({error})") from error
    if lacking := [name for name in NEEDED if not isinstance(spec, dict) or name not in spec]:
        raise UserError(f"{folder}: not a source artefact, {SPEC} has no {', '.join(lacking)}")
    return spec


def networks_in(folder: Path) -> set[str]:
    """Which networks an artefact holds, by role, without reading their weights. Raises ``UserError``."""
    try:
        with safe_open(folder / WEIGHTS, "np") as tensors:
            names = tensors.keys()
    except (OSError, SafetensorError) as error:
        raise UserError(f"{folder / WEIGHTS}: cannot be read ({error})") from error
    return {name.partition(".")[0] for name in names}


def load_source(folder: Path) -> Source:
    """Read an artefact. Raises ``UserError`` if its weights are not those that its spec was written for."""
    spec = read_spec(folder)
    weights = folder / WEIGHTS
    if not weights.is_file() or sha256_of(weights) != spec["sha256"]:
        raise UserError(
            f"{weights}: missing or not the file that {SPEC} describes; remake it with `graftbench pretrain`"
        )
    networks: dict[str, dict[str, Tensor]] = {}
    for name, tensor in load_file(weights).items():
        role, _, rest = name.partition(".")
        networks.setdefault(role, {})[rest] = tensor
    return Source(make_backbone(spec["backbone"], spec["resolution"], spec["width"]), spec, networks)
