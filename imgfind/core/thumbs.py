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

    def exists(self) -> bool:
        """Tell whether there is a cache that can be read."""
        return self._database is not None

    def damage(self) -> list[str]:
        """Say what is wrong with the file as a database; nothing where there is no file."""
        if self._database is None:
            return [f"{PREVIEWS_FILE} cannot be opened"] if self._file.exists() else []
        try:
            found = [str(row[0]) for row in self._database.rows("PRAGMA quick_check(10)")]
        except DamagedDatabaseError as error:
            return [str(error)]
        return [] if found == ["ok"] else found

    def read(self, after: bytes = b"", limit: int = 200) -> list[tuple[bytes, bytes]]:
        """Return up to ``limit`` content hashes above ``after``, ascending, with their JPEGs."""
        if self._database is None:
            return []
        return self._database.rows(
            "SELECT hash, jpeg FROM previews WHERE hash > ? ORDER BY hash LIMIT ?", (after, limit)
        )

    def sizes(self, after: int = 0, limit: int = 5000) -> list[tuple[int, bytes, int]]:
        """Return up to ``limit`` previews as (number, content hash, bytes), the oldest first, above a number."""
        if self._database is None:
            return []
        return self._database.rows(
            "SELECT rowid, hash, length(jpeg) FROM previews WHERE rowid > ? ORDER BY rowid LIMIT ?", (after, limit)
        )

    def remove(self, hashes: Sequence[bytes]) -> None:
        """Drop the previews of some contents."""
        assert self._database is not None, "what is dropped was read before"
        with self._database.transaction():
            self._database.execute_many("DELETE FROM previews WHERE hash = ?", ((value,) for value in hashes))

    def compact(self) -> None:
        """Give free space inside the file back to the disk; see :meth:`Database.compact`."""
        assert self._database is not None, "only a writer compacts"
        self._database.compact()

    def space(self) -> tuple[int, int]:
        """Return the bytes in use and the free ones inside the file."""
        return self._database.space() if self._database is not None else (0, 0)

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
    discard(file.parent)
    return _with_table(file)


def discard(folder: Path) -> None:
    """Throw the whole cache away, whatever is in it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(OSError):
            (folder / (PREVIEWS_FILE + suffix)).unlink()


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
