"""Image sets that are published as one zip."""

import logging
from pathlib import Path, PurePosixPath

from ..bench.errors import UserError
from .base import About
from .catalogue import Facts
from .collection import Collection, check_class, choose_classes, select
from .downloads import Report, check_file, download, downloads, no_report
from .image_set import ImageSet
from .listing import list_images

log = logging.getLogger(__name__)
PARTS = {"train": False, "val": True, "test": True}
"""Names of folders that say whether an image is in the publisher's test part."""


class ZipSet(ImageSet):
    """A set whose images are read out of the published zip; nothing is unpacked."""

    def __init__(self, name: str, facts: Facts):
        self.name = name
        self.facts = facts
        self.option = "CLASS or not-CLASS" if facts.layout else ""
        if facts.classes:
            check_class(name, facts.classes)
        how = "downloaded" if facts.url else "by hand"
        self.about = About(facts.images, facts.licence, facts.homepage, facts.cite, how)
        self.path = downloads() / (facts.file or facts.url.rpartition("/")[2].partition("?")[0])

    def present(self) -> bool:
        return self.path.is_file()

    def fetch(self, report: Report = no_report) -> Path:
        if not self.present():
            if not self.facts.url:
                raise UserError(f"{self.facts.name} is got by hand: {self._by_hand()}")
            by_hand = f"or by hand: {self._by_hand()}"
            download(self.facts.url, self.path, report, by_hand, expected={"sha256": self.facts.sha256})
        self.collection()
        check_file(self.path, self.facts.sha256, thorough=True)
        return self.path

    def collection(self) -> Collection:
        """Raises ``UserError`` if the file is missing, is not the one first seen, or does not hold the set."""
        if not self.present():
            what = f"run `graftbench fetch {self.facts.name}`" if self.facts.url else self._by_hand()
            raise UserError(f"{self.facts.name} is not here; {what}")
        expected = self.facts.images
        listed = list_images(self.path, self.resize.background, **({"at_most": 10 * expected} if expected else {}))
        if self.facts.layout == "train-test-class":
            listed = _by_part_and_class(listed)
        if expected and not 0.9 * expected <= len(listed) <= 1.1 * expected:
            raise UserError(
                f"{self.path}: holds {len(listed)} images and not {expected}, so it is not {self.facts.name}; "
                "delete it and fetch it again"
            )
        if expected and len(listed) != expected:
            log.warning("%s: holds %d images, %d are stated", self.path, len(listed), expected)
        check_file(self.path, self.facts.sha256)
        return choose_classes(listed, self.name)

    def _by_hand(self) -> str:
        page = self.facts.page or self.facts.url
        return f"at {page} {self.facts.by_hand or 'download the zip'}, save it as {self.path}"


def _by_part_and_class(listed: Collection) -> Collection:
    """Where paths read …/train/CLASS/… and …/test/CLASS/…, or ``val`` instead of ``test``."""
    positions, classes, tests = [], [], []
    for i, name in enumerate(listed.names):
        folders = PurePosixPath(name).parts[:-1]
        depth = next((k for k, folder in enumerate(folders) if folder in PARTS), None)
        if depth is not None and depth + 1 < len(folders):
            positions.append(i)
            classes.append(folders[depth + 1])
            tests.append(PARTS[folders[depth]])
    if not positions:
        raise UserError(f"{listed.where}: holds no train and test folders with classes in them; fetch it again")
    return select(listed, positions, classes=classes, published_test=tests)
