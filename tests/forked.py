"""Command lines, each in a process of its own that begins with the libraries imported: ``python forked.py``.

Importing torch takes longer than most commands that tests call. This process imports it (but nothing of graftbench) and
forks for each line of its standard input, ``{"arguments", "folder", "environment", "stdout", "stderr"}``; it answers
with the exit code. The fork goes on to the end of this file, as ``python -m graftbench`` would.
"""

import gc
import importlib
import json
import os
import runpy
import sys

LIBRARIES = ("torch", "torch._dynamo", "pandas", "pyarrow", "scipy.linalg", "pydantic", "yaml", "typer", "rich")
"""What commands import; ``torch._dynamo`` is what torch itself imports for its first optimiser."""


def forked() -> dict:
    """Returns in each fork, with its call; the process itself waits for the fork, and ends with its input."""
    gc.collect()
    gc.freeze()  # or a fork's first collection would touch, and so copy, all that it shares
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            return json.loads(line)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    sys.exit()


if __name__ == "__main__":
    for library in LIBRARIES:
        importlib.import_module(library)
    call = forked()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in enumerate(("stdout", "stderr"), start=1):
        os.dup2(os.open(call[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    sys.argv = ["graftbench", *call["arguments"]]
    if not sys.flags.safe_path:  # then the first is this script's folder
        sys.path[0] = call["folder"]
    try:
        runpy.run_module("graftbench", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code)  # type: ignore[arg-type] -- taking torch apart would take longer than the command
