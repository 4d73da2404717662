"""The program: ``imgfind``, and ``python -m imgfind``. Joins the two shells, which do not know each other."""

import sys

from imgfind import cli
from imgfind.gui import screen


def main() -> int:
    """Run a command, or the window where that is asked for, and return the exit code."""
    return cli.main(open_window=_open_window if screen.is_there() else None)


def _open_window(library: str | None) -> int:
    from imgfind.gui import app  # noqa: PLC0415 - commands need no Qt

    return app.run(library)


if __name__ == "__main__":
    sys.exit(main())
