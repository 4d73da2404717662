"""Decides whether a folder is a library that this program may open, and brings its schema up to date."""

from pathlib import Path

from imgfind.core.database import Database, identity
from imgfind.core.errors import LibraryError
from imgfind.core.store import schema

CATALOGUE_FILE = "catalog.sqlite3"


def checked_version(folder: Path) -> int:
    """Return the schema version in ``folder``, 0 where there is no catalogue yet; refuse what is not ours to open.

    Looks at the header only: opening it would recover and tidy up even a database that is then refused.
    """
    file = folder / CATALOGUE_FILE
    try:
        if folder.exists() and not folder.is_dir():
            raise LibraryError(f"{folder} is a file, not a library folder; name a folder with --library.")
        if not file.exists() or file.stat().st_size == 0:
            return 0
    except OSError as error:
        raise LibraryError(f"Cannot look into {folder} ({error.strerror}); check its permissions.") from error
    return file_version(file)


def file_version(file: Path) -> int:
    """Return the schema version of a catalogue under any name, 0 for an empty one; refuse what is not ours."""
    application_id, version, used = identity(file)
    _check(file, application_id, version, used)
    return version


def check_opened(database: Database) -> int:
    """Return the schema version of an opened catalogue, 0 for an empty one; refuse what is not ours.

    Asks again because the write-ahead log of a killed program may hold more than the header tells.
    """
    version: int = database.value("PRAGMA user_version")
    used = database.value("SELECT count(*) FROM sqlite_master") > 0
    _check(database.file, database.value("PRAGMA application_id"), version, used)
    return version


def migrate(database: Database) -> None:
    """Bring a catalogue, or an empty database, to our schema in one transaction."""
    if check_opened(database) < schema.SCHEMA_VERSION:
        with database.transaction():
            for migration in schema.MIGRATIONS[check_opened(database) :]:
                for statement in schema.statements(migration):
                    database.execute(statement)
            database.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
    if checked_version(database.file.parent) < schema.SCHEMA_VERSION:
        # From the write-ahead log into the header, where readers look first.
        database.rows("PRAGMA wal_checkpoint(TRUNCATE)")


def _check(file: Path, application_id: int, version: int, used: bool) -> None:
    # One that was never used is ours: the program that made it was killed before it noted anything.
    if application_id != schema.APPLICATION_ID and (application_id or version or used):
        raise LibraryError(f"{file} is a database of another program; name another folder with --library.")
    if version > schema.SCHEMA_VERSION:
        raise LibraryError(
            f"The library in {file.parent} was written by a newer imgfind (schema {version}, this one knows"
            f" {schema.SCHEMA_VERSION}); update imgfind to open it."
        )
