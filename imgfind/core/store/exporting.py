"""Reads the whole catalogue for other programs, page by page: bounded memory, no cursor kept open.

Same thread as the database. What is written meanwhile may or may not be in it; no row comes twice.
"""

import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from imgfind.core.database import IDS_PER_STATEMENT, Database
from imgfind.core.records import FloatArray, ModelId

_PHOTOS_A_PAGE = 1000


class ExportedPhoto(NamedTuple):
    """A photo as it is exported; the names of the fields are the names of the columns."""

    path: str
    size_bytes: int
    mtime_ns: int
    width_px: int
    height_px: int
    format: str
    taken_at: str | None
    taken_at_source: str | None
    camera: str | None
    lens: str | None
    latitude: float | None
    longitude: float | None
    exposure_s: float | None
    f_number: float | None
    iso: int | None
    focal_length_mm: float | None
    content_hash: str
    offline: bool
    favourite: bool
    hidden: bool


class ExportedVectors(NamedTuple):
    """Some unit rows ``[n, dim]``, and the content hash and the paths of each."""

    rows: FloatArray
    hashes: list[str]
    paths: list[list[str]]


def exported_photos(database: Database) -> Iterator[ExportedPhoto]:
    """Yield every photo, by path."""
    after = b""
    while rows := database.rows(
        """SELECT p.path, p.size_bytes, p.mtime_ns, c.width_px, c.height_px, c.format, coalesce(p.taken_at, c.taken_at),
               coalesce(p.taken_at_source, CASE WHEN c.taken_at IS NULL THEN NULL ELSE 'exif' END),
               c.camera, c.lens, c.latitude, c.longitude, c.exposure_s, c.f_number, c.iso, c.focal_length_mm,
               lower(hex(c.hash)), p.offline, c.favourite, c.hidden
           FROM photos AS p JOIN contents AS c USING (content_id) WHERE p.path > ? ORDER BY p.path LIMIT ?""",
        (after, _PHOTOS_A_PAGE),
    ):
        yield from (ExportedPhoto._make([os.fsdecode(row[0]), *row[1:-3], *map(bool, row[-3:])]) for row in rows)
        after = rows[-1][0]


def exported_vectors(database: Database, model_id: ModelId, dim: int) -> Iterator[ExportedVectors]:
    """Yield the vectors of all contents that a photo shows, in the order they were made."""
    after = 0
    while rows := database.rows(
        """SELECT v.vector_id, v.vector, v.content_id, lower(hex(c.hash))
           FROM vectors AS v JOIN contents AS c USING (content_id)
           WHERE v.model_id = ? AND v.vector_id > ?
           AND EXISTS (SELECT 1 FROM photos AS p WHERE p.content_id = v.content_id) ORDER BY v.vector_id LIMIT ?""",
        (model_id, after, IDS_PER_STATEMENT),
    ):
        shown = _paths(database, [row[2] for row in rows])
        matrix = np.frombuffer(b"".join(row[1] for row in rows), np.float16).reshape(len(rows), dim).astype(np.float32)
        # Rounding to float16 moved the lengths a little.
        matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
        yield ExportedVectors(matrix, [row[3] for row in rows], [shown.get(row[2], []) for row in rows])
        after = rows[-1][0]


def _paths(database: Database, content_ids: list[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for content_id, path in database.rows(
        f"SELECT content_id, path FROM photos WHERE content_id IN ({','.join('?' * len(content_ids))}) ORDER BY path",
        content_ids,
    ):
        found.setdefault(content_id, []).append(os.fsdecode(path))
    return found
