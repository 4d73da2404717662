"""The command line: parse, call the core, print, exit code.

stdout carries results only; progress, warnings and errors go to stderr. Exit codes: 0 done, 1 error, 2 usage, 130
interrupted. Nothing outside this package prints or exits.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence

from imgfind.cli import commands, printing
from imgfind.cli.parser import build_parser
from imgfind.cli.stopping import end_with_parent
from imgfind.core import Cancelled, ImgfindError, QueryError, UsageError
from imgfind.core.query import pointer

WindowOpener = Callable[[str | None], int]
"""Shows the window of a library (None: the user's own) until it is closed; returns the exit code."""

EXIT_DONE, EXIT_ERROR, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None, *, open_window: WindowOpener | None = None) -> int:
    """Run one command (``sys.argv`` without the program by default) and return its exit code.

    ``open_window`` is None where there is no screen. Raises SystemExit, as argparse does, behind ``--help`` and
    ``--version`` and where the arguments make no sense.
    """
    printing.prepare_streams()
    try:
        with printing.flushed():
            return _run(arguments, open_window)
    except ImgfindError as error:
        printing.complain(str(error))
        if isinstance(error, QueryError) and error.text.strip():
            printing.to_stderr(pointer(error))
        return EXIT_USAGE if isinstance(error, UsageError) else EXIT_ERROR
    except (Cancelled, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        printing.discard_output()  # the reader (head, less) has seen enough
    return EXIT_DONE


def _run(arguments: Sequence[str] | None, open_window: WindowOpener | None) -> int:
    parser = build_parser()
    options = parser.parse_args(arguments)
    command = getattr(options, "command", None)
    if command is None and open_window is None:
        parser.print_help()
        return EXIT_DONE
    verbose = getattr(options, "verbose", False)
    if not verbose:
        printing.silence_native_libraries()
    _log_to_stderr(verbose=verbose)
    if command in (None, "gui"):
        return _show_window(options, open_window)
    end_with_parent()
    commands.run(options)
    return EXIT_DONE


def _show_window(options: argparse.Namespace, open_window: WindowOpener | None) -> int:
    if open_window is None:
        raise ImgfindError("There is no screen to show a window on; use the command line, see: imgfind --help")
    return open_window(getattr(options, "library", None))


def _log_to_stderr(*, verbose: bool) -> None:
    logging.captureWarnings(capture=True)
    logging.basicConfig(
        format="%(levelname)s: %(message)s", level=logging.INFO if verbose else logging.WARNING, stream=sys.stderr
    )
    if not verbose:
        # What Pillow thinks of odd files is told by `imgfind problems`, as far as it matters.
        for chatty in ("py.warnings", "PIL"):
            logging.getLogger(chatty).setLevel(logging.ERROR)
