"""``graftbench pretrain``: training source models."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import app
from .asked import Plugins, here

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..source import SourceSpec

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")]


@app.command()
def pretrain(
    domain: Annotated[str, typer.Argument(help="source domain")],
    out: Annotated[Path | None, typer.Option(parser=here, help="folder of the artefact; the cache if left out")] = None,
    backbone: Annotated[str, typer.Option(help="as `graftbench list backbones` names it")] = "dcgan",
    resolution: Annotated[int, typer.Option(min=1, max=4096, help="in pixels")] = 32,
    width: Annotated[int, typer.Option(min=1, max=4096, help="in channels, whatever the backbone's own")] = 32,
    kimg: Annotated[float, typer.Option(help="thousand images shown")] = 100,
    batch: Annotated[int, typer.Option(min=1, max=65_536, help="images of a step")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="of weights, data order and noise")] = 0,
    kind: Annotated[str, typer.Option(help="gan or vae")] = "gan",
    optimisation: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE instead of the backbone's own, such as r1_gamma=0.1; repeatable"),
    ] = None,
    augment: Annotated[str, typer.Option(help="what a GAN's discriminator sees the images through")] = "none",
    extractor: Annotated[str, typer.Option(help="what measures the learning curve")] = "efficientnet-lite0-64",
    device: Device = "auto",
    plugin: Plugins = [],
):
    """Train a source model, or go on with an interrupted training."""
    from ..backbones import make_backbone
    from ..errors import UserError
    from ..files import cache_root
    from ..hyperparameters import check_optimisation, parse_settings
    from ..matrix import MOST_KIMG
    from ..planning import OF_A_VAE
    from ..plugins import load_plugins
    from ..registries import augmentations
    from ..source import SourceSpec

    load_plugins(plugin)
    if kind not in ("gan", "vae"):
        raise UserError(f"--kind is gan or vae, not {kind!r}")
    if not 0 < kimg <= MOST_KIMG:
        raise UserError(f"--kimg must be more than 0 and at most {MOST_KIMG}, not {kimg:g}")
    augmentations.entry(augment)
    if kind == "vae" and augment != "none":
        raise UserError(f"--augment {augment} is for --kind gan: a VAE would learn the augmented images")
    settings = parse_settings(optimisation or [], "--optimisation", "r1_gamma=0.1")
    differing = check_optimisation(make_backbone(backbone, resolution, width), settings)
    if kind == "vae" and (others := sorted(settings.keys() - OF_A_VAE)):
        raise UserError(f"--optimisation {', '.join(others)}: of a GAN; a VAE reads only {', '.join(OF_A_VAE)}")
    spec = SourceSpec(kind, backbone, resolution, width, domain, kimg, batch, seed, differing, augment)  # type: ignore[arg-type]
    _train(spec, out or cache_root() / "sources" / spec.name, extractor, device)


def train_missing(specs: "Iterable[SourceSpec]", extractor: str, device: str) -> None:
    """Train the source models that a matrix needs and that are neither shipped nor cached."""
    from ..files import cache_root

    for spec in specs:
        print(f"{spec.name} is neither shipped nor cached; training it first ({spec.kimg:g} kimg)", flush=True)
        _train(spec, cache_root() / "sources" / spec.name, extractor, device)


def _train(spec: "SourceSpec", folder: Path, extractor: str, device: str) -> None:
    from ..devices import choose_device
    from ..errors import Diverged, UserError
    from ..pretrain import pretrain as train_source
    from ..source import holds

    kid, fid = f"kid@{extractor}", f"fid@{extractor}"
    with _alone(spec, folder):
        if holds(folder, spec):
            _require_whole(folder)
            print(f"nothing to do: the source model is in {folder.resolve()}", flush=True)
            return
        try:
            train_source(
                spec,
                folder,
                choose_device(device),
                extractor,
                lambda point: print(
                    f"  {point['kimg']:8.2f} kimg  KID {point[kid]:.4f}  FID {point[fid]:.1f}", flush=True
                ),
            )
        except Diverged as error:
            raise UserError(
                f"{spec.name}: its training diverged ({error}); lower generator_lr and discriminator_lr "
                "(--optimisation, or source: {optimisation: …} in a matrix), or take another seed"
            ) from error
    print(f"source model: {folder.resolve()}", flush=True)


def _require_whole(folder: Path) -> None:
    """Refuse a finished artefact whose weights are not those of its spec: it would be called done."""
    from ..errors import UserError
    from ..source import WEIGHTS, load_source

    try:
        load_source(folder)
    except UserError as error:
        raise UserError(
            f"{folder / WEIGHTS}: missing or damaged; delete the folder, and this command trains it anew"
        ) from error


@contextmanager
def _alone(spec: "SourceSpec", folder: Path) -> "Iterator[None]":
    """Of several processes that need one source, the first trains it and the others wait."""
    import filelock

    from ..errors import UserError

    lock = filelock.FileLock(folder / "lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except filelock.Timeout:
        print(f"another process is training {spec.name}; waiting for its end", flush=True)
        lock.acquire()
    except OSError as error:
        raise UserError(f"{folder}: no artefact can be written there ({error.strerror})") from error
    try:
        yield
    finally:
        lock.release()
