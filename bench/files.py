"""Writing files so that a kill at any moment leaves either the old state or the new one."""

import contextlib
import errno
import hashlib
import json
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import UserError

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES, errno.EPERM)
"""The system's codes for a disk that is full, read-only or not ours."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends without an exception."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.touch()
        mode = temporary.stat().st_mode
        yield temporary
        temporary.chmod(mode)  # safetensors gives its files to their owner alone
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)  # of a full disk the system does not say it
        raise
    except Exception as error:
        if (code := _code_in_words(error)) is None:
            raise
        raise OSError(code, os.strerror(code), str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _code_in_words(error: Exception) -> int | None:
    """The system's code, which safetensors has in its message only."""
    found = re.search(r"(?:os error|code:) (\d+)", str(error))
    return int(found[1]) if found and type(error).__name__ == "SafetensorError" else None


def write_atomically(path: Path, content: bytes | str) -> None:
    data = content.encode() if isinstance(content, str) else content
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    write_atomically(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_url(place: str) -> bool:
    return "://" in place


def cache_root() -> Path:
    """Where downloads, features and trained sources are kept: ``$GRAFTBENCH_CACHE`` or ``~/.cache/graftbench``.

    Raises ``UserError`` where there is neither.
    """
    if given := os.environ.get("GRAFTBENCH_CACHE"):
        return Path(given)
    try:
        return Path.home() / ".cache" / "graftbench"
    except RuntimeError as error:
        raise UserError("this user has no home folder; set GRAFTBENCH_CACHE to a folder for what is kept") from error
