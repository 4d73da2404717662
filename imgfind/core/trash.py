"""The system's trash: a file goes in, and comes back. Knows no catalogue and no photo.

Qt moves the file, for it knows the trash of every system and says where the file went; it is imported when the first
file is moved, and nowhere else in the core. What it does not do on Linux and the BSDs is here, after the Trash
specification 1.0 of freedesktop.org: names that are no text, and finding a file again by the notes the trash keeps.
Safe on any thread.
"""

import contextlib
import errno
import os
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from urllib.parse import quote, unquote_to_bytes

from imgfind.core.errors import ImgfindError, TrashError
from imgfind.core.paths import displayed

NO_TRASH = "there is no trash for its drive"
"""The reason for which one may want to delete a file for good instead."""
_NOTE_SUFFIX = ".trashinfo"
_MOST_STEM_BYTES = 255 - len("-12345678" + _NOTE_SUFFIX)
"""Of a name in the trash: its note has a longer one, and no name may have more than 255 bytes (Qt 6.11 gives up)."""
_HAS_NOTES = os.name == "posix" and sys.platform != "darwin"
"""Whether the trash is the one of the specification."""


def move(path: str) -> str:
    """Move the file, or the link, at ``path`` (absolute) into the trash and return where it is now.

    Raises :class:`TrashError` where that cannot be, with the file where it was: its folder may not be changed, or there
    is no trash for its drive (many shares have none). Raises :class:`ImgfindError` where there is no Qt.
    """
    place = _without_links(path)
    trashed_to = None
    with contextlib.suppress(OSError):
        if _may_leave(place):
            trashed_to = _moved_by_qt(place) if _is_for_qt(place) else _moved_with_note(place)
    if trashed_to is None:
        raise _not_moved(path, _why_not_moved(place))
    return trashed_to


def put_back(trashed_to: str, path: str) -> None:
    """Move a file from where :func:`move` put it back to ``path``; what is there now is never replaced.

    One that was interrupted can be done again. Raises :class:`TrashError`, with the file where it was.
    """
    try:
        _move_without_replacing(os.fsencode(trashed_to), os.fsencode(path))
    except FileExistsError as error:
        raise _not_put_back(path, "another file has taken its place") from error
    except OSError as error:
        raise _not_put_back(path, _why_not_put_back(trashed_to, path, error)) from error
    _remove_note(trashed_to)


def find(path: str) -> list[str]:
    """Return the files in the trash that were at ``path``, the last one first.

    Only where the trash keeps notes that others may read: on Linux and the BSDs; elsewhere there are none.
    """
    if not _HAS_NOTES:
        return []
    place = os.fsencode(_without_links(path))
    found = []
    for trash, base in _trashes(place):
        for name, note in _notes(trash):
            file = os.path.join(trash, b"files", name)
            if os.path.join(base, unquote_to_bytes(note.get(b"Path", b""))) == place and os.path.lexists(file):
                found.append((note.get(b"DeletionDate", b""), file))
    return [os.fsdecode(file) for _, file in sorted(found, reverse=True)]


def _moved_by_qt(place: str) -> str | None:
    try:
        from PySide6.QtCore import QFile  # noqa: PLC0415 - most programs over the core never move a file
    except ImportError as error:
        raise ImgfindError(
            f"The trash needs PySide6, which cannot be loaded ({error}); install it with: pip install"
            " PySide6-Essentials"
        ) from error
    if _HAS_NOTES:
        # Qt 6.11 makes the trash, but not the folder it is in, and then fails for every drive.
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(_home_trash()), mode=0o700, exist_ok=True)
    before = _identity(place)
    file = QFile(place)
    if not file.moveToTrash():
        return None
    if file.fileName() != place and _identity(place) == before:
        # Qt 6.11 copies what it cannot take away, and calls that done too.
        os.unlink(file.fileName())
        _remove_note(file.fileName())
        return None
    return file.fileName()


def _moved_with_note(place: str) -> str:
    """Do for a name that is no text what Qt does for others.

    Qt leaves the bytes out that are no text and would move another file, if there is one of that name.
    """
    raw = os.fsencode(place)
    trash, base = _trash_for(raw)
    for folder in (b"files", b"info"):
        os.makedirs(os.path.join(trash, folder), mode=0o700, exist_ok=True)
    noted = raw if base == b"/" else os.path.relpath(raw, base)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S").encode()
    name = stem = os.path.basename(raw)[-_MOST_STEM_BYTES:]  # the end says what it is, the note has the whole name
    while True:
        file, note = os.path.join(trash, b"files", name), _note_of(trash, name)
        try:
            with open(note, "xb") as stream:
                stream.write(b"[Trash Info]\nPath=%b\nDeletionDate=%b\n" % (quote(noted).encode(), moment))
        except FileExistsError:
            name = b"%b-%b" % (stem, secrets.token_hex(4).encode())
            continue
        try:
            _move_without_replacing(raw, file)
        except BaseException:
            os.unlink(note)
            raise
        return os.fsdecode(file)


def _trash_for(place: bytes) -> tuple[bytes, bytes]:
    """Return the trash on the drive of ``place``, and the folder that its notes are relative to."""
    home, *others = _trashes(place)
    device = os.lstat(place).st_dev
    with contextlib.suppress(OSError):
        os.makedirs(home[0], mode=0o700, exist_ok=True)
        if os.stat(home[0]).st_dev == device:
            return home
    return others[-1]


def _trashes(place: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield where a file of ``place`` may have gone: trash, and the folder that its notes are relative to."""
    yield os.fsencode(_home_trash()), b"/"
    top = os.path.dirname(place)
    while not os.path.ismount(top):
        top = os.path.dirname(top)
    yield os.path.join(top, b".Trash", b"%d" % os.getuid()), top
    yield os.path.join(top, b".Trash-%d" % os.getuid()), top


def _home_trash() -> str:
    data = os.environ.get("XDG_DATA_HOME", "")
    return os.path.join(data if os.path.isabs(data) else os.path.expanduser("~/.local/share"), "Trash")


def _notes(trash: bytes) -> Iterator[tuple[bytes, dict[bytes, bytes]]]:
    """Yield the files that a trash has notes of, by name, with what the notes say."""
    with contextlib.suppress(OSError):
        for entry in os.listdir(os.path.join(trash, b"info")):
            name, suffix = os.path.splitext(entry)
            if suffix == _NOTE_SUFFIX.encode():
                with contextlib.suppress(OSError), open(_note_of(trash, name), "rb") as stream:
                    pairs = (line.strip().partition(b"=")[::2] for line in stream)
                    yield name, dict(pairs)


def _note_of(trash: bytes, name: bytes) -> bytes:
    return os.path.join(trash, b"info", name + _NOTE_SUFFIX.encode())


def _remove_note(trashed_to: str) -> None:
    """Remove what the trash noted of a file that has left it."""
    folder, name = os.path.split(trashed_to)
    with contextlib.suppress(OSError):
        if os.path.basename(folder) == "files":
            os.unlink(_note_of(os.fsencode(os.path.dirname(folder)), os.fsencode(name)))
        elif name.startswith("$R"):  # the recycle bin of Windows: $Iabc.jpg tells of $Rabc.jpg
            os.unlink(os.path.join(folder, "$I" + name[2:]))


def _move_without_replacing(source: bytes, target: bytes) -> None:
    """Move a file or a link; raises FileExistsError, and OSError for whatever else, with ``source`` as it was."""
    try:
        _rename_without_replacing(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Another drive, or another mount of the same one.
        beside = os.path.join(os.path.dirname(target), b".imgfind-" + secrets.token_hex(8).encode())
        try:
            shutil.copy2(source, beside, follow_symlinks=False)
            _rename_without_replacing(beside, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise
        _unlink_moved(source, target)


def _rename_without_replacing(source: bytes, target: bytes) -> None:
    if os.name == "nt":  # where renaming never replaces
        os.rename(source, target)
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        if not os.path.samestat(os.lstat(source), os.lstat(target)):  # else it is half done already
            raise
        os.unlink(source)
        return
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise
        # No hard links on this drive (FAT), or none to files of others (fs.protected_hardlinks).
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from error
        os.rename(source, target)
        return
    _unlink_moved(source, target)


def _unlink_moved(source: bytes, target: bytes) -> None:
    """Remove what was linked or copied to ``target``; where that may not be, ``target`` goes again."""
    try:
        os.unlink(source)
    except OSError:
        os.unlink(target)
        raise


def _may_leave(place: str) -> bool:
    """Tell whether the folder of ``place`` lets it go, as far as its permissions say."""
    folder = os.path.dirname(place)
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    there = os.stat(folder)
    if os.name == "nt" or not there.st_mode & stat.S_ISVTX:
        return True
    return os.geteuid() in {0, there.st_uid, os.lstat(place).st_uid}


def _identity(place: str) -> tuple[int, ...] | None:
    """Return what is one and the same for a file as long as it stays where it is."""
    try:
        found = os.lstat(place)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _without_links(path: str) -> str:
    """Return ``path`` by way of true folders; a link at its end stays.

    Through a linked folder Qt 6.11 notes a place that does not exist.
    """
    if not _HAS_NOTES:
        return path
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


def _is_for_qt(path: str) -> bool:
    """Tell whether Qt knows what to do with a name: it is text, and leaves room for the note's."""
    if not _HAS_NOTES:
        return True  # names on Windows are UTF-16 with any numbers in it, as Qt's
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return len(os.fsencode(os.path.basename(path))) <= _MOST_STEM_BYTES


def _why_not_moved(place: str) -> str:
    # Qt's own reason is what errno happened to be.
    if not os.path.lexists(place):
        return "it is no longer there"
    if not _may_leave(place):
        return "its folder may not be changed"
    return NO_TRASH


def _why_not_put_back(trashed_to: str, path: str, error: OSError) -> str:
    if not os.path.lexists(trashed_to):
        return "it is no longer in the trash"
    if not os.path.isdir(os.path.dirname(path)):
        return "its folder is no longer there"
    return f"it cannot be moved ({error.strerror})"


def _not_moved(path: str, reason: str) -> TrashError:
    return TrashError(f"'{displayed(path)}' was not moved to the trash: {reason}.", reason)


def _not_put_back(path: str, reason: str) -> TrashError:
    return TrashError(f"'{displayed(path)}' was not put back from the trash: {reason}.", reason)
