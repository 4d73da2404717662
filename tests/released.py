"""Turns a library into what an earlier release left: the same rows in the schema of then."""

import contextlib
import os
import sqlite3
from pathlib import Path

from imgfind.core.store import CATALOGUE_FILE
from imgfind.core.store.schema import APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION, statements

EARLIER_SCHEMAS = range(1, SCHEMA_VERSION)


def as_of_schema(library: Path, version: int) -> Path:
    """Rewrite the catalogue of ``library``, which nobody has open, in the schema ``version``; return ``library``."""
    today, then = library / CATALOGUE_FILE, library / "then"
    with contextlib.closing(sqlite3.connect(then, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        for migration in MIGRATIONS[:version]:
            for statement in statements(migration):
                database.execute(statement)
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {version}")
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        database.execute("ATTACH ? AS today", (os.fspath(today),))
        for table in tables:
            names = ", ".join(name for _, name, *_ in database.execute(f"PRAGMA main.table_info({table})"))
            database.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM today.{table}")
    os.replace(then, today)
    return library
