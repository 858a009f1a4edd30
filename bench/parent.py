"""Processes that end when the one that started them does, however it ends."""

import ctypes
import os
import signal
import sys

PARENT = "GRAFTBENCH_PARENT"
"""Environment variable: id of the process that started this one."""


def die_with_parent() -> None:
    """Ask Linux to send SIGKILL when the parent is gone, however it went; elsewhere the process runs to its end."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)
        is_follower = int(os.environ.get("RANK", "0")) > 0
        if not is_follower and os.environ.get(PARENT, str(os.getppid())) != str(os.getppid()):
            raise SystemExit("the process that started this one is gone")
