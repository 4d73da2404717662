"""``imgfind trash``: photos into the system's trash, and back."""

import argparse
import contextlib
from collections.abc import Callable, Iterator, Sequence

from imgfind.cli import printing
from imgfind.cli.progress import Bar, reporter
from imgfind.cli.stopping import cancelled_by_signals
from imgfind.core import Cancelled, FileProblem, ImgfindError, Job, Library, UsageError, paths, wording
from imgfind.core.removing import Removing

_EPILOG = """\
Only a file that is byte for byte the one that was indexed goes; photos that
are offline, or on a drive without a trash, stay where they are. --undo takes
back the last call that moved anything, here or in the window, even after a
restart; no file is ever replaced.

examples:
  imgfind trash ~/Pictures/blurred.jpg
  imgfind trash --undo
"""


def add_trash(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command of this module; ``command`` makes its parser."""
    trash = command("trash", "move photos into the system's trash, or put them back", _EPILOG)
    trash.add_argument("photos", metavar="PHOTO", nargs="*", help="the path of a photo in the library")
    trash.add_argument("--undo", action="store_true", help="put back what was moved last")


def run(library: Library, options: argparse.Namespace) -> None:
    """Move photos into the trash or back. Raises :class:`ImgfindError` where one had to be left where it was."""
    if bool(options.photos) == options.undo:
        raise UsageError("Name photos, or --undo; see: imgfind trash --help")
    removing = library.removing
    tell_recovered(removing)
    if options.undo:
        undo(removing, options)
    else:
        _remove(removing, options)


def tell_recovered(removing: Removing) -> None:
    """Finish what a crash has interrupted, and tell of it."""
    for sentence in removing.recover():
        printing.to_stderr(sentence)


def _remove(removing: Removing, options: argparse.Namespace) -> None:
    ids = removing.ids_of(options.photos)
    with moving_job() as job:
        removal = removing.remove(ids, job)
    if options.json:
        batch = removal.batch if removal.trashed else None
        printing.document({"batch": batch, "trashed": removal.trashed, "failed": documents(removal.failed)})
    elif removal.trashed:
        printing.line(f"Moved {wording.count(removal.trashed, 'photo')} to the trash.")
        printing.to_stderr("To put back what was moved: imgfind trash --undo")
    tell_failures(removal.failed, "left alone")


def undo(removing: Removing, options: argparse.Namespace) -> None:
    """Put back what was moved last. Raises :class:`ImgfindError` where something cannot come back."""
    batch = removing.last_batch()
    if batch is None:
        raise ImgfindError("There is nothing to put back.")
    with moving_job() as job:
        undone = removing.undo(batch, job)
    if options.json:
        printing.document({"batch": batch, "restored": undone.restored, "failed": documents(undone.failed)})
    elif undone.restored:
        printing.line(f"Put back {wording.count(undone.restored, 'photo')}.")
    tell_failures(undone.failed, "not put back")


@contextlib.contextmanager
def moving_job() -> Iterator[Job]:
    """Yield a job that shows a bar on a terminal and that signals stop."""
    with Bar() as bar:
        job = Job(reporter("auto", bar))
        try:
            with cancelled_by_signals(job):
                yield job
        except Cancelled:
            bar.close()
            printing.to_stderr("Stopped. What was moved can be put back with: imgfind trash --undo")
            raise


def documents(failed: Sequence[FileProblem]) -> list[dict[str, str]]:
    """Return files and what became of them, as JSON carries them."""
    return [{**printing.located(problem.path), "reason": problem.reason} for problem in failed]


def tell_failures(failed: Sequence[FileProblem], what: str) -> None:
    """Tell which files stayed and why. Raises :class:`ImgfindError` where there are any."""
    for problem in failed:
        printing.to_stderr(f"{paths.displayed(problem.path)}: {problem.reason}")
    if failed:
        raise ImgfindError(f"{wording.count(len(failed), 'photo')} {'was' if len(failed) == 1 else 'were'} {what}.")
