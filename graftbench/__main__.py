"""``python -m graftbench``."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the folder that it runs in: nothing is imported from there, as by the command `graftbench`

from .bench.cli import main

if __name__ == "__main__":
    main()
