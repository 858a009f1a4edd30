"""LSUN scenes, from the LMDB folders that their publisher offers."""

from functools import cached_property
from pathlib import Path
from typing import Any

from ..bench.errors import UserError
from ..bench.files import cache_root
from . import register
from .base import About
from .collection import Collection, from_files
from .downloads import Report, no_report
from .image_set import ImageSet
from .listing import stamp_of

PUBLISHER = "http://dl.yf.io/lsun/scenes"


@register("lsun", cite="Yu et al., LSUN: Construction of a Large-scale Image Dataset, 2015, arXiv:1506.03365")
class LSUN(ImageSet):
    """LSUN scenes, one category at a time, as in lsun:church_outdoor (got by hand; needs the lmdb package).

    The images are read from the database as they are. torchvision's own reader keeps its list of keys in a pickle
    beside the database, which is why it is not used.
    """

    MOST = 100_000
    """Categories hold up to three million images; the first ones by key are used."""

    def __init__(self, name: str):
        self.name = name
        self.category = name.partition(":")[2]
        self.about = About(None, "none stated (research use)", "https://www.yf.io/p/lsun", "Yu et al. 2015", "by hand")

    @property
    def path(self) -> Path:
        return cache_root() / "downloads" / f"{self.category}_train_lmdb"

    def present(self) -> bool:
        return (self.path / "data.mdb").is_file()

    def fetch(self, report: Report = no_report) -> Path:
        self.collection()
        return self.path

    @cached_property
    def _transaction(self) -> Any:
        try:
            import lmdb
        except ImportError as error:
            raise UserError("lsun needs the lmdb package: pip install lmdb") from error
        try:
            return lmdb.open(str(self.path), readonly=True, lock=False, readahead=False).begin()
        except lmdb.Error as error:
            raise UserError(f"{self.path}: not a readable LMDB folder ({error}); unpack the zip again") from error

    def collection(self) -> Collection:
        if not self.category:
            raise UserError("domain 'lsun' needs a category: write lsun:church_outdoor, lsun:bedroom, …")
        if not self.present():
            archive = f"{PUBLISHER}/{self.path.name}.zip"
            raise UserError(f"{self.name} is got by hand: download {archive} and unpack it as {self.path}")
        keys = []
        for key in self._transaction.cursor().iternext(values=False):
            keys.append(bytes(key))
            if len(keys) == self.MOST:
                break
        place = (self.path / "data.mdb").stat()
        stamp = stamp_of(str(self.path.resolve()), [(place.st_size, place.st_mtime_ns, len(keys))])
        names = [key.decode("ascii", "replace") for key in keys]
        read = self._transaction.get
        return from_files(str(self.path), names, lambda i: read(keys[i]), stamp, self.resize.background)
