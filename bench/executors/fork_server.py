"""Processes that begin with their libraries imported: ``python -m graftbench.bench.executors.fork_server LIBRARY …``.

On one core importing torch takes longer than many a small cell trains. The server imports the libraries once, but
nothing of graftbench, whose code is the user's to edit while a run goes on, and forks for each line of its standard
input, one at a time. The fork answers with its process id, the server with the fork's exit code. It is for Linux, whose
libraries expect to be forked, and for the CPU: CUDA does not.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..parent import PARENT, die_with_parent

POLL_SECONDS = 0.01


class ForkServer:
    """One process that forks. ``environment`` is what its libraries see when they are imported."""

    def __init__(self, libraries: Sequence[str], environment: Mapping[str, str]):
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-u", "-m", __name__, *libraries],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if sys.stderr else subprocess.DEVNULL,  # a closed one would leave the forks without
            env={**environment, PARENT: str(os.getpid())},
            start_new_session=True,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._calls, self._answers = self._process.stdin, self._process.stdout
        os.set_blocking(self._answers.fileno(), False)
        self._fork: Forked | None = None

    def start(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        output: Path,
        errors: Path | None = None,
        folder: Path | None = None,
    ) -> "Forked":
        """Run ``python -P -u -m module arguments`` in a session of its own, in ``folder`` or where this process is.

        What it prints is appended to the file ``output``, its errors too unless they have a file of their own. It ends
        with the server, which must be free.
        """
        call = {
            "module": module,
            "arguments": arguments,
            "environment": {**environment, PARENT: str(self._process.pid)},
            "folder": str(folder or Path.cwd()),
            "output": [str(path.resolve()) for path in (output, errors or output)],
        }
        with contextlib.suppress(BrokenPipeError):  # it has just died: the fork's exit code tells
            self._calls.write(json.dumps(call).encode() + b"\n")
            self._calls.flush()
        self._fork = Forked(self)
        return self._fork

    def is_free(self) -> bool:
        """Whether it can start another."""
        return self.ended() is None and (self._fork is None or self._fork.poll() is not None)

    def ended(self) -> int | None:
        """The server's own exit code if it is gone, and with it its fork."""
        return self._process.poll()

    def read(self) -> bytes:
        """What it has answered since the last look."""
        try:
            return b"" if self._answers.closed else os.read(self._answers.fileno(), 4096)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        """End it, and its fork with it."""
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        """Its own process id."""
        return self._process.pid


class Forked:
    """A fork of a server, to be used as a ``subprocess.Popen``."""

    def __init__(self, server: ForkServer):
        self._server = server
        self._answer = b""

    @property
    def pid(self) -> int:
        """Its process id; the server's as long as that has not forked yet."""
        return self._told().get("pid", self._server.pid)

    def poll(self) -> int | None:
        """The exit code (the negative number of the signal that ended it), None while it runs."""
        gone = self._server.ended()  # looked at first: what it had still said is read then
        return self._told().get("code", gone)

    def _told(self) -> dict[str, int]:
        """``pid`` and ``code``, once they are known. After the code no more is read: it would be of the next fork."""
        if b"code" not in self._answer:
            self._answer += self._server.read()
        lines = self._answer.decode().splitlines() if self._answer.endswith(b"\n") else []
        return {name: int(number) for name, number in map(str.split, lines)}

    def wait(self) -> int:
        """Wait for its end; returns its exit code."""
        while (code := self.poll()) is None:
            time.sleep(POLL_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it ends just now
                os.kill(self.pid, number)


def serve() -> dict[str, Any]:
    """Fork for each line; returns in the forks, with what the line asks for."""
    gc.collect()
    gc.freeze()  # or a fork's first collection would touch, and so copy, all that it shares
    for line in sys.stdin:
        fork = os.fork()
        if fork == 0:
            return json.loads(line)
        _answer("code", os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]))
    sys.exit()


def become(call: dict[str, Any]) -> None:
    """Run the module as ``python -P -m`` would, and end this process."""
    os.setsid()
    _answer("pid", os.getpid())  # not before: whoever knows it may kill the session
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in enumerate(call["output"], start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666), number)
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    die_with_parent()
    sys.argv = [call["module"], *call["arguments"]]
    try:
        runpy.run_module(call["module"], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ended:
        if isinstance(ended.code, str):
            sys.stderr.write(f"{ended.code}\n")
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    atexit._run_exitfuncs()  # as multiprocessing's forks do
    os._exit(code & 0xFF)  # taking torch apart would take longer than many a command


def _answer(name: str, number: int) -> None:
    os.write(sys.stdout.fileno(), f"{name} {number}\n".encode())  # at once, so that a line is never read in part


if __name__ == "__main__":
    die_with_parent()
    for library in sys.argv[1:]:
        importlib.import_module(library)
    become(serve())
