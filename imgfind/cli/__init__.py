"""The command line: parse, call the core, print, exit code.

stdout carries results only; progress, warnings and errors go to stderr. Exit codes: 0 done, 1 error, 2 usage, 130
interrupted. Nothing outside this package prints or exits.
"""

import logging
import sys
from collections.abc import Sequence

from imgfind.cli import commands, printing
from imgfind.cli.parser import build_parser
from imgfind.core import Cancelled, ImgfindError, QueryError, UsageError
from imgfind.core.query import pointer

EXIT_DONE, EXIT_ERROR, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command (``sys.argv`` without the program by default) and return its exit code.

    Raises SystemExit, as argparse does, behind ``--help`` and ``--version`` and where the arguments make no sense.
    """
    printing.prepare_streams()
    try:
        with printing.flushed():
            _run(arguments)
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


def _run(arguments: Sequence[str] | None) -> None:
    parser = build_parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "command"):
        parser.print_help()
        return
    verbose = getattr(options, "verbose", False)
    if not verbose:
        printing.silence_native_libraries()
    _log_to_stderr(verbose=verbose)
    commands.run(options)


def _log_to_stderr(*, verbose: bool) -> None:
    logging.captureWarnings(capture=True)
    logging.basicConfig(
        format="%(levelname)s: %(message)s", level=logging.INFO if verbose else logging.WARNING, stream=sys.stderr
    )
    if not verbose:
        # What Pillow thinks of odd files is told by `imgfind problems`, as far as it matters.
        for chatty in ("py.warnings", "PIL"):
            logging.getLogger(chatty).setLevel(logging.ERROR)
