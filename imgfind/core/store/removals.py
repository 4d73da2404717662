"""The journal of what goes into the trash: each file noted before it is touched, so that no crash loses track of it.

Each function is one short transaction over an opened catalogue, on the database's thread, and does not mind an indexer
at work. Never touches a file.
"""

import json
import os
from dataclasses import dataclass
from typing import Any

from imgfind.core import paths
from imgfind.core.database import Database
from imgfind.core.records import FoundFile, PhotoId
from imgfind.core.store.rows import stamp
from imgfind.core.store.schema import NOW

_KEPT = ("photo_id", "root_id", "size_bytes", "mtime_ns", "content_id", "added_at", "taken_at", "taken_at_source")
"""What undo needs of a row of ``photos`` beside its path; the file itself tells the rest."""
_IN_TRASH = "state = 'trashed' AND trashed_to IS NOT NULL"
"""What can come back; a file that was deleted for good went nowhere."""


@dataclass(frozen=True, slots=True)
class Removable:
    """A photo as it is before it goes; ``row`` is its row in the catalogue."""

    path: str
    content_hash: bytes
    offline: bool
    row: dict[str, Any]

    @property
    def stamp(self) -> tuple[int, int]:
        """Size and time of the file, as :func:`imgfind.core.store.rows.stamp` gives them."""
        return self.row["size_bytes"], self.row["mtime_ns"]


@dataclass(frozen=True, slots=True)
class Kept:
    """The file a duplicate was removed beside, which has to stay, and the bytes it has to have."""

    path: str
    content_hash: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the journal; ``trashed_to`` is where the file went, None where that was not noted yet.

    ``permanent``: where there is no trash the file may be deleted.
    """

    removal_id: int
    batch: str
    photo: Removable
    trashed_to: str | None
    kept: Kept | None
    permanent: bool


def removable(database: Database, photo_id: PhotoId) -> Removable | None:
    """Return a photo as it is now, None where it is no longer known."""
    found = database.one(
        f"""SELECT p.path, c.hash, p.offline, {", ".join(f"p.{name}" for name in _KEPT)}
            FROM photos AS p JOIN contents AS c USING (content_id) WHERE p.photo_id = ?""",
        (photo_id,),
    )
    if found is None:
        return None
    path, content_hash, offline, *row = found
    return Removable(os.fsdecode(path), content_hash, bool(offline), dict(zip(_KEPT, row, strict=True)))


def photo_id_of(database: Database, path: str) -> PhotoId | None:
    """Return the photo at ``path``, spelled as the library has it."""
    photo_id = database.value("SELECT photo_id FROM photos WHERE path = ?", (os.fsencode(path),))
    return None if photo_id is None else PhotoId(photo_id)


def plan(database: Database, batch: str, photo: Removable, kept: Kept | None = None, *, permanent: bool = False) -> int:
    """Note that a file is about to go; return the number of the line."""
    row = {
        "batch": batch,
        "path": os.fsencode(photo.path),
        "content_hash": photo.content_hash,
        "size_bytes": photo.row["size_bytes"],
        "photo": json.dumps(photo.row),
        "state": "planned",
        "kept_path": None if kept is None else os.fsencode(kept.path),
        "kept_hash": None if kept is None else kept.content_hash,
        "permanent": int(permanent),
    }
    removal_id: int = database.value(
        f"INSERT INTO removals ({', '.join(row)}) VALUES ({', '.join('?' * len(row))}) RETURNING removal_id",
        tuple(row.values()),
    )
    return removal_id


def note_trashed(database: Database, removal_id: int, photo: Removable, trashed_to: str | None) -> None:
    """Note where the file went, None where it was deleted, and forget the photo.

    Its content stays, as vanished where nothing else shows it.
    """
    with database.transaction():
        database.execute(
            "UPDATE removals SET state = 'trashed', trashed_to = ? WHERE removal_id = ?",
            (None if trashed_to is None else os.fsencode(trashed_to), removal_id),
        )
        database.execute(
            "DELETE FROM photos WHERE photo_id = ? AND path = ?", (photo.row["photo_id"], os.fsencode(photo.path))
        )
        database.execute(
            f"""UPDATE contents SET vanished_at = {NOW} WHERE hash = ? AND vanished_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM photos AS p WHERE p.content_id = contents.content_id)""",
            (photo.content_hash,),
        )


def note_failed(database: Database, removal_id: int, reason: str) -> None:
    """Note that nothing more can be done about this file, and why."""
    database.execute("UPDATE removals SET state = 'failed', reason = ? WHERE removal_id = ?", (reason, removal_id))


def note_restored(database: Database, entry: Entry, file: FoundFile | None) -> None:
    """Note that the file is back, and know its photo again.

    ``file`` is what is there now. Where it is not what it was, or where its root or content has been forgotten, the
    next scan reads it anew.
    """
    photo = entry.photo
    with database.transaction():
        database.execute("UPDATE removals SET state = 'restored' WHERE removal_id = ?", (entry.removal_id,))
        content_id = database.value("SELECT content_id FROM contents WHERE hash = ?", (photo.content_hash,))
        root_id = _root_of(database, photo.path)
        if file is None or stamp(file) != photo.stamp or content_id is None or root_id is None:
            return
        row = photo.row | {
            "path": os.fsencode(photo.path),
            "root_id": root_id,
            "content_id": content_id,
            "device": str(file.device),
            "inode": str(file.inode),
        }
        # An indexer may have come across the file first.
        database.execute(
            f"INSERT INTO photos ({', '.join(row)}) VALUES ({', '.join('?' * len(row))}) ON CONFLICT DO NOTHING",
            tuple(row.values()),
        )
        database.execute(
            """UPDATE contents SET vanished_at = NULL WHERE content_id = ?
               AND EXISTS (SELECT 1 FROM photos AS p WHERE p.content_id = contents.content_id)""",
            (content_id,),
        )
        database.execute("DELETE FROM problems WHERE path = ?", (os.fsencode(photo.path),))


def _root_of(database: Database, path: str) -> int | None:
    roots = database.rows("SELECT root_id, path FROM roots")
    return next((root_id for root_id, root in roots if paths.is_below(path, os.fsdecode(root))), None)


def planned(database: Database) -> list[Entry]:
    """Return the lines whose outcome was never noted, in order."""
    return _entries(database, "state = 'planned'", ())


def trashed(database: Database, batch: str) -> list[Entry]:
    """Return what of a batch is in the trash, in order."""
    return _entries(database, f"batch = ? AND {_IN_TRASH}", (batch,))


def last_batch(database: Database) -> str | None:
    """Return the last batch of which something is in the trash."""
    batch: str | None = database.value(f"SELECT batch FROM removals WHERE {_IN_TRASH} ORDER BY removal_id DESC LIMIT 1")
    return batch


def _entries(database: Database, condition: str, parameters: tuple[str, ...]) -> list[Entry]:
    rows = database.rows(
        f"""SELECT removal_id, batch, path, content_hash, photo, trashed_to, kept_path, kept_hash, permanent
            FROM removals WHERE {condition} ORDER BY removal_id""",
        parameters,
    )
    return [
        Entry(
            removal_id,
            batch,
            Removable(os.fsdecode(path), content_hash, False, json.loads(row)),
            None if trashed_to is None else os.fsdecode(trashed_to),
            None if kept_path is None else Kept(os.fsdecode(kept_path), kept_hash),
            bool(permanent),
        )
        for removal_id, batch, path, content_hash, row, trashed_to, kept_path, kept_hash, permanent in rows
    ]
