"""The locks of a library: the one that makes a process its indexer, and the one of whoever moves photos to the trash.

The operating system holds them, so a killed process lets them go; the process number that an indexer leaves beside its
lock only informs. Safe on any thread.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import filelock

from imgfind.core.errors import LibraryBusyError, LibraryError

LOCK_FILE = "indexer.lock"
PID_FILE = "indexer.pid"
REMOVING_LOCK_FILE = "removing.lock"
FILES = (LOCK_FILE, PID_FILE, REMOVING_LOCK_FILE)
"""What the locks leave in the folder of a library."""

_TIMEOUT_S = 0.2
"""Long enough for somebody who only looks whether the lock is held to let it go."""


@contextlib.contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Be the only indexer of the library in ``folder``, which is made where it is missing.

    Yields whether the one before ended without a word: killed, or by a crash.
    Raises :class:`LibraryBusyError` where another process is, naming it, and :class:`LibraryError` where the folder
    cannot be written to.
    """
    lock, was_killed = _acquired(folder)
    try:
        yield was_killed
    finally:
        with contextlib.suppress(OSError):
            (folder / PID_FILE).unlink(missing_ok=True)
        lock.release()


@contextlib.contextmanager
def removing(folder: Path) -> Iterator[None]:
    """Be the only one who moves photos of the library in ``folder`` to the trash or back; an indexer may be at work.

    Raises :class:`LibraryBusyError` where somebody else is.
    """
    lock = filelock.FileLock(folder / REMOVING_LOCK_FILE)
    try:
        lock.acquire(timeout=_TIMEOUT_S)
    except filelock.Timeout as error:
        raise LibraryBusyError(
            f"Another imgfind is moving photos of the library in {folder} to the trash; try again in a moment."
        ) from error
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        yield
    finally:
        lock.release()


def holder(folder: Path) -> int | None:
    """Return the process that indexes the library now; one that was killed leaves its number but no lock."""
    pid, lock_file = _noted_pid(folder), folder / LOCK_FILE
    if pid is None or not lock_file.exists():
        return None
    try:
        with filelock.FileLock(lock_file, timeout=0):
            return None
    except filelock.Timeout:
        return pid
    except OSError:  # no permission to lock it, so none to know
        return None


def _acquired(folder: Path) -> tuple[filelock.BaseFileLock, bool]:
    lock = filelock.FileLock(folder / LOCK_FILE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=_TIMEOUT_S)
        was_killed = (folder / PID_FILE).exists()
        (folder / PID_FILE).write_text(str(os.getpid()))
    except filelock.Timeout as error:
        pid = _noted_pid(folder)
        who = f"process {pid}" if pid else "another process"
        raise LibraryBusyError(
            f"The library in {folder} is being indexed by {who}; wait until it is done, or stop it."
        ) from error
    except OSError as error:
        lock.release()
        raise _unwritable(folder, error) from error
    return lock, was_killed


def _unwritable(folder: Path, error: OSError) -> LibraryError:
    return LibraryError(
        f"The library folder {folder} cannot be written to ({error.strerror or error}); check its permissions and the"
        " disk, or name another with --library."
    )


def _noted_pid(folder: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int((folder / PID_FILE).read_text())
    return None
