"""Image sets that torchvision downloads, verifies (MD5) and lays out."""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..bench.errors import UserError
from ..bench.files import cache_root
from .base import About
from .catalogue import Facts
from .collection import Collection, check_class, choose_classes, from_array, named_by_number
from .downloads import Report, no_report
from .image_set import ImageSet
from .listing import of_files
from .sharing import check_share, is_share, share_of_training

log = logging.getLogger(__name__)
TRAIN_TEST = ({"train": True}, {"train": False})
PARTS: dict[str, tuple[str, tuple[dict[str, Any], ...]]] = {
    "mnist": ("MNIST", TRAIN_TEST),
    "kmnist": ("KMNIST", TRAIN_TEST),
    "emnist": ("EMNIST", ({"split": "balanced", "train": True}, {"split": "balanced", "train": False})),
    "svhn": ("SVHN", ({"split": "train"}, {"split": "test"})),
    "flowers102": ("Flowers102", ({"split": "train"}, {"split": "val"}, {"split": "test"})),
    "oxford-pet": ("OxfordIIITPet", ({"split": "trainval"}, {"split": "test"})),
    "celeba": ("CelebA", ({"split": "train"}, {"split": "valid"}, {"split": "test"})),
}
"""torchvision's class, and the arguments of each part; the last part is the publisher's test part."""
FOLDERS = {
    "mnist": "MNIST/raw",
    "kmnist": "KMNIST/raw",
    "emnist": "EMNIST/raw",
    "svhn": "test_32x32.mat",
    "flowers102": "flowers-102/setid.mat",
    "oxford-pet": "oxford-iiit-pet/annotations",
    "celeba": "celeba/img_align_celeba",
}
"""What is there, below torchvision's root, once a set was fetched."""


def root() -> Path:
    """Where torchvision keeps its files."""
    return cache_root() / "torchvision"


class TorchvisionSet(ImageSet):
    """A set that one of torchvision's classes reads; the publisher's test part is the reference."""

    def __init__(self, name: str, facts: Facts):
        self.name = name
        self.facts = facts
        self.option = "N%" if facts.name == "celeba" else "CLASS, not-CLASS or N%"
        asked = name.partition(":")[2]
        if is_share(name):
            check_share(name)
        elif facts.name == "celeba" and asked:
            raise UserError(f"domain {name!r}: {asked!r} is no share of the training images; celeba has no classes")
        elif facts.classes:
            check_class(named_by_number(name, facts.classes), facts.classes)
        self.about = About(facts.images, facts.licence, facts.homepage, facts.cite, "downloaded")

    def present(self) -> bool:
        return (root() / FOLDERS[self.facts.name]).exists()

    def fetch(self, report: Report = no_report) -> Path:
        """torchvision shows its own progress, and checks each file's MD5."""
        root().mkdir(parents=True, exist_ok=True)
        self._open(download=True)
        return root() / FOLDERS[self.facts.name]

    def collection(self) -> Collection:
        if not self.present():
            raise UserError(f"{self.facts.name} is not here; run `graftbench fetch {self.facts.name}`")
        parts = self._open(download=False)
        tests = [k == len(parts) - 1 for k, part in enumerate(parts) for _ in range(len(part))]
        whole = READERS[self.facts.name](parts, self.resize.background, published_test=tests)
        if is_share(self.name):
            return share_of_training(whole, self.name)
        if whole.classes is None:
            return whole
        return choose_classes(whole, named_by_number(self.name, _class_names(parts)))

    def _open(self, download: bool) -> list[Any]:
        """torchvision's data set of each part. Raises ``UserError`` for what torchvision raises."""
        import torchvision.datasets

        kind, parts = PARTS[self.facts.name]
        try:
            return [getattr(torchvision.datasets, kind)(root=str(root()), download=download, **part) for part in parts]
        # torchvision raises RuntimeError for missing and broken files, and lets what the network raises through.
        except (RuntimeError, OSError, ValueError, EOFError, ImportError) as error:
            why = f"torchvision cannot {'get' if download else 'read'} it: {' '.join(str(error).split())}"
            place = root() / FOLDERS[self.facts.name]
            raise UserError(
                f"{self.facts.name}: {why}; fetch it again, or put its files from {self.facts.homepage} in {place}"
            ) from error


def _class_names(parts: list[Any]) -> list[str]:
    names = getattr(parts[0], "classes", None) or [str(label) for label in sorted(set(_labels(parts)))]
    return [_plain(str(name)) for name in names]


def _plain(name: str) -> str:
    """``8 - eight`` is called 8; other names are kept, in lower case and with hyphens, but single letters stay."""
    short = name.partition(" - ")[0].strip()
    return short if len(short) == 1 else short.lower().replace(" ", "-")


def _labels(parts: list[Any]) -> list[int]:
    found: list[int] = []
    for part in parts:
        labels = next(getattr(part, key) for key in ("targets", "labels", "_labels") if hasattr(part, key))
        found += [int(label) for label in labels]
    return found


def _arrays(shape: Callable[[Any], np.ndarray]) -> Callable[..., Collection]:
    """Reads sets that are held in memory; ``shape`` makes N x H x W or N x H x W x 3 of their pixels."""

    def read(parts: list[Any], background: tuple[int, int, int], **facts) -> Collection:
        pixels = np.concatenate([np.ascontiguousarray(shape(np.asarray(part.data))) for part in parts])
        names = _class_names(parts)
        classes = [names[label] for label in _labels(parts)]
        stamp = hashlib.sha256(pixels.tobytes()).hexdigest()
        return from_array(type(parts[0]).__name__, pixels, stamp, classes=classes, **facts)

    return read


def _files(key: str) -> Callable[..., Collection]:
    """Reads sets that are folders of images, whose paths torchvision holds in the attribute ``key``."""

    def read(parts: list[Any], background: tuple[int, int, int], **facts) -> Collection:
        files = [Path(file) for part in parts for file in getattr(part, key)]
        names = _class_names(parts)
        classes = [names[label] for label in _labels(parts)]
        return of_files(files[0].parent, files, [file.name for file in files], background, classes=classes, **facts)

    return read


def _celeba(parts: list[Any], background: tuple[int, int, int], **facts) -> Collection:
    """Its forty attributes are not classes: a face has several."""
    folder = root() / FOLDERS["celeba"]
    files = [folder / name for part in parts for name in part.filename]
    return of_files(folder, files, [file.name for file in files], background, **facts)


READERS: dict[str, Callable[..., Collection]] = {
    "mnist": _arrays(lambda data: data),
    "kmnist": _arrays(lambda data: data),
    "emnist": _arrays(
        lambda data: data.transpose(0, 2, 1)
    ),  # the publisher's files hold the letters lying on their side
    "svhn": _arrays(lambda data: data.transpose(0, 2, 3, 1)),
    "flowers102": _files("_image_files"),
    "oxford-pet": _files("_images"),
    "celeba": _celeba,
}
