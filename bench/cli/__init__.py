"""The command line, the only part of graftbench that prints.

Commands live in one file per subject and import what they need when they run, so that ``--help`` is instant.
"""

import errno
import importlib
import io
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from ..errors import UserError
from ..files import UNWRITABLE

app = typer.Typer(
    name="graftbench",
    help="Which GAN transfer strategy should I use, how good will it get, how fast, and can I trust the answer?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _say_version(asked: bool) -> None:
    if asked:
        from ..environment import commit, version

        print(" ".join(filter(None, ["graftbench", version(), commit()["commit"][:7]])))
        raise typer.Exit


@app.callback()
def graftbench(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="say it and end")
    ] = False,
) -> None:
    """Options of the command line as a whole."""


SUBJECTS = (
    "checking",
    "components",
    "data",
    "doctor",
    "planning",
    "pretraining",
    "ranking",
    "reporting",
    "running",
    "sources",
    "stores",
    "strategies",
    "throughput",
    "variance",
    "verifying",
)
"""Files of this folder; each adds its commands to ``app`` when imported."""

for subject in SUBJECTS:
    importlib.import_module(f"{__name__}.{subject}")


NO_PLACE = (*UNWRITABLE, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG)
"""The system's codes for a place where nothing can be written: also one that is no folder, or none of ours."""


def main() -> None:
    """Run the command line. A ``UserError`` becomes one line on standard error and exit code 2.

    So does a command line that is none, and a place that cannot be written: a full or read-only disk, one that
    takes no file of that size or is somebody else's, or one inside of a file.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # neither closed nor a test's
            stream.reconfigure(errors="replace")  # where the terminal's encoding has no dash or arrow
    try:
        code = app(standalone_mode=False)
    except TyperException as error:
        text = " ".join(error.format_message().split()).replace("Value error, ", "").rstrip(".")
        if text:  # empty where no command was given and the help is shown
            print(f"graftbench: {text}; see graftbench --help", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except typer.Abort:
        raise SystemExit(130) from None
    except UserError as error:
        print(f"graftbench: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        if error.errno not in NO_PLACE:
            raise
        place = error.filename2 or error.filename or "output"  # of a copy the second is the one that is written
        print(f"graftbench: {place}: {error.strerror}; what was stored is kept", file=sys.stderr)
        raise SystemExit(2) from None
    raise SystemExit(code if isinstance(code, int) else 0)
