"""The exceptions that mean something to a user: a mistake to mend, and a training that failed."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in what the user gave: one line that says what is wrong, where, and what to do.

    The command line prints it without a traceback and exits with code 2.
    """


class Diverged(Exception):
    """The training went to NaN or infinity: a result of the method, not a fault of the program."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which of ``known`` the misspelt ``name`` may have meant, or list them all."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(repr(match) for match in close)}?"
    return f"known: {', '.join(known)}" if known else "none is known"
