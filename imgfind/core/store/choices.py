"""What the user chose to keep of photos that show the same, in the order it was chosen; the last choice counts most.

By content, so that it holds wherever a photo is moved; of several photos of one content the one at the path of then.
Writes are short transactions. Same thread as the database.
"""

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from imgfind.core import paths
from imgfind.core.database import Database
from imgfind.core.records import ContentId, PhotoId
from imgfind.core.store.rows import GroupedPhoto


class Choice(NamedTuple):
    """A photo that was chosen to be kept; ``photo_id`` shows its content, None where no photo does any longer."""

    choice_id: int
    content_hash: bytes
    path: str
    chosen_at: str
    photo_id: PhotoId | None


def save(database: Database, content_hash: bytes, path: str) -> int:
    """Keep a choice and return its number."""
    with database.transaction():
        database.execute("INSERT INTO choices (hash, path) VALUES (?, ?)", (content_hash, paths.to_bytes(path)))
        choice_id: int = database.value("SELECT last_insert_rowid()")
    return choice_id


def forget(database: Database, choice_ids: Iterable[int]) -> None:
    """Forget choices; what was chosen before them counts again."""
    with database.transaction():
        database.execute_many("DELETE FROM choices WHERE choice_id = ?", ((number,) for number in choice_ids))


def choices(database: Database) -> list[Choice]:
    """Return what was chosen, the last choice first."""
    rows = database.rows(
        """SELECT choice_id, hash, path, chosen_at,
                (SELECT min(photo_id) FROM photos JOIN contents USING (content_id) WHERE hash = choices.hash)
            FROM choices ORDER BY choice_id DESC"""
    )
    return [Choice(number, content, os.fsdecode(path), at, photo) for number, content, path, at, photo in rows]


def applied(database: Database, photos: list[GroupedPhoto]) -> list[GroupedPhoto]:
    """Return photos with what was chosen of them."""
    rows = database.rows(
        """SELECT c.content_id, ch.choice_id, ch.path FROM choices AS ch JOIN contents AS c ON c.hash = ch.hash
            ORDER BY ch.choice_id"""
    )
    last: dict[ContentId, tuple[int, str]] = {content: (number, os.fsdecode(path)) for content, number, path in rows}
    if not last:
        return photos

    def chosen(photo: GroupedPhoto) -> int:
        number, path = last.get(photo.content_id, (0, ""))
        return 2 * number + (path == photo.path)

    return [replace(photo, chosen=chosen(photo)) if photo.content_id in last else photo for photo in photos]
