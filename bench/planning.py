"""From a matrix to the cells it asks for, with every mistake found before anything is trained."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets.pairs import usual_pairs
from .cell import Cell
from .errors import UserError
from .hyperparameters import check_optimisation
from .matrix import Matrix, SourceChoice, Target
from .public_sources import BACKBONE, PublicSource, model_folder, public_sources
from .registries import augmentations, strategies
from .source import SourceSpec, find_source, networks_in, read_spec, source_sha256

if TYPE_CHECKING:
    from .backbones import Backbone


PUBLISHED = {"fakes": 5000, "extractor": "inception-v3-compat"}
"""How the literature measures few-shot generators, against all images of the target."""
OF_A_VAE = frozenset({"ema_half_life_kimg"})
"""The settings of ``optimisation`` that the training of a VAE reads; its learning rate is the strategy's own."""


@dataclass
class Plan:
    """The cells of a matrix, the source models they start from, and what is said about them."""

    cells: list[Cell] = field(default_factory=list)
    sources: dict[str, Path] = field(default_factory=dict)
    """Folder of the source artefact by cell key."""
    images: dict[tuple[str, str], str] = field(default_factory=dict)
    """By source and target domain: what their images are, where these are the user's own."""
    to_pretrain: list[SourceSpec] = field(default_factory=list)
    """Source models that are neither shipped nor cached; cells that need them are not in ``cells`` yet."""
    waiting: int = 0
    """How many cells wait for those."""
    notes: list[str] = field(default_factory=list)


def plan_matrix(matrix: Matrix) -> Plan:
    """Expand a matrix. Raises ``UserError`` for what cannot be run."""
    from ..datasets import open_domain
    from .backbones import make_backbone
    from .metrics.usable import require_usable

    backbone = make_backbone(matrix.backbone.name, matrix.backbone.resolution, matrix.backbone.width)
    matrix = _with_settings_checked(matrix, backbone)
    _refuse_repeats(matrix)
    _refuse_idle_evaluations(matrix)
    require_usable(matrix.evaluation.extractor)
    for target in matrix.targets:
        choice = matrix.source_of(target)
        open_domain(choice.domain)
        _require_one_origin(choice)
        _check_sizes(matrix, target)
    plan = Plan(notes=_notes_on_references(matrix))
    for target in matrix.targets:
        pair = matrix.source_of(target).domain, target.domain
        plan.images[pair] = own_images(*pair)
    for name, params in matrix.variants():
        kind = strategies.get(name)
        for augment in _noted_augmentations(matrix, name, kind, plan):
            for target in matrix.targets:
                _add_cells(matrix, plan, kind, name, params, augment, target)
    # A seed at a time, so that a run that is cut off has compared everything on fewer seeds.
    plan.cells.sort(key=lambda cell: matrix.seeds.index(cell.seed))
    keys = [cell.key for cell in plan.cells]
    if len(set(keys)) != len(keys):
        raise UserError("the matrix names the same cell twice; remove the repeated strategy, target, shots or seed")
    return plan


def own_images(*names: str) -> str:
    """What the images of these domains are now, where they are the user's own; empty where the names say it.

    Raises ``UserError`` if the user's images cannot be read.
    """
    from ..datasets import open_domain

    found = {name: open_domain(name).identity for name in names}
    return " ".join(found[name] for name in names if found[name] != name)


def _notes_on_references(matrix: Matrix) -> list[str]:
    """What the literature's protocol means here, and what published numbers would need besides."""
    from ..datasets import open_domain

    if matrix.evaluation.protocol == "held-out":
        return []
    notes = []
    for target in matrix.targets:
        count, reals = sum(open_domain(target.domain).sizes().values()), matrix.evaluation.reals
        shots = max(matrix.shots_of(target))
        part = f"{reals} of its {count} images" if count > reals else f"all its {count} images"
        among = "which may hold shots" if count > reals else f"the {shots} shots among them"
        notes.append(f"{target.domain}: compared with {part}, {among}: copies of those score well")
        usual = {"reals": max(count, reals), **PUBLISHED}
        lacking = {name: value for name, value in usual.items() if getattr(matrix.evaluation, name) != value}
        if lacking:
            told = ", ".join(f"{name}: {value}" for name, value in lacking.items())
            notes.append(f"{target.domain}: for published numbers set evaluation: {{{told}}}")
    return list(dict.fromkeys(notes))


def _check_sizes(matrix: Matrix, target: Target) -> None:
    """Refuse a target that has fewer images than the matrix draws or measures, with what would do instead."""
    from ..datasets import SPLITS, open_domain, under_protocol
    from .metrics.prdc import SMALLEST_SET

    domain = open_domain(target.domain)
    protocol = matrix.evaluation.protocol
    sizes, whole = under_protocol(domain, protocol).sizes(), sum(domain.sizes().values())
    wanted, literature = max(matrix.shots_of(target)), "evaluation: {protocol: literature}"
    if wanted > sizes["shots"]:
        other = f", or {literature} to draw from all {whole}" if sizes["shots"] < wanted <= whole else ""
        why = "the others are kept for validation and reference; " if sizes["shots"] < whole else ""
        raise UserError(
            f"{target.domain!r} has {sizes['shots']} images to draw shots from, not {wanted}; {why}ask for at most "
            f"{sizes['shots']} shots{other}"
        )
    for split in SPLITS if protocol == "held-out" else ("reference",):
        if split != "shots" and sizes[split] < SMALLEST_SET:
            other = f"; {literature} compares with all {whole}" if sizes[split] < SMALLEST_SET <= whole else ""
            raise UserError(
                f"{target.domain!r} has {sizes[split]} images for the {split} split, measuring needs at least "
                f"{SMALLEST_SET}: use a larger set{other}"
            )
    for name in ("fakes", "reals"):
        if getattr(matrix.evaluation, name) < SMALLEST_SET:
            raise UserError(f"evaluation.{name} must be at least {SMALLEST_SET} to measure anything")


def _with_settings_checked(matrix: Matrix, backbone: "Backbone") -> Matrix:
    """The matrix with every ``optimisation`` in its normal form. What was left out stays left out."""

    def of_source(choice: SourceChoice | None) -> SourceChoice | None:
        if choice is None or not choice.optimisation:
            return choice
        settings = check_optimisation(backbone, choice.optimisation, "source.optimisation")
        return choice.model_copy(update={"optimisation": settings})

    return matrix.model_copy(
        update={
            "optimisation": check_optimisation(backbone, matrix.optimisation),
            "source": of_source(matrix.source),
            "targets": [each.model_copy(update={"source": of_source(each.source)}) for each in matrix.targets],
        }
    )


def _require_one_origin(choice: SourceChoice) -> None:
    """A given model was trained as it was: nothing that is said of a training would be heeded."""
    if choice.model and (said := sorted(choice.model_fields_set - {"domain", "model"})):
        raise UserError(
            f"source.model names a model that is trained already, so {', '.join(said)} would change nothing; remove "
            "one or the other"
        )


def _refuse_idle_evaluations(matrix: Matrix) -> None:
    """More evaluations than steps would measure some networks twice, and a target is hit at two that agree."""
    from .experiment import total_steps

    steps = total_steps(matrix.budget.kimg, matrix.budget.batch)
    if matrix.evaluation.points > steps and any(strategies.get(name).trains for name, _ in matrix.variants()):
        raise UserError(
            f"evaluation.points: {matrix.evaluation.points} evaluations of a training of {steps} steps "
            f"({matrix.budget.kimg:g} kimg at batch {matrix.budget.batch}) would repeat each other; ask for at most "
            f"{steps}"
        )


def _refuse_repeats(matrix: Matrix) -> None:
    """Before anything is trained: the cells that wait for a source model are not known by their keys yet."""
    asked: dict[str, list[Any]] = {
        "strategy": [(name, json.dumps(params, sort_keys=True)) for name, params in matrix.variants()],
        "augmentation": list(matrix.augment),
        "target or number of shots": [
            (t.domain, matrix.source_of(t).model_dump_json(), shots)
            for t in matrix.targets
            for shots in matrix.shots_of(t)
        ],
        "seed": list(matrix.seeds),
    }
    for what, values in asked.items():
        if len(set(values)) < len(values):
            raise UserError(f"the matrix names the same cell twice; remove the repeated {what}")


def augmentations_of(matrix: Matrix, name: str) -> list[str]:
    """The augmentations of the matrix that make sense for a strategy."""
    kind = strategies.get(name)
    if not kind.trains:
        return ["none"]
    return [a for a in matrix.augment if kind.any_augmentation or augmentations.get(a).keeps_distribution]


def _noted_augmentations(matrix: Matrix, name: str, kind: Any, plan: Plan) -> list[str]:
    """The same; the others are noted, once each."""
    fitting = augmentations_of(matrix, name)
    if not kind.trains:
        return fitting
    if left_out := [a for a in matrix.augment if a not in fitting]:
        plan.notes.append(f"{name} is not crossed with {', '.join(left_out)}: it would learn the augmented images")
    return fitting


def _add_cells(matrix: Matrix, plan: Plan, kind: Any, name: str, params: dict, augment: str, target: Target) -> None:
    choice = matrix.source_of(target)
    folder, sha256 = None, ""
    if kind.source_kind is not None:
        spec = source_spec(matrix, choice, kind.source_kind)
        model = choice.model or _public_model(matrix, choice, target, kind.source_kind)
        folder = model_folder(model) if model else find_source(spec)
        if folder is None:
            if spec not in plan.to_pretrain:
                plan.to_pretrain.append(spec)
            plan.waiting += len(matrix.shots_of(target)) * len(matrix.seeds)
            return
        _require_fitting(folder, matrix, choice.domain, name, kind)
        sha256 = source_sha256(folder)
    for shots in matrix.shots_of(target):
        for seed in matrix.seeds:
            cell = Cell(
                backbone=matrix.backbone.name,
                resolution=matrix.backbone.resolution,
                width=matrix.backbone.width,
                source=choice.domain,
                source_sha256=sha256,
                target=target.domain,
                shots=shots,
                strategy=name,
                params=params,
                augment=augment,
                kimg=matrix.budget.kimg,
                batch=matrix.budget.batch,
                optimisation=matrix.optimisation,
                extractor=matrix.evaluation.extractor,
                fakes=matrix.evaluation.fakes,
                reals=matrix.evaluation.reals,
                points=matrix.evaluation.points,
                protocol=matrix.evaluation.protocol,
                precision=matrix.precision,
                compile=matrix.compile,
                data=plan.images[choice.domain, target.domain],
                seed=seed,
                network=strategies.entry(name).network,
            ).with_digest()
            plan.cells.append(cell)
            if folder is not None:
                plan.sources[cell.key] = folder


def _public_model(matrix: Matrix, choice: SourceChoice, target: Target, kind: str) -> str:
    """The public source model of one of the literature's pairs, where nothing else is said and it fits; else empty."""
    if kind != "gan" or choice != SourceChoice(domain=choice.domain):  # type: ignore[call-arg]
        return ""
    asked = (choice.domain, target.domain)
    names = [pair.checkpoint for pair in usual_pairs().values() if (pair.source, pair.target) == asked]
    return next((name for name in names if name and _fits(matrix, public_sources()[name])), "")


def _fits(matrix: Matrix, source: PublicSource) -> bool:
    return matrix.backbone.name == BACKBONE and source.resolution in (None, matrix.backbone.resolution)


def source_spec(matrix: Matrix, choice: SourceChoice, kind: Any) -> SourceSpec:
    """Which source model a strategy of this kind starts from. What concerns a GAN alone makes no other VAE."""
    return SourceSpec(
        kind=kind,
        backbone=matrix.backbone.name,
        resolution=matrix.backbone.resolution,
        width=matrix.backbone.width,
        domain=choice.domain,
        kimg=choice.kimg,
        batch=choice.batch,
        seed=choice.seed,
        optimisation={name: value for name, value in choice.optimisation.items() if kind == "gan" or name in OF_A_VAE},
        augment=choice.augment if kind == "gan" else "none",
    )


def _require_fitting(folder: Path, matrix: Matrix, domain: str, name: str, strategy: Any) -> None:
    """Refuse an artefact that the strategy called ``name`` cannot start from on this matrix's backbone and domain."""
    spec = read_spec(folder)
    wanted = {"kind": strategy.source_kind, **matrix.backbone.model_dump()}
    wanted["backbone"] = wanted.pop("name")
    trained_on = str(spec.get("domain", domain))
    if trained_on.partition(":")[0] != domain.partition(":")[0]:  # what follows a colon is a path, and may have moved
        raise UserError(f"{folder}: this source model was trained on {trained_on}, and source.domain says {domain}")
    wrong = [
        f"{part} {spec.get(part)!r} instead of {value!r}" for part, value in wanted.items() if spec.get(part) != value
    ]
    if wrong:
        raise UserError(f"{folder}: this source model has {', '.join(wrong)}")
    there = networks_in(folder)  # for every strategy: it also finds missing and unreadable weights
    if getattr(strategy, "discriminator_from_source", False) and "discriminator" not in there:
        raise UserError(
            f"{folder}: this source model has no discriminator, and {name} starts from one; leave {name} out, or take "
            "another source"
        )
