"""The exceptions that mean something to a user (a mistake to mend, a training that failed), and words for others."""

import difflib
import traceback
from collections.abc import Iterable
from pathlib import Path


class UserError(Exception):
    """A mistake in what the user gave: one line that says what is wrong, where, and what to do.

    The command line prints it without a traceback and exits with code 2.
    """


class UnknownName(UserError):
    """No component has that name here; a plug-in that is not loaded may have one."""


class Diverged(Exception):
    """The training went to NaN or infinity: a result of the method, not a fault of the program."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which of ``known`` the misspelt ``name`` may have meant, or list them all."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(repr(match) for match in close)}?"
    return f"known: {', '.join(known)}" if known else "none is known"


def place_in(file: str | Path | None, error: BaseException) -> str:
    """``line 7``: the deepest line of ``file`` that ``error`` passed through; empty if there is none."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f"line {lines[-1]}" if lines else ""


def said_by(error: BaseException) -> str:
    """``ValueError: boom``, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}"
