"""Where downloaded and decoded images are kept, and how many processes share that place.

Every file is made under a temporary name, flushed and renamed: a reader sees a whole file or none, whenever a writer
is killed. A lock per file (released by the system when its holder dies) lets one process make what others wait for.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from ..bench.errors import UserError


@contextmanager
def writing(path: Path) -> Iterator[Path | None]:
    """The temporary path to write ``path`` under, or None if ``path`` is there (another process may have made it).

    What a killed writer left under a temporary name is removed. Raises ``UserError`` if the cache cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.with_name(path.name + ".lock")):
            if path.exists():
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
    if not path.exists():
        with writing(path) as partial:
            if partial is not None:
                partial.write_text(json.dumps(make()), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def stored_array(path: Path, shape: tuple[int, ...], fill: Callable[[np.ndarray], None]) -> np.ndarray:
    """The uint8 array of ``shape`` at ``path``, memory-mapped copy-on-write; ``fill`` writes it on first use."""
    if not path.exists():
        with writing(path) as partial:
            if partial is not None:
                _reserve(partial, shape)
                array = np.lib.format.open_memmap(partial, mode="r+")
                fill(array)
                array.flush()
                del array
    return np.load(path, mmap_mode="c", allow_pickle=False)


def _reserve(path: Path, shape: tuple[int, ...]) -> None:
    """Take the disk space first: a full disk is an error here, and a killed process (SIGBUS) in a mapped write."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    del array
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
