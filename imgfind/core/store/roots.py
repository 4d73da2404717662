"""Changes to a folder of the library as a whole: another place, or out. Never touches a file of the user's.

Each function is one short transaction over an opened catalogue, on the database's thread; whoever calls holds the lock
of the indexer.
"""

import os
import unicodedata

from imgfind.core import paths
from imgfind.core.database import Database
from imgfind.core.records import FoundFile, RootId
from imgfind.core.store.schema import NOW

# No absolute path begins like this, so it keeps moved paths apart from those that are still to move.
_UNDER_WAY = b":"


def relocate(database: Database, root_id: RootId, old: str, new: str, volume: str | None) -> int:
    """Put root ``old``, its photos and its problems below ``new``, where no other root is; return how many photos.

    A missing root counts as there again, until the next scan knows better.
    """
    with database.transaction():
        photos = _replace_prefix(database, "photos", root_id, old, new)
        _replace_prefix(database, "problems", root_id, old, new)
        database.execute(
            "UPDATE photos SET offline = 0 WHERE root_id = ?"
            " AND EXISTS (SELECT 1 FROM roots WHERE root_id = ? AND state = 'missing')",
            (root_id, root_id),
        )
        database.execute(
            """UPDATE roots SET path = ?, volume = coalesce(?, volume),
                state = CASE state WHEN 'missing' THEN 'online' ELSE state END WHERE root_id = ?""",
            (os.fsencode(new), volume, root_id),
        )
    return photos


def _replace_prefix(database: Database, table: str, root_id: RootId, old: str, new: str) -> int:
    (old_low, old_high), (new_low, _) = paths.subtree_bounds(old), paths.subtree_bounds(new)
    # In two steps, because the new place may be above or below the old one.
    between = _UNDER_WAY + new_low
    steps = ((old_low, old_high, between), (between, between[:-1] + bytes([between[-1] + 1]), new_low))
    for low, high, prefix in steps:
        changed = database.execute(
            f"UPDATE {table} SET path = CAST(? || substr(path, ?) AS BLOB)"
            " WHERE root_id = ? AND path >= ? AND path < ?",
            (prefix, len(low) + 1, root_id, low, high),
        )
    return changed


def remove(database: Database, root_id: RootId) -> int:
    """Forget a root with its photos and problems; return how many photos. Contents stay, noted as vanished."""
    with database.transaction():
        photos = _forget(database, "root_id = ?", (root_id,))
        database.execute("DELETE FROM problems WHERE root_id = ?", (root_id,))
        database.execute("DELETE FROM roots WHERE root_id = ?", (root_id,))
    return photos


def forget_offline(database: Database, folder: str) -> int:
    """Forget the photos below ``folder`` that are offline; return how many. Contents stay, noted as vanished."""
    with database.transaction():
        photos = _forget(database, "offline = 1 AND path >= ? AND path < ?", paths.subtree_bounds(folder))
        database.execute(
            """UPDATE roots SET state = 'online' WHERE state = 'vanished'
               AND NOT EXISTS (SELECT 1 FROM photos AS p WHERE p.root_id = roots.root_id AND p.offline = 1)"""
        )
    return photos


def _forget(database: Database, condition: str, parameters: tuple[object, ...]) -> int:
    contents = database.rows(f"DELETE FROM photos WHERE {condition} RETURNING content_id", parameters)
    database.execute_many(
        f"""UPDATE contents SET vanished_at = {NOW} WHERE content_id = ?
            AND NOT EXISTS (SELECT 1 FROM photos AS p WHERE p.content_id = contents.content_id)""",
        set(contents),
    )
    return len(contents)


def sample(database: Database, root_id: RootId, count: int) -> list[FoundFile]:
    """Return about ``count`` photos of a root, spread over the time they were added, without device and inode."""
    rows = database.rows(
        """SELECT path, size_bytes, mtime_ns FROM (
               SELECT path, size_bytes, mtime_ns, row_number() OVER (ORDER BY photo_id) AS place,
                   max(1, count(*) OVER () / ?) AS step FROM photos WHERE root_id = ?
           ) WHERE place % step = 0 LIMIT ?""",
        (count, root_id, count),
    )
    return [FoundFile(os.fsdecode(path), size_bytes, mtime_ns, 0, 0) for path, size_bytes, mtime_ns in rows]


def known_spelling(database: Database, path: str) -> str | None:
    """Return the path of a photo, a problem or a folder of them that differs from ``path`` in composed accents only.

    The way to a photo on a drive that is away, where no listing can tell how the name is spelled.
    """
    if path.isascii():  # there is only one way to write it
        return None
    wanted = unicodedata.normalize("NFC", path)
    depth = wanted.count(os.sep)
    start = path
    while not start.isascii():
        start = os.path.dirname(start)
    bounds = paths.subtree_bounds(start)
    for table in ("photos", "problems"):
        for (raw,) in database.rows(f"SELECT path FROM {table} WHERE path >= ? AND path < ?", bounds):
            known = os.sep.join(os.fsdecode(raw).split(os.sep)[: depth + 1])
            if unicodedata.normalize("NFC", known) == wanted:
                return known
    return None
