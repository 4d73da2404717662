"""The one place that knows sqlite3: how a database is opened, how a transaction runs, how its errors read.

Knows no table. A :class:`Database` belongs to the thread that opened it, unless opened with ``shared=True``, where a
lock makes each statement safe on any thread.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

from imgfind.core.errors import LibraryError

BUSY_TIMEOUT_S = 10.0
"""How long a short write waits for another one; the indexer's transactions last well under a second."""


IDS_PER_STATEMENT = 500
"""How many ids go into one ``IN (...)``; SQLite builds before 3.32 allow 999 parameters."""


class Database:
    """A connection whose statements never leave a cursor open and whose errors are sentences."""

    def __init__(self, file: Path, *, readonly: bool = False, shared: bool = False) -> None:
        """Open ``file``; it is created unless ``readonly``. Raises :class:`LibraryError`."""
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

    def close(self) -> None:
        """Close the connection; closing twice does nothing."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._connection.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise LibraryError(_described(error, self.file)) from error


def _connect(file: Path, shared: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(
        file, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=not shared, cached_statements=256
    )
    try:
        # WAL lets people search while the indexer writes. Where it is impossible (network file systems) SQLite keeps
        # a rollback journal and says so in its answer; both are safe, so the answer needs no look.
        connection.execute("PRAGMA journal_mode = WAL")
        # In WAL mode NORMAL cannot corrupt; a power cut may lose the last commits, which the next run does again.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_readonly(file: Path, shared: bool) -> sqlite3.Connection:
    # immutable=1 reads a WAL database on a medium where the -shm file cannot be made; it ignores a leftover WAL, so it
    # is the second choice (https://sqlite.org/wal.html#read_only_databases).
    for options in ("mode=ro", "mode=ro&immutable=1"):
        connection = sqlite3.connect(
            f"file:{quote_from_bytes(os.fsencode(file.absolute()), safe='/')}?{options}",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=not shared,
        )
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            connection.close()
            last_error = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise last_error


def _described(error: sqlite3.Error, file: Path) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    folder = file.parent
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"The library in {folder} is busy with another program; try again in a moment."
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
            return (
                f"The disk of the library in {folder} is full or failing ({error}); free some space or check the disk,"
                " then run the command again."
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
            return (
                f"The library in {folder} cannot be opened or written to; check its permissions, or name another with"
                " --library."
            )
        case _:
            return (
                f"{file} is damaged or no imgfind library ({error}); restore it from a backup, or name another folder"
                " with --library."
            )
