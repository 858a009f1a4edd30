"""LSUN scenes and objects, from the LMDB folders that their publisher offers."""

from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from ..bench.errors import UserError
from . import register
from .base import About
from .collection import Collection, check_class, from_files
from .downloads import Report, downloads, no_report
from .image_set import ImageSet
from .listing import stamp_of, state_of

PUBLISHER = "http://dl.yf.io/lsun"
SCENES = (
    "bedroom",
    "bridge",
    "church_outdoor",
    "classroom",
    "conference_room",
    "dining_room",
    "kitchen",
    "living_room",
    "restaurant",
    "tower",
)
OBJECTS = (
    "airplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "dining_table",
    "dog",
    "horse",
    "motorbike",
    "person",
    "potted_plant",
    "sheep",
    "sofa",
    "train",
    "tv-monitor",
)


@register("lsun", cite="Yu et al., LSUN: Construction of a Large-scale Image Dataset, 2015, arXiv:1506.03365")
class LSUN(ImageSet):
    """LSUN scenes and objects, one category at a time, as in lsun:church_outdoor (got by hand; needs the lmdb package).

    The images are read from the database as they are. torchvision's own reader keeps its list of keys in a pickle
    beside the database, which is why it is not used.
    """

    option = "CATEGORY"
    MOST = 100_000
    """Categories hold up to 19 million images; the first ones by key are used."""

    def __init__(self, name: str):
        self.name = name
        self.category = check_class(name, (*SCENES, *OBJECTS)) if ":" in name else ""
        self.about = About(None, "none stated (research use)", "https://www.yf.io/p/lsun", "Yu et al. 2015", "by hand")

    @property
    def path(self) -> Path:
        return downloads() / (self.category if self.category in OBJECTS else f"{self.category}_train_lmdb")

    def present(self) -> bool:
        return (self.path / "data.mdb").is_file()

    def fetch(self, report: Report = no_report) -> Path:
        self.collection()
        return self.path

    @cached_property
    def _database(self) -> Any:
        try:
            import lmdb
        except ImportError as error:
            raise UserError(f"{self.name} needs the lmdb package: pip install 'graftbench[lsun]'") from error
        try:
            return lmdb.open(str(self.path), readonly=True, lock=False, readahead=False)
        except lmdb.Error as error:
            raise UserError(f"{self.path}: not a readable LMDB folder ({error}); unpack the zip again") from error

    def collection(self) -> Collection:
        if not self.category:
            raise UserError("domain 'lsun' needs a category: write lsun:church_outdoor, lsun:bedroom, …")
        if not self.present():
            archive = f"{PUBLISHER}/{'objects' if self.category in OBJECTS else 'scenes'}/{self.path.name}.zip"
            raise UserError(f"{self.name} is got by hand: download {archive} and unpack it as {self.path}")
        database = self._database
        with database.begin() as transaction:
            keys = [bytes(key) for key in islice(transaction.cursor().iternext(values=False), self.MOST)]
        if not keys:
            raise UserError(f"{self.path}: the database is empty; unpack the zip again")
        place = (self.path / "data.mdb").stat()
        stamp = stamp_of(str(self.path.resolve()), [(state_of(place), len(keys))])

        def read(index: int) -> bytes:
            with database.begin() as transaction:  # threads must not share one
                return transaction.get(keys[index])

        names = [key.decode("ascii", "replace") for key in keys]
        return from_files(str(self.path), names, read, stamp, self.resize.background)
