"""Photos out of the library into the system's trash and back, with a journal so that no crash in between loses one.

A photo goes only if its file is, byte for byte, the one that was indexed. Its row goes with it and its content stays,
so that undo brings vector and marks back without reading anything. One process removes at a time; an indexer at work
is no obstacle. A :class:`Removing` belongs to the thread of its :class:`~imgfind.core.library.Library`.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imgfind.core import hashes, lock, spelling, trash
from imgfind.core.access import Access
from imgfind.core.database import Database
from imgfind.core.errors import ImgfindError, LibraryBusyError, LibraryError, TrashError
from imgfind.core.job import Job, Progress
from imgfind.core.paths import displayed
from imgfind.core.records import FileProblem, FoundFile, PhotoId
from imgfind.core.store import Store, removals
from imgfind.core.store.removals import Entry, Removable
from imgfind.core.store.rows import stamp

_CHANGED = "it has changed since it was indexed"


@dataclass(frozen=True, slots=True)
class Removal:
    """What went: ``trashed`` files, under a ``batch`` that :meth:`Removing.undo` takes; ``failed`` are left alone."""

    batch: str
    trashed: int
    failed: list[FileProblem]


@dataclass(frozen=True, slots=True)
class Undone:
    """What came back: ``restored`` files; ``failed`` are still in the trash, or gone from there."""

    restored: int
    failed: list[FileProblem]


class Removing:
    """The way to the trash and back, for the photos of one library."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def ids_of(self, paths: Sequence[str]) -> list[PhotoId]:
        """Return the photos at ``paths``. Raises :class:`LibraryError` for the first that is none of the library."""
        store = self._access.reading()
        return [_photo_id(store, path) for path in paths]

    def remove(self, photo_ids: Sequence[PhotoId], job: Job | None = None) -> Removal:
        """Move the files of photos into the trash; those that are offline, or not as indexed, are left alone.

        Photos that the library no longer knows are passed over. Raises :class:`Cancelled` when the job was; what went
        until then is the :meth:`last_batch`.
        """
        job, ids = job or Job(), list(dict.fromkeys(photo_ids))
        batch, trashed, failed = secrets.token_hex(8), 0, []
        with self._alone() as store:
            for done, photo_id in enumerate(ids):
                job.report(Progress("moving to the trash", done, len(ids)))
                photo = removals.removable(store.database, photo_id)
                if photo is None:
                    continue
                try:
                    _trash(store.database, batch, photo)
                except TrashError as error:
                    failed.append(FileProblem(photo.path, error.reason))
                else:
                    trashed += 1
        return Removal(batch, trashed, failed)

    def undo(self, batch: str, job: Job | None = None) -> Undone:
        """Put back what of a batch is in the trash; nothing that has taken its place is replaced.

        What cannot come back now can be tried again, unless it is gone for good. Raises :class:`Cancelled`.
        """
        job, restored, failed = job or Job(), 0, []
        with self._alone() as store:
            entries = removals.trashed(store.database, batch)
            for done, entry in enumerate(entries):
                job.report(Progress("putting back", done, len(entries)))
                try:
                    _restore(store.database, entry)
                except TrashError as error:
                    failed.append(FileProblem(entry.photo.path, error.reason))
                else:
                    restored += 1
        return Undone(restored, failed)

    def recover(self) -> list[str]:
        """Finish what a crash has interrupted, and return a sentence about each file that was on its way."""
        reader = self._journal()
        if reader is None or not removals.planned(reader.database):
            return []
        try:
            with self._alone() as store:
                entries = removals.planned(store.database)
                return [sentence for entry in entries if (sentence := _recover(store.database, entry))]
        except LibraryBusyError:  # somebody is at it, nothing is interrupted
            return []

    def last_batch(self) -> str | None:
        """Return the last batch that can be undone."""
        reader = self._journal()
        return removals.last_batch(reader.database) if reader else None

    def _journal(self) -> Store | None:
        """Return the reader, None where nothing can have been removed yet."""
        return None if Store.is_outdated(self._access.folder) else self._access.existing()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[Store]:
        """Open the library, which must be there, as the only one who removes."""
        self._access.updated()
        self._access.reading()
        with lock.removing(self._access.folder), self._access.noting() as store:
            yield store


def _photo_id(store: Store, path: str) -> PhotoId:
    known = spelling.known_as(store, path)
    photo_id = removals.photo_id_of(store.database, known)
    if photo_id is None:
        if path and os.path.isdir(known):
            raise LibraryError(f"'{path}' is a folder; name photos.")
        raise LibraryError(f"'{path}' is not in the library; index its folder first, or check the spelling.")
    return photo_id


def _trash(database: Database, batch: str, photo: Removable) -> None:
    """Move one photo into the trash. Raises :class:`TrashError` with everything as it was."""
    if reason := _reason_to_keep(photo):
        raise TrashError(f"'{displayed(photo.path)}' was left alone: {reason}.", reason)
    removal_id = removals.plan(database, batch, photo)
    try:
        trashed_to = trash.move(photo.path)
    except ImgfindError as error:
        removals.note_failed(database, removal_id, str(error))
        raise
    removals.note_trashed(database, removal_id, photo, trashed_to)


def _reason_to_keep(photo: Removable) -> str | None:
    """Tell why the file may not go; None where it is exactly the one that was indexed."""
    if photo.offline:
        return "it is offline"
    try:
        if (
            _stamp_at(photo.path) != photo.stamp
            or not _shows(photo.path, photo)
            or _stamp_at(photo.path) != photo.stamp
        ):
            return _CHANGED
    except FileNotFoundError:
        return "it is no longer there"
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    return None


def _restore(database: Database, entry: Entry) -> None:
    """Put one file back. Raises :class:`TrashError` with everything as it was."""
    path, trashed_to = entry.photo.path, entry.trashed_to or ""
    try:
        # One that is back already was put there by hand, or by an undo that was interrupted.
        if os.path.lexists(trashed_to) or not _is_intact(path, entry.photo):
            trash.put_back(trashed_to, path)
        removals.note_restored(database, entry, _found_or_none(path))
    except TrashError as error:
        # A trash that is there without the file was emptied; one that is away comes back with its drive.
        if not os.path.lexists(trashed_to) and os.path.isdir(os.path.dirname(trashed_to)):
            removals.note_failed(database, entry.removal_id, error.reason)
        raise


def _recover(database: Database, entry: Entry) -> str | None:
    """Find out what became of a file whose removal was interrupted; return what there is to tell."""
    photo = entry.photo
    if _is_intact(photo.path, photo):
        removals.note_failed(database, entry.removal_id, "imgfind was stopped before the file was moved")
        return None
    # What a link leads to cannot be compared in the trash: it may be relative.
    found = (file for file in trash.find(photo.path) if os.path.islink(file) or _is_intact(file, photo))
    trashed_to = next(found, None)
    if trashed_to is None:
        removals.note_failed(database, entry.removal_id, "imgfind was stopped while the file was moved")
        return (
            f"'{displayed(photo.path)}' was on its way to the trash when imgfind was stopped, and is no longer in its"
            " place; look for it in the trash."
        )
    removals.note_trashed(database, entry.removal_id, photo, trashed_to)
    return f"'{displayed(photo.path)}' went to the trash as imgfind was stopped; that can be undone."


def _is_intact(path: str, photo: Removable) -> bool:
    """Tell whether the file at ``path`` has the bytes of the photo."""
    try:
        return _stamp_at(path)[0] == photo.row["size_bytes"] and _shows(path, photo)
    except OSError:
        return False


def _shows(path: str, photo: Removable) -> bool:
    with open(path, "rb") as file:
        return hashes.content_hash_of_stream(file) == photo.content_hash


def _stamp_at(path: str) -> tuple[int, int]:
    return stamp(_found(path))


def _found_or_none(path: str) -> FoundFile | None:
    try:
        return _found(path)
    except OSError:  # a link that leads nowhere now
        return None


def _found(path: str) -> FoundFile:
    status = os.stat(path)
    # No photo was ever indexed from a pipe, and reading one waits for ever.
    size_bytes = status.st_size if stat.S_ISREG(status.st_mode) else -1
    return FoundFile(path, size_bytes, status.st_mtime_ns, status.st_dev, status.st_ino)
