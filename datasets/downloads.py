"""Getting a file over HTTP: resumed after an interruption, checked, and put in place whole."""

import hashlib
import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

import filelock

from ..bench.errors import UserError
from ..bench.files import cache_root, sha256_of, write_json
from .google_drive import confirmed_link, direct_link, title_of

log = logging.getLogger(__name__)
Report = Callable[[str, int, int | None], None]
"""Told the file's name, the bytes that are here, and the bytes that it will have (None if the server does not say)."""
TRIES = 3
PAUSE = 1.0
"""Seconds before the next try."""
PATIENCE = 30.0
"""Seconds without a byte after which a connection is given up; less than 1 kB/s over that time counts as none."""
LARGEST = 20 * 2**30
"""Bytes: no file here is larger, so an endless answer cannot fill the disk."""
LARGEST_PAGE = 2**20
"""Bytes of a web page that are looked at."""


class _Interrupted(Exception):
    """The transfer stopped; what has come so far is kept."""


def downloads() -> Path:
    """Where downloaded files lie, and where a user puts those that must be got by hand."""
    return cache_root() / "downloads"


def no_report(name: str, done: int, total: int | None) -> None:
    """Report to nobody."""


def download(
    url: str,
    path: Path,
    report: Report = no_report,
    hint: str = "",
    patience: float = PATIENCE,
    expected: Mapping[str, str] = {},
) -> None:
    """Bring ``url`` to ``path``, going on from where an earlier call was interrupted.

    A link to a file on Google Drive may be the one that people share; its confirmation is given.
    ``hint`` is added to what is said when it fails, ``expected`` are the hashes that the publisher states, by the
    algorithm's name ("sha256", "md5"; empty where not stated). Raises ``UserError`` when the server refuses, sends a
    web page or another file, or stops again and again; never leaves a half file or a wrong one at ``path``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(path.with_name(path.name + ".lock")):
        if path.exists():  # another process brought it
            return
        partial = path.with_name(path.name + ".partial")
        for left in reversed(range(TRIES)):
            try:
                _transfer(direct_link(url), partial, path.name, report, hint, patience)
                break
            except _Interrupted as error:
                if not left:
                    raise UserError(f"{url}: {error}; {_kept(partial)}{_and(hint)}") from error
                log.warning("%s: %s; trying again", url, error)
                time.sleep(PAUSE)
        _tag(partial).unlink(missing_ok=True)
        _require_hashes(url, partial, expected, hint)
        partial.replace(path)


def _require_hashes(url: str, partial: Path, expected: Mapping[str, str], hint: str) -> None:
    """Or what came is thrown away: nothing can go on from it."""
    for algorithm, stated in expected.items():
        if not stated:
            continue
        with partial.open("rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
        if found != stated:
            partial.unlink()
            raise UserError(f"{url}: sends a file whose {algorithm} is {found}, not {stated} as stated{_and(hint)}")


def _transfer(
    url: str, partial: Path, name: str, report: Report, hint: str, patience: float, asked: bool = False
) -> None:
    """One try. ``asked`` says that a confirmation was already given, which no server asks for twice."""
    done = partial.stat().st_size if partial.exists() else 0
    tag = _tag(partial).read_text() if done and _tag(partial).exists() else ""
    headers = {"User-Agent": "graftbench", "Accept-Encoding": "identity"}
    if tag:
        headers |= {"Range": f"bytes={done}-", "If-Range": tag}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=patience) as answer:
            if answer.headers.get_content_type() != "text/html":
                return _receive(url, answer, partial, done if tag else 0, name, report, patience)
            page = answer.read(LARGEST_PAGE).decode("utf-8", "replace")
            confirmed = None if asked else confirmed_link(answer.url, page)
        if confirmed is None:
            what = f"a web page instead of the file{_and(title_of(page))}"
            raise UserError(f"{url}: the server sends {what}{_and(hint)}")
        return _transfer(confirmed, partial, name, report, hint, patience, asked=True)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # there is nothing after what is here
            if error.headers.get("Content-Range") == f"bytes */{done}":
                return report(name, done, done)
            partial.unlink(missing_ok=True)
            raise _Interrupted("the file on the server has changed") from error
        if error.code == 429 or error.code >= 500:
            raise _Interrupted(f"the server answers {error.code} {error.reason}") from error
        raise UserError(f"{url}: the server answers {error.code} {error.reason}{_and(hint)}") from error
    except TimeoutError as error:
        raise _Interrupted(f"no data for {patience:g} s") from error
    except (urllib.error.URLError, HTTPException, ConnectionError) as error:
        raise _Interrupted(str(getattr(error, "reason", error) or type(error).__name__)) from error


def _receive(
    url: str, answer: HTTPResponse, partial: Path, done: int, name: str, report: Report, patience: float
) -> None:
    if answer.status != 206 or not answer.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
        done = 0  # the server sends all of it, or the file has changed
    length = answer.headers.get("Content-Length")
    total = done + int(length) if length else None
    tag = answer.headers.get("ETag") or ""
    if not tag or tag.startswith("W/"):  # a weak tag does not say that the bytes are equal
        tag = answer.headers.get("Last-Modified") or ""
    _tag(partial).write_text(tag)
    with partial.open("ab" if done else "wb") as file:
        since, then = time.monotonic(), done
        while chunk := answer.read1(1 << 18):
            file.write(chunk)
            done += len(chunk)
            report(name, done, total)
            if done > LARGEST:
                raise UserError(f"{url}: sends more than {LARGEST / 2**30:.0f} GB; given up")
            if time.monotonic() - since > patience:
                if done - then < 1024 * patience:
                    raise _Interrupted("slower than 1 kB/s")
                since, then = time.monotonic(), done
    if total is not None and done < total:
        raise _Interrupted(f"the connection closed after {done:,} of {total:,} bytes")


def check_file(path: Path, sha256: str = "", name: str = "", thorough: bool = False) -> None:
    """Compare a file with its stated SHA-256, or with the one recorded when it was first seen.

    The record (``hashes.json`` in the downloads folder) also keeps size and time, so that an unchanged file is only
    read again if the check is to be ``thorough``. Raises ``UserError`` if the hash differs.
    """
    name = name or path.name
    record = downloads() / "hashes.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(record.with_name(record.name + ".lock")):
        records = _recorded(record)
        place = path.stat()
        now = {"bytes": place.st_size, "modified": place.st_mtime_ns}
        known = records.get(name, {})
        unchanged = known and all(known.get(key) == value for key, value in now.items())
        if unchanged and not thorough and sha256 in ("", known.get("sha256")):
            return
        found = sha256_of(path)
        expected = sha256 or known.get("sha256", found)
        if found != expected:
            whose = "stated for it" if sha256 else f"recorded when it was first fetched (in {record})"
            other = "" if sha256 else f", or take {name!r} out of that list if the publisher has changed it"
            raise UserError(
                f"{path}: SHA-256 is {found}, not {expected} {whose}; delete the file and fetch it again{other}"
            )
        write_json(record, records | {name: {"sha256": found, **now}})


def _recorded(record: Path) -> dict[str, dict[str, Any]]:
    """What is known of the files by name. Raises ``UserError`` if it is damaged."""
    try:
        found = json.loads(record.read_bytes())
        if not (isinstance(found, dict) and all(isinstance(known, dict) for known in found.values())):
            raise ValueError("no table of files")
        return found
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UserError(
            f"{record}: is damaged ({error}); delete it, and the hashes of the files that are here are recorded anew"
        ) from error


def _kept(partial: Path) -> str:
    """What the next call can go on from."""
    if not partial.exists() or not _tag(partial).exists() or not _tag(partial).read_text():
        return "the server names no version of the file, so that the next try starts again"
    return f"{partial.stat().st_size:,} bytes are kept, the same command goes on from there"


def _tag(partial: Path) -> Path:
    """Holds the server's name for the version that is being downloaded, so that two versions are never joined."""
    return partial.with_name(partial.name + ".tag")


def _and(hint: str) -> str:
    return f"; {hint}" if hint else ""
