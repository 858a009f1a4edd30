"""Fashion-MNIST, from the Debian package or downloaded."""

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

from ..bench.errors import UserError
from . import register
from .base import About
from .collection import Collection, check_class, choose_classes, from_array_on_demand, named_by_number
from .downloads import Report, download, downloads, no_report
from .image_set import ImageSet
from .listing import stamp_of

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
"""Where the Debian package dataset-fashion-mnist puts its files."""
DEBIAN_WAY = "apt install dataset-fashion-mnist"
MIRROR = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
GARMENTS = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot")
SIDE = 28
PARTS = ("train", "t10k")
HASHES = {
    "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
}
"""SHA-256 of each file's unpacked content; Debian packs the same content with other gzip headers."""


@register("fashion-mnist", cite="Xiao et al., Fashion-MNIST, 2017, arXiv:1708.07747")
class FashionMNIST(ImageSet):
    """70,000 grey pictures of garments, 28 px: fashion-mnist:8 (or :bag) is one class, fashion-mnist:not-8 the others.

    The publisher's 10,000 test images are the reference.
    """

    about = About(
        images=70_000,
        licence="MIT",
        homepage="https://github.com/zalandoresearch/fashion-mnist",
        cite="Xiao et al. 2017",
        how="downloaded",
    )

    option = "CLASS or not-CLASS"

    def __init__(self, name: str):
        self.name = name
        check_class(named_by_number(name, GARMENTS), GARMENTS)

    def present(self) -> bool:
        return self._folder() is not None

    def fetch(self, report: Report = no_report) -> Path:
        if self._folder() is None:
            for name in HASHES:
                download(f"{MIRROR}/{name}", downloads() / "fashion-mnist" / name, report, f"or {DEBIAN_WAY}")
        folder = self._files()
        for name in HASHES:
            _unpacked(folder / name)
        return folder

    def collection(self) -> Collection:
        folder = self._files()
        files = [folder / f"{part}-labels-idx1-ubyte.gz" for part in PARTS]
        labels = [np.frombuffer(_unpacked(file), np.uint8, offset=8) for file in files]
        tests = [part == "t10k" for part, numbers in zip(PARTS, labels, strict=True) for _ in numbers]

        def load() -> np.ndarray:
            files = [folder / f"{part}-images-idx3-ubyte.gz" for part in PARTS]
            pixels = [np.frombuffer(_unpacked(file), np.uint8, offset=16) for file in files]
            return np.concatenate(pixels).reshape(-1, SIDE, SIDE)

        numbers = np.concatenate(labels)
        whole = from_array_on_demand(
            str(folder),
            len(numbers),
            load,
            stamp_of("fashion-mnist", sorted(HASHES.items())),
            classes=[GARMENTS[number] for number in numbers],
            published_test=tests,
        )
        return choose_classes(whole, named_by_number(self.name, GARMENTS))

    def _files(self) -> Path:
        folder = self._folder()
        if folder is None:
            raise UserError(f"fashion-mnist is not here; run `graftbench fetch fashion-mnist` or {DEBIAN_WAY}")
        return folder

    def _folder(self) -> Path | None:
        for folder in (DEBIAN, downloads() / "fashion-mnist"):
            if all((folder / name).is_file() for name in HASHES):
                return folder
        return None


def _unpacked(file: Path) -> bytes:
    """Raises ``UserError`` if the content is not the published one."""
    try:
        content = gzip.decompress(file.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{file}: not a readable gzip file ({error}); delete it and fetch it again") from error
    found = hashlib.sha256(content).hexdigest()
    if found != HASHES[file.name]:
        expected = HASHES[file.name]
        raise UserError(f"{file}: SHA-256 of the content is {found}, not {expected}; delete it and fetch it again")
    return content
