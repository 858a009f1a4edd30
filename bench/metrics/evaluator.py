"""Every metric of a set of fakes, from one feature pass."""

import hashlib
import math
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from ..errors import UserError
from ..numerics import full_precision
from ..seeds import seed_for
from . import fid, kid, prdc
from .cache import cached_tensor
from .checks import check_set
from .diversity import intra_cluster, intra_lpips, vendi
from .extractor import FeatureExtractor
from .fitted import Fitted
from .lpips import Lpips
from .memorisation import authenticity, nearest_shot_ratio

FLOOR_DRAWS = 4
FLOOR_VERSION = 1
"""Raise it when FID, KID or the draw change their numbers: kept floors are then computed again."""


class Evaluator:
    """Measures fakes against held-out images and against the shots, with one extractor.

    ``shots``, ``reference`` and ``validation`` are uint8 images N x 3 x R x R of one resolution; ``fakes`` is how many
    fakes each evaluation will bring. Features of the real images are computed once and kept in ``cache_dir`` (if
    given) under the hash of images, weights and resize. With ``lpips``, intra-cluster diversity is measured by it too,
    in columns of its own. Raises ``UserError`` for sizes that differ and for too few
    images.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        shots: Tensor,
        reference: Tensor,
        validation: Tensor,
        fakes: int,
        cache_dir: Path | None = None,
        lpips: Lpips | None = None,
    ):
        self.extractor = extractor
        self.cache_dir = cache_dir
        self.lpips = lpips
        self.shot_images = shots
        self.resolution = tuple(reference.shape[2:])
        self.fakes = fakes
        for what, count in (("the reference split", len(reference)), ("the validation split", len(validation)),
                            ("the set of fakes", fakes)):  # fmt: skip
            if count < prdc.SMALLEST_SET:
                raise UserError(f"{what} has {count} images; measuring needs at least {prdc.SMALLEST_SET}")
        self.reference = Fitted(self._cached_features("reference", reference))
        self.disjoint = _hash(validation) != _hash(reference)
        self.validation = Fitted(self._cached_features("validation", validation)) if self.disjoint else self.reference
        self.shots = Fitted(self._cached_features("shots", shots), "shots")

    def evaluate(self, fakes: Tensor, full: bool = True) -> dict[str, float]:
        """Metrics of ``fakes`` (uint8, N x 3 x R x R), by the names of ``names.py``, plus n_real and n_fake.

        ``full=False`` gives the cheap set for the points of a curve: kid, kid_se, fid, d1_d2 and validation_kid.
        Raises ``UserError`` for another size or number than announced, and for features that are NaN.
        """
        with full_precision(self.extractor.device):
            return self._measured(fakes, full)

    def _measured(self, fakes: Tensor, full: bool) -> dict[str, float]:
        fake = self._fitted(fakes)
        value, error = kid.distance_between(self.reference.kernel, fake.kernel)
        found = {"kid": value, "kid_se": error, "fid": fid.distance_between(self.reference.gaussian, fake.gaussian)}
        found["validation_kid"] = kid.distance_between(self.validation.kernel, fake.kernel)[0]
        found["d1_d2"] = nearest_shot_ratio(fake.features, self.shots.features)
        if full:
            found |= self._full(fake)
            if self.lpips is not None:
                found["intra_lpips"], found["lpips_clusters"] = intra_lpips(fakes, self.shot_images, self.lpips)
        named = {f"{name}@{self.extractor.name}": float(value) for name, value in found.items()}
        return named | {"n_real": len(self.reference), "n_fake": len(fake)}

    def _full(self, fake: Fitted) -> dict[str, float]:
        features, shots = fake.features, self.shots.features
        found = prdc.compare(self.reference.balls, fake.balls)
        found["vendi"] = vendi(features)
        found["intra_diversity"], found["occupied_clusters"] = intra_cluster(features, shots)
        found["authenticity"] = authenticity(features, shots)
        several = len(shots) >= 2
        found["kid_shots"] = kid.distance_between(self.shots.kernel, fake.kernel)[0] if several else math.nan
        found["fid_shots"] = fid.distance_between(self.shots.gaussian, fake.gaussian) if several else math.nan
        return found | {f"floor_{name}": value for name, value in self.floors.items()}

    @cached_property
    def floors(self) -> dict[str, float]:
        """KID and FID of real against real, disjoint, at the run's sizes; the mean of a few random draws.

        Both sides are drawn from reference and validation together. Where these hold fewer than n_real + n_fake
        images, both sides are scaled down alike (which raises the FID floor, as fewer images do).
        """
        parts = [self.reference, self.validation] if self.disjoint else [self.reference]
        pool = torch.cat([part.features for part in parts])
        scale = min(1.0, len(pool) / (len(self.reference) + self.fakes))
        n_real, n_fake = (max(2, int(n * scale)) for n in (len(self.reference), self.fakes))

        def draw() -> Tensor:
            values = []
            for repetition in range(FLOOR_DRAWS):
                rng = torch.Generator().manual_seed(seed_for("floor", repetition))
                order = torch.randperm(len(pool), generator=rng).to(pool.device)
                real, fake = pool[order[:n_real]], pool[order[n_real : n_real + n_fake]]
                values.append([kid.kernel_distance(real, fake)[0], fid.frechet_distance(real, fake)])
            return torch.tensor(values, dtype=torch.float64).mean(0)

        key = f"floor v{FLOOR_VERSION} {_hash(pool)} {n_real} {n_fake} {FLOOR_DRAWS}"
        kid_floor, fid_floor = cached_tensor(self.cache_dir, key, draw).tolist()
        return {"kid": kid_floor, "fid": fid_floor}

    def _fitted(self, fakes: Tensor) -> Fitted:
        if tuple(fakes.shape[2:]) != self.resolution:
            raise UserError(f"fakes are {_size(fakes.shape[2:])} px, the reference is {_size(self.resolution)} px")
        if len(fakes) != self.fakes:
            raise UserError(f"{len(fakes)} fakes were given, {self.fakes} announced")
        features = self.extractor(fakes)
        check_set(f"metrics with {self.extractor.name}", "fake", features, at_least=1)
        return Fitted(features, "fake")

    def _cached_features(self, split: str, images: Tensor) -> Tensor:
        if tuple(images.shape[2:]) != self.resolution:
            raise UserError(
                f"the {split} images are {_size(images.shape[2:])} px, the reference is {_size(self.resolution)} px"
            )
        key = f"features {self.extractor.name} {self.extractor.digest} {_hash(images)}"
        features = cached_tensor(self.cache_dir, key, lambda: self.extractor(images)).to(self.extractor.device)
        check_set(f"metrics with {self.extractor.name}", split, features, at_least=1)
        return features


def _hash(tensor: Tensor) -> str:
    """Of dtype, shape and content."""
    digest = hashlib.sha256(f"{tensor.dtype} {list(tensor.shape)} ".encode())
    digest.update(tensor.contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
