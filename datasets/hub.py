"""Image sets on the Hugging Face hub, published as parquet files with an image column."""

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..bench.errors import UserError
from . import register
from .base import About
from .catalogue import Facts
from .collection import Collection, choose_classes, from_files
from .downloads import Report, check_file, no_report
from .image_set import ImageSet
from .listing import stamp_of

if TYPE_CHECKING:
    import pyarrow

log = logging.getLogger(__name__)

PART = re.compile(r"(?P<name>.*)-\d{5}-of-(?P<count>\d{5})")
"""How the hub names the files of a set that has several, without the suffix."""


class HubSet(ImageSet):
    """A data set on the hub; HF_ENDPOINT, HF_HOME, HF_TOKEN and HF_HUB_OFFLINE are honoured."""

    def __init__(self, name: str, facts: Facts):
        self.name = name
        self.dataset = facts.dataset
        self.about = About(facts.images, facts.licence, facts.homepage, facts.cite, "downloaded")

    def present(self) -> bool:
        files = self._files()
        return bool(files) and not lacking(files)

    def fetch(self, report: Report = no_report) -> Path:
        """The hub's client resumes and checks; ``report`` is told of whole files only."""
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

        try:
            folder = Path(snapshot_download(self.dataset, repo_type="dataset", allow_patterns="*.parquet"))
        except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
            reason = " ".join(str(error).split())[:300]
            raise UserError(f"{self.name}: the hub does not give {self.dataset}: {reason}") from error
        for file in self._files():
            report(file.name, file.stat().st_size, file.stat().st_size)
        if not self._files():
            raise UserError(f"{self.name}: {self.dataset} holds no parquet files, which are all that is read")
        self.collection()
        return folder

    def collection(self) -> Collection:
        files = self._files()
        if not files:
            raise UserError(f"{self.name} is not here; run `graftbench fetch {self.name}`")
        if missing := lacking(files):
            raise UserError(
                f"{self.name}: {missing} parts of {self.dataset} are not here; run `graftbench fetch {self.name}`"
            )
        images = _read(self.dataset, files, self.resize.background)
        for file in files:
            check_file(file.resolve(), name=f"{self.dataset}/{file.name}")
        return choose_classes(images, self._classes_asked())

    def _classes_asked(self) -> str:
        return self.name

    def _files(self) -> list[Path]:
        """The parquet files of the newest downloaded revision."""
        from huggingface_hub.constants import HF_HUB_CACHE

        repository = Path(HF_HUB_CACHE) / f"datasets--{self.dataset.replace('/', '--')}"
        snapshots = sorted(repository.glob("snapshots/*"), key=lambda folder: folder.stat().st_mtime)
        return sorted(snapshots[-1].rglob("*.parquet")) if snapshots else []


@register("hub")
class AnyHubSet(HubSet):
    """Any image set on the Hugging Face hub that is stored as parquet: hub:OWNER/NAME."""

    option = "OWNER/NAME"

    def __init__(self, name: str):
        dataset = name.partition(":")[2]
        if dataset.count("/") != 1:
            raise UserError(f"domain {name!r}: write hub:OWNER/NAME")
        homepage = f"https://huggingface.co/datasets/{dataset}"
        super().__init__(name, Facts(name, "hub", "", "see homepage", homepage, dataset, dataset=dataset))

    def _classes_asked(self) -> str:
        return ""


def lacking(files: list[Path]) -> int:
    """How many parts are not among ``files``, after a fetch that was cut short: they end in ``-00000-of-00003`` …"""
    named = [(file.parent, PART.fullmatch(file.stem)) for file in files]
    parts = {(folder, *found.group("name", "count")) for folder, found in named if found}
    there = sum(found is not None for _, found in named)
    return sum(int(count) for _, _, count in parts) - there


def _read(where: str, files: list[Path], background: tuple[int, int, int]) -> Collection:
    """The images of parquet files: a column of structs with ``bytes`` and ``path``, and integer or text labels."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        parts = [pq.read_schema(file) for file in files]
        structs = [field for field in parts[0] if pa.types.is_struct(field.type)]
        column = next((field.name for field in structs if field.type.get_field_index("bytes") >= 0), "")
        if not column:
            raise UserError(f"{where}: has no image column (a struct with bytes and path)")
        label = "label" if "label" in parts[0].names else None
        table = pa.concat_tables(
            pq.read_table(file, columns=[column, *([label] if label else [])], memory_map=True) for file in files
        )
    except pa.ArrowException as error:
        raise UserError(
            f"{where}: {files[0]} is not readable parquet ({error}); delete it and fetch it again"
        ) from error
    data: pyarrow.ChunkedArray = table.column(column)
    has_paths = data.type.get_field_index("path") >= 0
    # The paths alone: to make Python objects of whole rows would read every image.
    paths = table.flatten().column(f"{column}.path").to_pylist() if has_paths else [None] * len(data)
    names = [f"row {i} ({path})" if path else f"row {i}" for i, path in enumerate(paths)]
    stamp = stamp_of(where, ((str(f.resolve()), f.stat().st_size) for f in files))

    def read(index: int) -> bytes:
        content = data[index]["bytes"].as_py()
        if content is None:
            raise OSError("the row holds a path and no image")
        return content

    classes = [str(value) for value in table.column(label).to_pylist()] if label else None
    return from_files(where, names, read, stamp, background, classes=classes)
