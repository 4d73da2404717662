"""Photos out of the library into the system's trash and back, with a journal so that no crash in between loses one.

A photo goes only if its file is, byte for byte, the one that was indexed. Its row goes with it and its content stays,
so that undo brings vector and marks back without reading anything. One that goes because another shows the same goes
only while that one is there, byte for byte, and comes back at once if it is not there behind it: two paths may lead to
one file. One process removes at a time; an indexer at work
is no obstacle. A :class:`Removing` belongs to the thread of its :class:`~imgfind.core.library.Library`.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from imgfind.core import hashes, lock, spelling, trash
from imgfind.core.access import Access
from imgfind.core.database import Database
from imgfind.core.errors import ImgfindError, LibraryBusyError, LibraryError, TrashError
from imgfind.core.job import Job, Progress
from imgfind.core.paths import displayed
from imgfind.core.records import FileProblem, FoundFile, PhotoId
from imgfind.core.store import Store, removals
from imgfind.core.store.removals import Entry, Kept, Removable
from imgfind.core.store.rows import stamp

_CHANGED = "it has changed since it was indexed"
_SAME_FILE = "it is the photo to keep, reached another way"


@dataclass(frozen=True, slots=True)
class Removal:
    """What went: ``trashed`` files, under a ``batch`` that :meth:`Removing.undo` takes; ``failed`` are left alone.

    ``deleted`` files went for good, where there is no trash and that was asked for.
    """

    batch: str
    trashed: int
    failed: list[FileProblem]
    deleted: int = 0


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

    def remove(
        self,
        photo_ids: Sequence[PhotoId],
        job: Job | None = None,
        *,
        beside: Mapping[PhotoId, PhotoId] | None = None,
        permanent: bool = False,
    ) -> Removal:
        """Move the files of photos into the trash; those that are offline, or not as indexed, are left alone.

        ``beside`` says which photo has to stay for one to go; where that cannot be relied on, nothing more goes beside
        it. With ``permanent`` files on drives without a trash are deleted for good. Photos that the library no longer
        knows are passed over. Raises :class:`Cancelled` when the job was; what went until then is the
        :meth:`last_batch`.
        """
        job, ids, beside = job or Job(), list(dict.fromkeys(photo_ids)), beside or {}
        batch, gone, failed, lost = secrets.token_hex(8), [], [], set()
        with self._alone() as store:
            for done, photo_id in enumerate(ids):
                job.report(Progress("moving to the trash", done, len(ids)))
                photo = removals.removable(store.database, photo_id)
                if photo is None:
                    continue
                kept_id = beside.get(photo_id)
                try:
                    if kept_id in lost:
                        raise _left_alone(photo, "the photo to keep cannot be relied on")
                    kept = None if kept_id is None else _kept(store.database, kept_id, photo)
                    gone.append(_remove(store.database, batch, photo, kept, permanent=permanent))
                except _KeptIsLostError as error:
                    lost.add(kept_id)
                    failed.append(FileProblem(photo.path, error.reason))
                except TrashError as error:
                    failed.append(FileProblem(photo.path, error.reason))
        deleted = gone.count(None)
        return Removal(batch, len(gone) - deleted, failed, deleted)

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


class _KeptIsLostError(TrashError):
    """The photo that was to stay is not there as it should be; nothing more may go beside it."""


def _left_alone(photo: Removable, reason: str, kind: type[TrashError] = TrashError) -> TrashError:
    return kind(f"'{displayed(photo.path)}' was left alone: {reason}.", reason)


def _kept(database: Database, photo_id: PhotoId, photo: Removable) -> Kept:
    """Return the photo that has to stay for ``photo`` to go. Raises :class:`TrashError` where it may not go."""
    kept = removals.removable(database, photo_id)
    if kept is None:
        raise _left_alone(photo, "the photo to keep is not in the library", _KeptIsLostError)
    # A link may go, and one of several names of a file; whether more than the name goes shows behind it.
    if _is_one_place(kept.path, photo.path):
        raise _left_alone(photo, _SAME_FILE)
    if reason := _reason_to_keep(kept):
        raise _left_alone(photo, f"of the photo to keep, {displayed(kept.path)}: {reason}", _KeptIsLostError)
    return Kept(kept.path, kept.content_hash)


def _is_one_place(path: str, other: str) -> bool:
    """Tell whether two paths are ways to one name on the disk, so that removing one removes both."""
    places = {os.path.join(os.path.realpath(os.path.dirname(way)), os.path.basename(way)) for way in (path, other)}
    if len(places) == 1:
        return True
    try:
        return not os.path.islink(other) and os.path.samefile(path, other) and os.stat(other).st_nlink == 1
    except OSError:
        return False


def _remove(database: Database, batch: str, photo: Removable, kept: Kept | None, *, permanent: bool) -> str | None:
    """Move one photo into the trash and return where it went, None where it was deleted.

    Raises :class:`TrashError` with everything as it was.
    """
    if reason := _reason_to_keep(photo):
        raise _left_alone(photo, reason)
    removal_id = removals.plan(database, batch, photo, kept, permanent=permanent)
    aside = _aside(batch, removal_id, photo.path) if permanent else None
    try:
        gone_to = _moved(photo.path, aside)
    except ImgfindError as error:
        removals.note_failed(database, removal_id, str(error))
        raise
    if kept is not None and not _is_there(kept):
        raise _put_back_at_once(database, removal_id, photo, gone_to)
    if aside is not None and gone_to == aside:
        _delete(database, removal_id, photo, aside)
    trashed_to = None if gone_to == aside else gone_to
    removals.note_trashed(database, removal_id, photo, trashed_to)
    return trashed_to


def _delete(database: Database, removal_id: int, photo: Removable, aside: str) -> None:
    try:
        os.unlink(aside)
    except OSError as error:
        trash.put_back(aside, photo.path)
        removals.note_failed(database, removal_id, str(error))
        raise _left_alone(photo, f"it cannot be deleted ({error.strerror})") from error


def _aside(batch: str, removal_id: int, path: str) -> str:
    """Return where a file that is to be deleted waits until the photo to keep was looked at once more."""
    return os.path.join(os.path.dirname(path), f".imgfind-{batch}-{removal_id}")


def _moved(path: str, aside: str | None) -> str:
    """Move a file into the trash, or ``aside`` where there is none; return where it is."""
    try:
        return trash.move(path)
    except TrashError as error:
        if aside is None:
            raise
        try:
            os.rename(path, aside)
        except OSError as reason:
            raise error from reason
        return aside


def _put_back_at_once(database: Database, removal_id: int, photo: Removable, gone_to: str) -> TrashError:
    """Undo a removal behind which the photo to keep is gone or changed; return what to say of it."""
    reason = "the photo to keep was gone behind it, so it was put back"
    try:
        trash.put_back(gone_to, photo.path)
        removals.note_failed(database, removal_id, reason)
    except TrashError as error:
        # Still to be undone.
        removals.note_trashed(database, removal_id, photo, gone_to)
        reason = f"the photo to keep was gone behind it, and putting it back failed: {error.reason}"
    return _left_alone(photo, reason, _KeptIsLostError)


def _reason_to_keep(photo: Removable) -> str | None:
    """Tell why the file may not go; None where it is exactly the one that was indexed."""
    if photo.offline:
        return "it is offline"
    try:
        if (
            _stamp_at(photo.path) != photo.stamp
            or not _has_bytes(photo.path, photo.content_hash)
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
    photo, path = entry.photo, displayed(entry.photo.path)
    aside = _aside(entry.batch, entry.removal_id, photo.path)
    if entry.permanent and os.path.lexists(aside):
        with contextlib.suppress(TrashError):  # its place was taken meanwhile
            trash.put_back(aside, photo.path)
    if _is_intact(photo.path, photo):
        removals.note_failed(database, entry.removal_id, "imgfind was stopped before the file was moved")
        return None
    # What a link leads to cannot be compared in the trash: it may be relative.
    found = (file for file in trash.find(photo.path) if os.path.islink(file) or _is_intact(file, photo))
    trashed_to = next(found, None)
    if trashed_to is None:
        if entry.permanent and not os.path.lexists(photo.path):
            removals.note_trashed(database, entry.removal_id, photo, None)
            return f"'{path}' was deleted for good as imgfind was stopped."
        removals.note_failed(database, entry.removal_id, "imgfind was stopped while the file was moved")
        return (
            f"'{path}' was on its way to the trash when imgfind was stopped, and is no longer in its place; look for it"
            " in the trash."
        )
    if entry.kept is not None and not _is_there(entry.kept):
        return str(_put_back_at_once(database, entry.removal_id, photo, trashed_to))
    removals.note_trashed(database, entry.removal_id, photo, trashed_to)
    return f"'{path}' went to the trash as imgfind was stopped; that can be undone."


def _is_there(kept: Kept) -> bool:
    """Tell whether the photo to keep is there, byte for byte."""
    try:
        return _has_bytes(kept.path, kept.content_hash)
    except OSError:
        return False


def _is_intact(path: str, photo: Removable) -> bool:
    """Tell whether the file at ``path`` has the bytes of the photo."""
    try:
        return _stamp_at(path)[0] == photo.row["size_bytes"] and _has_bytes(path, photo.content_hash)
    except OSError:
        return False


def _has_bytes(path: str, content_hash: bytes) -> bool:
    with open(path, "rb") as file:
        return hashes.content_hash_of_stream(file) == content_hash


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
