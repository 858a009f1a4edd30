"""An adapted generator to take away: weights, spec, samples and a model card; and reading one back."""

import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..strategies.base import Strategy, generate
from .backbones import Generator, make_backbone
from .cell import Cell
from .errors import Diverged, UserError
from .files import sha256_of, write_atomically, write_json
from .model_card import model_card
from .outcome import read_json
from .pictures import write_grid
from .registries import strategies
from .seeds import seed_for
from .source import load_exactly
from .store import Store, read_cell, read_status

WEIGHTS, SPEC, CARD, SAMPLES = "generator.safetensors", "spec.json", "README.md", "samples.png"
SAMPLED = 64
FARTHEST = 2.0
"""Mean distance in grey levels (of 255) from the cell's own samples above which the weights are not theirs. Rounding
on another machine gives less than one."""


@dataclass
class Model:
    """An exported generator. ``spec`` says what it is, what it was trained on and how good it was found to be."""

    spec: dict[str, Any]
    generator: Generator

    def sample(self, count: int, seed: int = 0) -> Tensor:
        """``count`` images, uint8, count x 3 x R x R; equal seeds give equal images."""
        rng = torch.Generator().manual_seed(seed)
        latents = torch.randn(count, self.generator.latent_dim, generator=rng)
        return generate(self.generator, latents)


def load(folder: str | Path) -> Model:
    """Read what ``graftbench export`` wrote. Raises ``UserError`` if it is damaged or was written for other code."""
    folder = Path(folder)
    if not (folder / SPEC).is_file():
        raise UserError(f"{folder}: no exported model here ({SPEC} is missing); `graftbench export` makes one")
    spec = read_json(folder / SPEC)
    if "sha256" not in spec or "latent_dim" not in spec:
        raise UserError(f"{folder / SPEC}: describes no exported model; `graftbench export STORE CELL OUT` makes one")
    weights = folder / WEIGHTS
    if not weights.is_file() or sha256_of(weights) != spec["sha256"]:
        raise UserError(f"{weights}: missing or not the file that {SPEC} describes; export the cell again")
    return Model(spec, _generator(spec["cell"], weights))


def export_cell(store: Store, cell: str, out: Path) -> Path:
    """Write the generator of a finished cell, given by its key or the key's beginning, into the new folder ``out``.

    Raises ``UserError`` for an unknown or unfinished cell, a folder that holds something, and weights that do not
    make the cell's own samples (tried where the cell ran on a CPU, whose noise can be drawn anywhere).
    """
    folder = store.folder(find_key(store, cell))
    status = read_status(folder)
    if status["status"] != "ok":
        raise UserError(f"{folder.name}: this cell is {status['status']}, so it has no generator to export")
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UserError(f"{out}: holds something already; give a new folder")
    if Path.cwd().is_relative_to(out.resolve()):
        raise UserError(f"{out}: this command runs in it, so it cannot be replaced; give a new folder")
    if lacking := [name for name in (WEIGHTS, SAMPLES, "final.json") if not (folder / name).is_file()]:
        raise UserError(f"{folder}: lacks {', '.join(lacking)}, so nothing can be exported; was it deleted?")
    spec = _spec(folder, status)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as made:
        place = Path(made) / "model"
        place.mkdir()
        shutil.copyfile(folder / WEIGHTS, place / WEIGHTS)
        write_json(place / SPEC, spec)
        model = load(place)
        if status.get("device") == "cpu":
            _require_own_samples(model, folder)
        write_grid(place / SAMPLES, model.sample(SAMPLED))
        write_atomically(place / CARD, model_card(spec))
        if out.exists():
            out.rmdir()
        place.replace(out)
    return out


def find_key(store: Store, beginning: str) -> str:
    """The key of the one cell whose key begins so."""
    found = [key for key in store.cell_keys() if key.startswith(beginning)]
    if len(found) != 1:
        said = f"{len(found)} cells have keys that begin so" if found else "no cell has this key"
        raise UserError(f"{beginning!r}: {said}; `graftbench rows {store.root}` lists them")
    return found[0]


def _spec(folder: Path, status: dict[str, Any]) -> dict[str, Any]:
    cell = read_cell(folder)
    return {
        "key": folder.name,
        "label": cell.label,
        "cell": asdict(cell),
        "latent_dim": _empty_generator(asdict(cell)).latent_dim,
        "images": f"uint8, N x 3 x {cell.resolution} x {cell.resolution}",
        "sha256": sha256_of(folder / WEIGHTS),
        "measured": read_json(folder / "final.json"),
        "made_on": {name: status.get(name) for name in ("hardware", "device", "torch")},
    }


def _empty_generator(cell: dict[str, Any]) -> Generator:
    """An untrained generator of the form that the cell's strategy samples from."""
    backbone = make_backbone(cell["backbone"], cell["resolution"], cell["width"])
    known = cell["strategy"] in strategies.entries()
    kind = strategies.get(cell["strategy"]) if known else Strategy
    return kind.empty_generator(backbone)


def _generator(cell: dict[str, Any], weights: Path) -> Generator:
    generator = _empty_generator(cell)
    try:
        state = load_file(weights)
    except SafetensorError as error:
        raise UserError(f"{weights}: not a readable safetensors file ({error})") from error
    load_exactly(generator, state, "generator")
    return generator.eval().requires_grad_(False)


def _require_own_samples(model: Model, folder: Path) -> None:
    """Raise ``UserError`` unless the model makes the pictures that the cell stored."""
    cell = Cell(**model.spec["cell"])
    try:
        images = model.sample(cell.fakes, seed_for("evaluation", cell.seed))[:SAMPLED]
    except Diverged as error:
        raise UserError(f"{folder / WEIGHTS}: {error}; the file is damaged") from error
    with tempfile.TemporaryDirectory() as scratch:
        again = Path(scratch) / SAMPLES
        write_grid(again, images)
        with Image.open(again) as ours, _picture(folder / SAMPLES) as theirs:
            if ours.size != theirs.size:
                raise UserError(f"{folder / SAMPLES}: is {theirs.size}, not {ours.size}: not this cell's samples")
            off = float(np.abs(np.asarray(ours, np.int16) - np.asarray(theirs.convert("RGB"), np.int16)).mean())
    if off > FARTHEST:
        raise UserError(
            f"{folder / WEIGHTS}: makes other images than the cell's {SAMPLES} ({off:.1f} grey levels off); "
            "one of them is damaged, or the backbone's code has changed"
        )


def _picture(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except UnidentifiedImageError as error:
        raise UserError(f"{path}: is no picture; the file is damaged") from error


__all__ = ["Model", "export_cell", "find_key", "load"]
