"""Which images a path means: a folder with its sub-folders, a zip (or a folder inside it), or a ``.txt`` list."""

import hashlib
import lzma
import os
import stat
import threading
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from ..bench.errors import UserError
from .collection import Collection, displayed, from_files
from .decoding import SUFFIXES, UNREAD_SUFFIXES, Colour

MOST_FILES = 2_000_000
LARGEST_FILE = 256 * 2**20
"""Bytes of one encoded image, unpacked: what is larger is not a photograph, or is a zip bomb."""

MOST_PACKED = 20
"""Image files hardly shrink in a zip; an archive that grows more than this many times is a bomb."""


def list_images(path: Path, background: Colour = (255, 255, 255), at_most: int = MOST_FILES) -> Collection:
    """The images at ``path``, in the order of their names.

    Files are taken for images by suffix, those of formats that are not read too; hidden files are passed over. Where
    every image lies in a sub-folder, and there are several sub-folders, the first folder of its path is its class.

    Raises ``UserError`` if the path does not exist, holds no image, more than ``at_most``, or an unsafe zip.
    """
    path = path.expanduser()
    archive = next((p for p in (path, *path.parents) if p.suffix.lower() == ".zip" and p.is_file()), None)
    if archive is not None:
        return _zip(archive, path.relative_to(archive).as_posix(), background, at_most)
    if path.is_dir():
        return _folder(path, background, at_most)
    if path.suffix.lower() == ".txt" and path.is_file():
        return _list(path, background, at_most)
    if path.exists():
        raise UserError(f"{path}: neither a folder, a .zip nor a .txt list of image files")
    raise UserError(f"{path}: no such folder, .zip or .txt list; give the path of your images")


def _folder(root: Path, background: Colour, at_most: int) -> Collection:
    files, seen = [], set()
    for folder, folders, names in os.walk(root, onerror=_refuse, followlinks=True):
        place = Path(folder).stat()
        if (place.st_dev, place.st_ino) in seen:  # a link back to a parent
            folders.clear()
            continue
        seen.add((place.st_dev, place.st_ino))
        folders[:] = sorted(name for name in folders if not _hidden(name))
        files += [Path(folder, name) for name in names if _is_image(name)]
        _check_count(root, len(files), at_most)
    files.sort(key=lambda file: file.relative_to(root).as_posix())
    names = [file.relative_to(root).as_posix() for file in files]
    return of_files(root, files, names, background, classes=_classes(names))


def _list(listing: Path, background: Colour, at_most: int) -> Collection:
    try:
        lines = listing.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{listing}: not a text file; give one image path on each line") from error
    names = [line for line in map(str.strip, lines) if line and not line.startswith("#")]
    _check_count(listing, len(names), at_most)
    return of_files(listing, [listing.parent / name for name in names], names, background)


def of_files(where: Path, files: list[Path], names: list[str], background: Colour, **facts) -> Collection:
    """The collection of these image files. Raises ``UserError`` if there are none."""
    if not files:
        raise UserError(f"{where}: no image found; files ending in {', '.join(sorted(SUFFIXES))} are taken")
    places = [_place(file) for file in files]
    seen = ((name, state_of(place)) for name, place in zip(names, places, strict=True))
    stamp = stamp_of(str(where.resolve()), seen)

    def read(index: int) -> bytes:
        place = places[index]
        if place is None:
            folder = displayed(str(files[index].parent.absolute()))
            raise OSError("a link that leads nowhere" if files[index].is_symlink() else f"no such file in {folder}")
        if not stat.S_ISREG(place.st_mode):  # reading a pipe would wait for ever
            raise OSError("not a file")
        if place.st_size > LARGEST_FILE:
            raise OSError(f"larger than {LARGEST_FILE // 2**20} MB")
        return files[index].read_bytes()

    return from_files(str(where), names, read, stamp, background, **facts)


def _place(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except (OSError, ValueError):  # ValueError: a line of a list that can be no path
        return None


def state_of(place: os.stat_result | None) -> tuple[int, ...]:
    """What tells one state of a file from another, for ``stamp_of``.

    Size and modification time can be set back to what they were; the time of that (ctime) and the inode cannot. They
    differ on another machine, where the images are then surveyed once more.
    """
    return (place.st_size, place.st_mtime_ns, place.st_ctime_ns, place.st_ino) if place else ()


def _refuse(error: OSError) -> None:
    """Called for a sub-folder that cannot be listed, which would otherwise be left out in silence."""
    folder = displayed(str(error.filename))
    raise UserError(f"{folder}: {error.strerror}; mend its permissions or move it out of the way") from error


def _zip(archive: Path, inside: str, background: Colour, at_most: int) -> Collection:
    """Images are read where they lie in the zip: nothing is unpacked, so no entry can be written anywhere."""
    try:
        with zipfile.ZipFile(archive) as opened:
            _check_count(archive, len(opened.infolist()), at_most)
            entries = {entry.filename: entry for entry in opened.infolist() if not entry.is_dir()}
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise UserError(f"{archive}: not a readable zip ({error}); fetch or make it again") from error
    for name, entry in entries.items():
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if ".." in parts or name.startswith(("/", "\\")) or ":" in name.partition("/")[0]:
            raise UserError(f"{archive}: entry {name!r} points out of the archive; it is not used")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise UserError(f"{archive}: entry {name!r} is a link; it is not used")
    names = sorted(name for name in entries if _is_image(name) and not _hidden(*PurePosixPath(name).parts))
    if inside != ".":
        names = [name for name in names if name.startswith(inside + "/")]
    if not names:
        raise UserError(f"{archive if inside == '.' else archive / inside}: no image found in the zip")
    for name in names:
        if entries[name].file_size > LARGEST_FILE:
            raise UserError(f"{archive}: entry {name!r} would unpack to {entries[name].file_size / 1e9:.1f} GB")
    place = archive.stat()
    unpacked = sum(entries[name].file_size for name in names)
    if unpacked > max(LARGEST_FILE, MOST_PACKED * place.st_size):
        sizes = f"{place.st_size / 1e6:.1f} MB would unpack to {unpacked / 1e9:.1f} GB"
        raise UserError(f"{archive}: {sizes}; it is not used")
    stamp = stamp_of(str(archive.resolve()), [(inside, state_of(place))])
    handles = threading.local()

    def read(index: int) -> bytes:
        opened = getattr(handles, "zip", None)
        if opened is None:
            opened = handles.zip = zipfile.ZipFile(archive)
        try:
            with opened.open(names[index]) as entry:
                data = entry.read(LARGEST_FILE + 1)
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, NotImplementedError, EOFError) as error:
            raise OSError(f"broken zip entry ({error})") from error
        if len(data) > LARGEST_FILE:
            raise OSError(f"larger than {LARGEST_FILE // 2**20} MB")
        return data

    labels = names if inside == "." else [name.removeprefix(inside + "/") for name in names]
    return from_files(str(archive), labels, read, stamp, background, classes=_classes(labels))


def _classes(names: Sequence[str]) -> list[str] | None:
    """The first folder of each path below what all paths share, if that makes several classes."""
    parents = [PurePosixPath(name).parts[:-1] for name in names]
    depth = 0
    while all(len(parent) > depth for parent in parents) and len({parent[depth] for parent in parents}) == 1:
        depth += 1
    if not all(len(parent) > depth for parent in parents):
        return None
    return [parent[depth] for parent in parents]


def _check_count(where: Path, count: int, at_most: int) -> None:
    if count > at_most:
        raise UserError(f"{where}: more than {at_most} files; this is not the image set that was asked for")


def _hidden(*names: str) -> bool:
    return any(name.startswith(".") or name == "__MACOSX" for name in names)


def _is_image(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in SUFFIXES | UNREAD_SUFFIXES and not _hidden(PurePosixPath(name).name)


def stamp_of(*parts: str | Iterable[tuple]) -> str:
    """A hash of what tells one state of some files from another."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode(errors="surrogateescape") if isinstance(part, str) else repr(list(part)).encode())
    return digest.hexdigest()
