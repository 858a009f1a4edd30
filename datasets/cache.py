"""Where downloaded and decoded images are kept, and how many processes share that place.

Every file is made under a temporary name, flushed and renamed: a reader sees a whole file or none, whenever a writer
is killed. A lock per file (released by the system when its holder dies) lets one process make what others wait for.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import filelock
import numpy as np

from ..bench.errors import UserError

log = logging.getLogger(__name__)
T = TypeVar("T")


@contextmanager
def writing(path: Path, is_there: Callable[[], bool] | None = None) -> Iterator[Path | None]:
    """The temporary path to write ``path`` under, or None if ``path`` is there (another process may have made it).

    It is there if it exists, unless ``is_there`` knows better. What a killed writer left under a temporary name is
    removed. Raises ``UserError`` if the cache cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.with_name(path.name + ".lock")):
            if (is_there or path.exists)():
                yield None
                return
            for leftover in path.parent.glob(f"{path.name}.*.partial"):
                leftover.unlink()
            partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
            try:
                yield partial
                with partial.open("rb") as written:
                    os.fsync(written.fileno())
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror or error}; set GRAFTBENCH_CACHE to a better place"
        ) from error


def stored_json(path: Path, make: Callable[[], Any]) -> Any:
    """The JSON value at ``path``; made and stored on first use."""

    def read() -> Any:
        return json.loads(path.read_text(encoding="utf-8"))

    def write(partial: Path) -> None:
        partial.write_text(json.dumps(make()), encoding="utf-8")

    return _stored(path, read, write)


def stored_array(path: Path, shape: tuple[int, ...], fill: Callable[[np.ndarray], None]) -> np.ndarray:
    """The uint8 array of ``shape`` at ``path``, memory-mapped copy-on-write; ``fill`` writes it on first use."""

    def read() -> np.ndarray:
        array = np.load(path, mmap_mode="c", allow_pickle=False)
        if array.shape != shape:
            raise ValueError(f"holds {array.shape} instead of {shape}")
        return array

    def write(partial: Path) -> None:
        _reserve(partial, shape)
        array = np.lib.format.open_memmap(partial, mode="r+")
        fill(array)
        array.flush()
        del array

    return _stored(path, read, write)


def _stored(path: Path, read: Callable[[], T], write: Callable[[Path], None]) -> T:
    """What ``read`` gives of ``path``, which ``write`` makes if it is not there, or damaged: it is only a copy."""

    def found() -> T | None:
        try:
            return read() if path.exists() else None
        except (ValueError, EOFError):  # what JSON and NumPy raise of a file that was cut short, or is none of theirs
            return None

    value = found()
    if value is not None:
        return value
    with writing(path, lambda: found() is not None) as partial:
        if partial is not None:
            if path.exists():
                log.warning("%s is damaged and is made anew", path)
            write(partial)
    return read()


def _reserve(path: Path, shape: tuple[int, ...]) -> None:
    """Take the disk space first: a full disk is an error here, and a killed process (SIGBUS) in a mapped write."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    del array
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
