"""Gives photos without a date theirs: new, moved and renamed ones, and all of a library from before there were dates.

Every way a photo may come into the catalogue or change its name leaves ``photos.taken_at`` empty and calls this. Opens
XMP sidecars, no pictures. Same thread as the database.
"""

import os

from imgfind.core import taken
from imgfind.core.database import Database

_PAGE = 500


def date_photos(database: Database) -> None:
    """Find out when photos were taken that have no date yet; see :mod:`imgfind.core.taken`.

    Sidecars are looked for only where the camera wrote no date, and not on drives that are away.
    """
    while rows := database.rows(
        """SELECT p.photo_id, p.path, p.mtime_ns, p.offline, c.taken_at
           FROM photos AS p JOIN contents AS c USING (content_id) WHERE p.taken_at IS NULL LIMIT ?""",
        (_PAGE,),
    ):
        # Before the transaction: a slow share must not keep other writers waiting.
        dated = [(*_taken(*row[1:]), row[0]) for row in rows]
        with database.transaction():
            database.execute_many("UPDATE photos SET taken_at = ?, taken_at_source = ? WHERE photo_id = ?", dated)


def _taken(raw_path: bytes, mtime_ns: int, offline: int, exif: str | None) -> taken.Taken:
    path = os.fsdecode(raw_path)
    sidecar = None if exif or offline else taken.from_sidecar(path)
    return taken.taken(path, mtime_ns, exif=exif, sidecar=sidecar)
