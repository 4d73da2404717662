"""Decides whether a folder is a library that this program may open, and brings its schema up to date."""

from pathlib import Path

from imgfind.core.database import Database
from imgfind.core.errors import LibraryError
from imgfind.core.store import schema

CATALOGUE_FILE = "catalog.sqlite3"


def checked_version(folder: Path) -> int:
    """Return the schema version in ``folder``, 0 where there is no catalogue yet; refuse what is not ours to open."""
    if folder.exists() and not folder.is_dir():
        raise LibraryError(f"{folder} is a file, not a library folder; name a folder with --library.")
    file = folder / CATALOGUE_FILE
    try:
        if not file.exists() or file.stat().st_size == 0:
            return 0
    except OSError as error:
        raise LibraryError(f"Cannot look into {folder} ({error.strerror}); check its permissions.") from error
    database = Database(file, readonly=True)
    try:
        application_id = database.value("PRAGMA application_id")
        version: int = database.value("PRAGMA user_version")
        tables = database.value("SELECT count(*) FROM sqlite_master")
    finally:
        database.close()
    if application_id != schema.APPLICATION_ID and (tables or version):
        raise LibraryError(f"{file} is a database of another program; name another folder with --library.")
    if version > schema.SCHEMA_VERSION:
        raise LibraryError(
            f"The library in {folder} was written by a newer imgfind (schema {version}, this one knows"
            f" {schema.SCHEMA_VERSION}); update imgfind to open it."
        )
    return version


def migrate(database: Database, version: int) -> None:
    """Bring a catalogue from schema ``version`` to ours, in one transaction."""
    if version == schema.SCHEMA_VERSION:
        return
    with database.transaction():
        for migration in schema.MIGRATIONS[version:]:
            for statement in schema.statements(migration):
                database.execute(statement)
        database.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
