"""What the user said of photos and searches: favourites, what is hidden, queries kept by name.

Marks belong to contents, so copies share them and they survive moving and deleting. Same thread as the database; each
write is one short transaction.
"""

import os
from collections.abc import Sequence
from typing import Literal, NamedTuple

from imgfind.core.database import IDS_PER_STATEMENT, Database
from imgfind.core.records import IdArray


class SavedSearch(NamedTuple):
    """A query kept by name."""

    name: str
    query: str


def mark(
    database: Database, column: Literal["favourite", "hidden"], photo_ids: Sequence[int] | IdArray, *, on: bool
) -> None:
    """Set or remove a mark on the contents of these photos."""
    with database.transaction():
        for start in range(0, len(photo_ids), IDS_PER_STATEMENT):
            part = [int(photo_id) for photo_id in photo_ids[start : start + IDS_PER_STATEMENT]]
            database.execute(
                f"""UPDATE contents SET {column} = ? WHERE content_id IN
                    (SELECT content_id FROM photos WHERE photo_id IN ({",".join("?" * len(part))}))""",
                (int(on), *part),
            )


def saved_searches(database: Database) -> list[SavedSearch]:
    """Return the saved searches, by name as people sort."""
    rows = database.rows("SELECT name, query FROM searches ORDER BY casefold(name), name")
    return [SavedSearch(name, os.fsdecode(query)) for name, query in rows]


def save_search(database: Database, name: str, query: str) -> None:
    """Keep ``query`` as ``name``; one of that name is replaced."""
    database.execute(
        "INSERT INTO searches (name, query) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET query = excluded.query",
        (name, os.fsencode(query)),
    )


def rename_search(database: Database, old: str, new: str) -> bool:
    """Rename a saved search; False where ``new`` is the name of another one."""
    with database.transaction():
        if old != new and database.value("SELECT EXISTS (SELECT 1 FROM searches WHERE name = ?)", (new,)):
            return False
        database.execute("UPDATE searches SET name = ? WHERE name = ?", (new, old))
    return True


def remove_search(database: Database, name: str) -> None:
    """Forget a saved search; one nobody knows is forgotten already."""
    database.execute("DELETE FROM searches WHERE name = ?", (name,))


def forget_problems(database: Database, paths: Sequence[bytes]) -> None:
    """Forget that these files could not be read, so that the next scan takes them for new."""
    with database.transaction():
        database.execute_many("DELETE FROM problems WHERE path = ?", ((path,) for path in paths))


def set_excludes(database: Database, patterns: Sequence[str]) -> None:
    """Replace the patterns of files and folders to leave out."""
    with database.transaction():
        database.execute("DELETE FROM excludes")
        database.execute_many("INSERT OR IGNORE INTO excludes VALUES (?)", ((pattern,) for pattern in patterns))
