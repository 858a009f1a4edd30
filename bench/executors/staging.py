"""The package's source as one archive, so that cells elsewhere run this code and not what is installed there.

A checkout maps its folders to sub-packages, so the archive is built from where the sub-packages lie and unpacks to a
proper ``graftbench/``. Shipped weights stay behind: a cell's source model travels with the cell.
"""

import hashlib
import importlib.util
import io
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = "graftbench"
SUBPACKAGES = ("bench", "datasets", "strategies")
"""What a cell imports; the reports stay."""
KINDS = (".py", ".yaml", ".json")


def pack() -> bytes:
    """The source of the running package as a zip archive; equal sources give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, path in sorted(_files()):
            # ZipInfo has a fixed date: the archive's hash names the place where it is unpacked.
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def stage(root: Path) -> Path:
    """Unpack the running package below ``root``, once for each state of the source; returns what goes on the path."""
    archive = pack()
    staged = root / hashlib.sha256(archive).hexdigest()[:16]
    if not staged.is_dir():
        temporary = root / f".{uuid.uuid4().hex}.tmp"
        with zipfile.ZipFile(io.BytesIO(archive)) as content:
            content.extractall(temporary)
        temporary.replace(staged)
    return staged


def _files() -> Iterator[tuple[str, Path]]:
    """Name in the archive and place of each file."""
    for package in (ROOT, *(f"{ROOT}.{sub}" for sub in SUBPACKAGES)):
        spec = importlib.util.find_spec(package)
        assert spec is not None and spec.submodule_search_locations, package
        folder = Path(next(iter(spec.submodule_search_locations)))
        inside = folder.glob("*") if package == ROOT else folder.rglob("*")
        for path in inside:
            if path.suffix in KINDS:
                yield f"{package.replace('.', '/')}/{path.relative_to(folder).as_posix()}", path
