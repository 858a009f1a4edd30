"""CIFAR-10 and CIFAR-100, from their binary version: records of fixed length, where the Python version is a pickle."""

import gzip
import hashlib
import tarfile
from pathlib import Path, PurePosixPath

import numpy as np

from ..bench.errors import UserError
from ..bench.files import cache_root
from .base import About
from .cache import stored_array
from .catalogue import Facts
from .collection import Collection, check_class, choose_classes, from_array, named_by_number
from .downloads import Report, check_file, download, downloads, no_report
from .image_set import ImageSet
from .listing import stamp_of
from .sharing import check_share, is_share, share_of_training

SIDE = 32
PIXELS = 3 * SIDE**2
LABELS = {"cifar10": 1, "cifar100": 2}
"""Bytes before a record's pixels; the last of them is the class (CIFAR-100 has a coarse label before it)."""
TRAINING = {"cifar10": [f"data_batch_{i}.bin" for i in range(1, 6)], "cifar100": ["train.bin"]}
TEST = {"cifar10": "test_batch.bin", "cifar100": "test.bin"}
LARGEST = 2**28
"""Bytes of one file of the archive; the published ones have 154 MB at most."""


class CIFAR(ImageSet):
    """A set in CIFAR's binary format; the publisher's test part is the reference."""

    option = "CLASS, not-CLASS or N%"

    def __init__(self, name: str, facts: Facts):
        self.name = name
        self.facts = facts
        self.about = About(facts.images, facts.licence, facts.homepage, facts.cite, "downloaded")
        self.path = downloads() / facts.url.rpartition("/")[2]
        if is_share(name):
            check_share(name)
        else:
            check_class(named_by_number(name, facts.classes), facts.classes)

    def present(self) -> bool:
        return self.path.is_file()

    def fetch(self, report: Report = no_report) -> Path:
        if not self.present():
            by_hand = f"or by hand: get the binary version at {self.facts.homepage}, save it as {self.path}"
            download(self.facts.url, self.path, report, by_hand, expected={"md5": self.facts.md5})
        self._check_md5()
        self.collection()
        return self.path

    def collection(self) -> Collection:
        """Raises ``UserError`` if the archive is missing, is not the published one, or holds something else."""
        if not self.present():
            raise UserError(f"{self.facts.name} is not here; run `graftbench fetch {self.facts.name}`")
        check_file(self.path)
        records, tests = self._records()
        labels = LABELS[self.facts.name]
        whole = from_array(
            str(self.path),
            records[:, labels:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1),
            stamp_of(self.facts.name, [(self.facts.md5, len(records))]),
            classes=[self.facts.classes[label] for label in records[:, labels - 1].tolist()],
            published_test=[i >= len(records) - tests for i in range(len(records))],
        )
        if is_share(self.name):
            return share_of_training(whole, self.name)
        return choose_classes(whole, named_by_number(self.name, self.facts.classes))

    def _records(self) -> tuple[np.ndarray, int]:
        """All records (uint8, N x bytes; training before test) and how many are of the test part; unpacked once."""
        length = LABELS[self.facts.name] + PIXELS
        place = cache_root() / "records" / f"{self.facts.name}-{self.facts.md5}"
        files = [*TRAINING[self.facts.name], TEST[self.facts.name]]
        stored = [place / f"{file}.npy" for file in files]
        try:
            parts = [np.load(path, mmap_mode="r", allow_pickle=False) for path in stored]
        except (FileNotFoundError, ValueError, EOFError):  # not there yet, or damaged: it is only a copy
            self._check_md5()
            contents = self._unpacked(files, length)
            parts = []
            for file, path in zip(files, stored, strict=True):
                rows = np.frombuffer(contents[file], np.uint8).reshape(-1, length)
                parts.append(stored_array(path, rows.shape, lambda array, rows=rows: np.copyto(array, rows)))
        return np.concatenate(parts), len(parts[-1])

    def _unpacked(self, wanted: list[str], length: int) -> dict[str, bytes]:
        """The wanted files of the archive, read into memory: nothing is written where the archive says."""
        found = {}
        classes = len(self.facts.classes)
        try:
            with tarfile.open(self.path, "r:gz") as archive:
                for entry in archive:
                    name = PurePosixPath(entry.name).name
                    if name not in wanted or not entry.isreg():
                        continue
                    if entry.size > LARGEST or entry.size % length or not entry.size:
                        raise UserError(
                            f"{self.path}: {name} has {entry.size:,} bytes, not a number of records of {length} bytes; "
                            "delete it and fetch it again"
                        )
                    file = archive.extractfile(entry)
                    assert file is not None  # a regular file
                    found[name] = file.read()
                    labels = np.frombuffer(found[name], np.uint8)[LABELS[self.facts.name] - 1 :: length]
                    if labels.max() >= classes:
                        raise UserError(f"{self.path}: {name} has labels above {classes - 1}; fetch it again")
        except (tarfile.TarError, gzip.BadGzipFile, OSError, EOFError) as error:
            raise UserError(f"{self.path}: not a readable .tar.gz ({error}); delete it and fetch it again") from error
        if missing := [name for name in wanted if name not in found]:
            raise UserError(f"{self.path}: holds no {', '.join(missing)}, so it is not {self.facts.name}")
        return found

    def _check_md5(self) -> None:
        with self.path.open("rb") as file:
            found = hashlib.file_digest(file, "md5").hexdigest()
        if found != self.facts.md5:
            raise UserError(
                f"{self.path}: MD5 is {found}, its publisher states {self.facts.md5}; delete it and fetch it again"
            )
