"""The preview cache: small JPEGs keyed by content hash, in ``previews.sqlite3``.

A cache and nothing more: it may be deleted at any moment, and one that is damaged is thrown away and begun again. Makes
no preview itself. One :class:`Previews` belongs to the thread that opened it.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from imgfind.core.database import DamagedDatabaseError, Database
from imgfind.core.errors import LibraryError

PREVIEWS_FILE = "previews.sqlite3"

_VERSION = 1
_TABLE = """CREATE TABLE IF NOT EXISTS previews (
    hash    BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    jpeg    BLOB NOT NULL
) STRICT"""


class Previews:
    """The previews of one library."""

    def __init__(self, folder: Path, *, readonly: bool) -> None:
        """Open the cache in ``folder``. A reader that finds none, or a damaged one, sees an empty cache."""
        self._file = folder / PREVIEWS_FILE
        self._readonly = readonly
        self._database = _opened_for_reading(self._file) if readonly else _opened_for_writing(self._file)

    def add(self, previews: Sequence[tuple[bytes, int, bytes]]) -> None:
        """Keep previews given as ``(content hash, version of their maker, JPEG)``."""
        assert not self._readonly, "only the indexer makes previews"
        if not previews:
            return
        try:
            self._insert(previews)
        except DamagedDatabaseError:
            self.close()
            self._database = _begun_again(self._file)
            self._insert(previews)

    def get(self, content_hash: bytes) -> bytes | None:
        """Return the JPEG of a content, or None where none is cached."""
        if self._database is None:
            return None
        with contextlib.suppress(LibraryError):
            jpeg: bytes | None = self._database.value("SELECT jpeg FROM previews WHERE hash = ?", (content_hash,))
            return jpeg
        return None

    def _insert(self, previews: Sequence[tuple[bytes, int, bytes]]) -> None:
        assert self._database is not None, "a writer always has its cache"
        with self._database.transaction():
            self._database.execute_many("INSERT OR REPLACE INTO previews VALUES (?, ?, ?)", previews)

    def close(self) -> None:
        """Close the cache."""
        if self._database is not None:
            self._database.close()


def _opened_for_reading(file: Path) -> Database | None:
    if not file.exists():
        return None
    with contextlib.suppress(LibraryError):
        database = Database(file, readonly=True)
        with contextlib.suppress(LibraryError):
            if database.value("PRAGMA user_version") == _VERSION:
                return database
        database.close()
    return None


def _opened_for_writing(file: Path) -> Database:
    try:
        return _with_table(file)
    except DamagedDatabaseError:
        return _begun_again(file)


def _begun_again(file: Path) -> Database:
    # Damaged, or of another form: nothing in it is worth more than the seconds to make it again.
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(OSError):
            file.with_name(file.name + suffix).unlink()
    return _with_table(file)


def _with_table(file: Path) -> Database:
    database = Database(file)
    try:
        version = database.value("PRAGMA user_version")
        if version not in (0, _VERSION):
            raise DamagedDatabaseError(f"{file} is a preview cache of another version; delete it.")
        if version == 0:
            with database.transaction():
                database.execute(_TABLE)
                database.execute(f"PRAGMA user_version = {_VERSION}")
        # Touches a page of the table, so that damage shows here and not in the middle of a run.
        database.value("SELECT max(hash) FROM previews")
    except LibraryError:
        database.close()
        raise
    return database
