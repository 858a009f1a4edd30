"""``graftbench``, and ``python -m graftbench``."""

import sys


def main() -> None:
    """Run the command line. Importing it takes a second, in which Ctrl-C is as good as later."""
    try:
        from .bench.cli import main as run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # the folder that it runs in: nothing is imported from there, as by the command `graftbench`
    main()
