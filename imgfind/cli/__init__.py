"""The command line: parse, call the core, print, exit code.

stdout carries results only; progress, warnings and errors go to stderr. Exit codes: 0 done, 1 error, 2 usage, 130
interrupted. Nothing outside this package prints or exits.
"""

import contextlib
import logging
import os
import sys
from collections.abc import Sequence

from imgfind.cli import commands, printing
from imgfind.cli.parser import build_parser
from imgfind.core import Cancelled, ImgfindError, QueryError, UsageError
from imgfind.core.query import pointer

EXIT_DONE, EXIT_ERROR, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command (``sys.argv`` without the program by default) and return its exit code."""
    printing.prepare_streams()
    parser = build_parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "command"):
        parser.print_help()
        return EXIT_DONE
    _log_to_stderr(verbose=getattr(options, "verbose", False))
    try:
        commands.run(options)
        sys.stdout.flush()
    except ImgfindError as error:
        printing.complain(str(error))
        if isinstance(error, QueryError):
            printing.to_stderr(pointer(error))
        return EXIT_USAGE if isinstance(error, UsageError) else EXIT_ERROR
    except (Cancelled, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has seen enough. What is still buffered must not complain at exit either.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_DONE


def _log_to_stderr(*, verbose: bool) -> None:
    logging.captureWarnings(capture=True)
    logging.basicConfig(
        format="%(levelname)s: %(message)s", level=logging.INFO if verbose else logging.WARNING, stream=sys.stderr
    )
    if not verbose:
        # What Pillow thinks of odd files is told by `imgfind problems`, as far as it matters.
        for chatty in ("py.warnings", "PIL"):
            logging.getLogger(chatty).setLevel(logging.ERROR)
