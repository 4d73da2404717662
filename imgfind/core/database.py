"""The one place that knows sqlite3: how a database is opened, how a transaction runs, how its errors read.

Knows no table. A :class:`Database` belongs to the thread that opened it, unless opened with ``shared=True``, where a
lock makes each statement safe on any thread.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

from imgfind.core.errors import LibraryError
from imgfind.core.volumes import is_network

BUSY_TIMEOUT_S = 10.0
"""How long a short write waits for another one; the indexer's transactions last well under a second."""

IDS_PER_STATEMENT = 500
"""How many ids go into one ``IN (...)``; full chunks share one prepared statement."""

_PAGES_A_STEP = 2048
"""How much is copied between two looks at the wish to stop: 8 MB."""

_OLDEST_SQLITE = (3, 37, 0)
"""The first with STRICT tables; Python 3.11 may stand on an older one of the system (RHEL 9 has 3.34)."""


class DamagedDatabaseError(LibraryError):
    """What is in the file is no database, or a broken one."""


class Database:
    """A connection whose statements never leave a cursor open and whose errors are sentences."""

    def __init__(self, file: Path, *, readonly: bool = False, shared: bool = False) -> None:
        """Open ``file``; it is created unless ``readonly``. Raises :class:`LibraryError`.

        A reader changes nothing and leaves no file behind; where a writer was killed it completes SQLite's recovery.
        """
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise LibraryError(
                f"imgfind needs SQLite 3.37 or newer and this Python has {sqlite3.sqlite_version}; use a newer Python."
            )
        self.file = file
        self.readonly = readonly
        self._lock: contextlib.AbstractContextManager[Any] = threading.RLock() if shared else contextlib.nullcontext()
        with self._errors():
            self._connection = _connect_readonly(file, shared) if readonly else _connect(file, shared)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all its rows."""
        with self._lock, self._errors():
            return self._connection.execute(sql, parameters).fetchall()

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """Run one statement and return its first row, or None."""
        rows = self.rows(sql, parameters)
        return rows[0] if rows else None

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Run one statement and return the first column of its first row, or None where there is no row."""
        row = self.one(sql, parameters)
        return row[0] if row else None

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement and return the number of rows it changed."""
        with self._lock, self._errors():
            return self._connection.execute(sql, parameters).rowcount

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for every row of parameters."""
        with self._lock, self._errors():
            self._connection.executemany(sql, rows)

    def revision(self) -> tuple[int, int]:
        """Return a value that differs once this or another connection may have changed the database."""
        with self._lock, self._errors():
            return self.value("PRAGMA data_version"), self._connection.total_changes

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block as one write: all of it is kept, or nothing of it where it raises or the process dies."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            # A full disk may have rolled back already; the first error is the one to tell.
            with contextlib.suppress(sqlite3.Error):
                self._connection.rollback()
            raise

    def backup_to(self, file: Path, progress: Callable[[int, int], None]) -> None:
        """Copy the database as it stands into the new ``file``, whoever writes meanwhile. Raises :class:`LibraryError`.

        ``progress`` gets pages done and pages in all, and may raise to stop. The copy is one file with no log beside
        it, on the disk before this returns; where it raises, what there is of it is of no use.
        """
        with self._lock, self._copy_errors(file), contextlib.closing(_connect_for_copy(file)) as copy:
            # Between two steps SQLite would begin again whenever somebody wrote; a reader keeps its state.
            self._connection.execute("BEGIN")
            try:
                self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                self._connection.backup(copy, pages=_PAGES_A_STEP, progress=_steps(progress))
            finally:
                self._connection.rollback()
            copy.execute("PRAGMA journal_mode = DELETE")  # a log belongs to the place, not to the copy
        with self._copy_errors(file), open(file, "r+b") as stream:
            os.fsync(stream.fileno())

    def replace_with(self, file: Path, progress: Callable[[int, int], None]) -> None:
        """Become a copy of the database in ``file``, in one transaction; other connections see it as one write.

        Both must have pages of one size. Raises :class:`LibraryError` with everything as it was.
        """
        with self._lock, self._errors(), contextlib.closing(_connect_readonly(file, shared=False)) as source:
            source.backup(self._connection, pages=_PAGES_A_STEP, progress=_steps(progress))

    def reindex(self) -> bool:
        """Make all indexes again from their rows; False where the rows themselves are not sound."""
        try:
            self.execute("REINDEX")
        except (DamagedDatabaseError, sqlite3.IntegrityError):
            return False
        return True

    def space(self) -> tuple[int, int]:
        """Return the bytes in use and the free ones inside the file."""
        size, pages, free = (self.value(f"PRAGMA {name}") for name in ("page_size", "page_count", "freelist_count"))
        return size * (pages - free), size * free

    def compact(self) -> None:
        """Write the database anew without its free pages and give their space back; needs twice its size meanwhile."""
        self.execute("PRAGMA temp_store = FILE")  # as large as the database
        self.execute("VACUUM")
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        self.execute("PRAGMA temp_store = MEMORY")

    def close(self) -> None:
        """Close the connection; closing twice does nothing."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._connection.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise  # a mistake in imgfind, not on the disk
        except sqlite3.Error as error:
            raise _described(error, self.file) from error

    @contextlib.contextmanager
    def _copy_errors(self, file: Path) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, sqlite3.DatabaseError) and _code(error) in (
                sqlite3.SQLITE_CORRUPT,
                sqlite3.SQLITE_NOTADB,
            ):
                raise _described(error, self.file) from error
            reason = error.strerror if isinstance(error, OSError) else error
            raise LibraryError(f"Cannot write {file} ({reason}); free some space or name another place.") from error


def version() -> str:
    """Return the version of SQLite."""
    return sqlite3.sqlite_version


def identity(file: Path) -> tuple[int, int, bool]:
    """Return application id, schema version, and whether anything was ever made in ``file``, as its header has them.

    Takes no lock, recovers nothing and leaves no trace, so it may look at any file. Raises :class:`LibraryError`.
    """
    # Not by reading the bytes ourselves: closing the file would drop the locks that other connections of this process
    # hold on it (https://sqlite.org/howtocorrupt.html, 2.2).
    try:
        with contextlib.closing(sqlite3.connect(_uri(file, "mode=ro&immutable=1"), uri=True)) as connection:
            # A checkpoint under way may have noted pages that are still to come; with this SQLite does not mind.
            connection.execute("PRAGMA writable_schema = ON")
            names = ("application_id", "user_version", "schema_version")
            application_id, version, changes = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    except sqlite3.Error as error:
        raise _described(error, file) from error
    return application_id, version, changes > 0


def _steps(progress: Callable[[int, int], None]) -> Callable[[int, int, int], None]:
    def step(_status: int, remaining: int, total: int) -> None:
        if remaining:  # behind the last step it is committed: too late to stop
            progress(total - remaining, total)

    return step


def _connect_for_copy(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None)
    # A copy that was not finished is thrown away, so it needs no journal; it is synced as a whole.
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def _uri(file: Path, options: str) -> str:
    return f"file:{quote_from_bytes(os.fsencode(file.absolute()), safe='/')}?{options}"


def _connect(file: Path, shared: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(
        file, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=not shared, cached_statements=256
    )
    try:
        # WAL lets people search while the indexer writes. It needs memory that all who have the file open share; over a
        # network it seems to work and damages the file, and SQLite cannot know. Where it is plainly impossible SQLite
        # keeps a rollback journal and says so.
        wanted = "DELETE" if is_network(str(file.parent)) else "WAL"
        journal = connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()[0]
        # In WAL mode NORMAL cannot corrupt; a power cut may lose the last commits, which the next run does again.
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if journal == 'wal' else 'FULL'}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.create_function("casefold", 1, _casefold, deterministic=True)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_readonly(file: Path, shared: bool) -> sqlite3.Connection:
    # mode=rw with query_only, because closing a WAL database opened with mode=ro leaves -wal and -shm files behind, and
    # because mode=ro cannot roll back what a killed writer left. A file that may not be written is opened for reading.
    # immutable=1 reads a WAL database in a folder where the -shm file cannot be made; it ignores a leftover WAL, so it
    # is the second choice (https://sqlite.org/wal.html#read_only_databases).
    for options in ("mode=rw", "mode=ro&immutable=1"):
        connection = sqlite3.connect(
            _uri(file, options),
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=not shared,
        )
        try:
            connection.execute("PRAGMA query_only = ON")
            connection.create_function("casefold", 1, _casefold, deterministic=True)
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            connection.close()
            # A busy database must not be read as if nobody wrote to it.
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                raise
            last_error = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise last_error


def _casefold(text: str | None) -> str | None:
    """Do for SQL what its own lower() does for ASCII only."""
    return None if text is None else text.casefold()


def _described(error: sqlite3.Error, file: Path) -> LibraryError:
    folder = file.parent
    match _code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return LibraryError(f"The library in {folder} is busy with another program; try again in a moment.")
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
            return LibraryError(
                f"The disk of the library in {folder} is full or failing ({error}); free some space or check the disk,"
                " then run the command again."
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
            return LibraryError(
                f"The library in {folder} cannot be opened or written to; check its permissions, or name another with"
                " --library."
            )
        case _:
            return DamagedDatabaseError(
                f"{file} is damaged or no imgfind library ({error}); restore it from a backup, or name another folder"
                " with --library."
            )


def _code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code
