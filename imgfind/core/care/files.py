"""Writes a file beside its name and swaps it in when it is whole. No state; any thread."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from imgfind.core.errors import LibraryError, UsageError

UNFINISHED = ".unfinished"
"""How a file that is still being written ends."""


@contextlib.contextmanager
def swapped_in(file: Path, *, force: bool) -> Iterator[Path]:
    """Yield a name beside ``file`` to write to; it becomes ``file`` where the block ends well, else it goes.

    Raises :class:`UsageError` where there is such a file and not ``force``, :class:`LibraryError` where the place
    cannot be written to.
    """
    unfinished = file.with_name(file.name + UNFINISHED)
    try:
        if file.is_dir():
            raise UsageError(f"{file} is a folder; name a file.")
        if file.exists() and not force:
            raise UsageError(f"{file} exists already; name another file, or add --force to replace it.")
        if not file.parent.is_dir():
            raise UsageError(f"There is no folder {file.parent}; make it, or name another file.")
        unfinished.unlink(missing_ok=True)
        yield unfinished
        os.replace(unfinished, file)
    except OSError as error:
        raise LibraryError(
            f"Cannot write {file} ({error.strerror or error}); free some space or name another place."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
