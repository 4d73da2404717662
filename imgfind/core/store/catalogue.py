"""The catalogue opened: settings, roots, models, contents, photos, problems and vectors.

A :class:`Store` belongs to the thread that opened it.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imgfind.core import paths
from imgfind.core.database import Database
from imgfind.core.errors import LibraryError
from imgfind.core.filters import Filter
from imgfind.core.records import (
    ContentId,
    Facts,
    FileProblem,
    FloatArray,
    FoundFile,
    Hit,
    IdArray,
    ModelId,
    PhotoId,
    RootId,
)
from imgfind.core.store import duplicates, encoders, finding, schema
from imgfind.core.store.opening import CATALOGUE_FILE, check_opened, checked_version, migrate
from imgfind.core.store.rows import IndexedPhoto, Model, PhotoDetails, Root, stamp


class Store:
    """The catalogue of one library."""

    def __init__(self, folder: Path, database: Database) -> None:
        """Take an opened catalogue; use :meth:`open` or :meth:`create`."""
        self.folder = folder
        self.database = database

    @staticmethod
    def exists(folder: Path) -> bool:
        """Tell whether there is a catalogue in ``folder``; raises like :meth:`open` where it is none of ours."""
        return checked_version(folder) > 0

    @staticmethod
    def is_outdated(folder: Path) -> bool:
        """Tell whether the catalogue in ``folder`` needs a migration before it can be read."""
        return 0 < checked_version(folder) < schema.SCHEMA_VERSION

    @classmethod
    def open(cls, folder: Path, *, readonly: bool) -> "Store":
        """Open the catalogue in ``folder``. Raises :class:`LibraryError` where there is none, or none we can read."""
        if checked_version(folder) == 0:
            raise LibraryError(f"There is no imgfind library in {folder}; make one with: imgfind index FOLDER")
        return cls._opened(folder, readonly=readonly)

    @classmethod
    def create(cls, folder: Path) -> "Store":
        """Open the catalogue in the existing ``folder``, making or updating it."""
        checked_version(folder)
        return cls._opened(folder, readonly=False)

    @classmethod
    def _opened(cls, folder: Path, *, readonly: bool) -> "Store":
        database = Database(folder / CATALOGUE_FILE, readonly=readonly)
        try:
            if not readonly:
                migrate(database)
            elif check_opened(database) < schema.SCHEMA_VERSION:
                raise LibraryError(
                    f"The library in {folder} is from an older imgfind; run 'imgfind index' once to update it."
                )
        except BaseException:
            database.close()
            raise
        return cls(folder, database)

    def close(self) -> None:
        """Close the catalogue."""
        self.database.close()

    # Settings

    def setting(self, name: str) -> str | None:
        """Return a setting of the library."""
        value: str | None = self.database.value("SELECT value FROM settings WHERE name = ?", (name,))
        return value

    def set_setting(self, name: str, value: str) -> None:
        """Keep a setting of the library."""
        self.database.execute(
            "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
        )

    def excludes(self) -> list[str]:
        """Return the patterns of files and folders to leave out."""
        return [pattern for (pattern,) in self.database.rows("SELECT pattern FROM excludes ORDER BY pattern")]

    def add_excludes(self, patterns: Sequence[str]) -> None:
        """Keep more patterns of files and folders to leave out."""
        self.database.execute_many("INSERT OR IGNORE INTO excludes VALUES (?)", ((pattern,) for pattern in patterns))

    # Roots

    def roots(self) -> list[Root]:
        """Return the folders the user added, by path."""
        rows = self.database.rows(
            """SELECT root_id, path, state, added_at,
                   (SELECT count(*) FROM photos AS p WHERE p.root_id = r.root_id),
                   (SELECT count(*) FROM photos AS p WHERE p.root_id = r.root_id AND p.offline = 1), volume
               FROM roots AS r ORDER BY path"""
        )
        return [Root(RootId(row[0]), os.fsdecode(row[1]), *row[2:]) for row in rows]

    def add_root(self, folder: str, *, volume: str | None) -> RootId:
        """Add a folder; roots below it become part of it, with what they miss."""
        database = self.database
        low, high = paths.subtree_bounds(folder)
        with database.transaction():
            root_id = database.value(
                """INSERT INTO roots (path, volume, state) SELECT ?, ?, CASE WHEN EXISTS (
                       SELECT 1 FROM roots WHERE path >= ? AND path < ? AND state <> 'online'
                   ) THEN 'vanished' ELSE 'online' END RETURNING root_id""",
                (os.fsencode(folder), volume, low, high),
            )
            for table in ("photos", "problems"):
                database.execute(
                    f"UPDATE {table} SET root_id = ? WHERE root_id IN"
                    " (SELECT root_id FROM roots WHERE path >= ? AND path < ?)",
                    (root_id, low, high),
                )
            # The root of all lies within its own bounds.
            database.execute("DELETE FROM roots WHERE path >= ? AND path < ? AND root_id <> ?", (low, high, root_id))
        return RootId(root_id)

    # Models

    def add_model(self, name: str, *, fingerprint: str, encoder_version: int, dim: int) -> ModelId:
        """Return the id of an encoder, noting it where it is new."""
        database = self.database
        key = (name, fingerprint, encoder_version)
        database.execute(
            "INSERT INTO models (name, fingerprint, encoder_version, dim) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (*key, dim),
        )
        return ModelId(
            database.value(
                "SELECT model_id FROM models WHERE name = ? AND fingerprint = ? AND encoder_version = ?", key
            )
        )

    def model(self, setting: str) -> Model | None:
        """Return the model that ``setting`` (``active_model`` or ``target_model``) points to."""
        row = self.database.one(
            """SELECT model_id, name, fingerprint, dim FROM models
               WHERE model_id = (SELECT CAST(value AS INTEGER) FROM settings WHERE name = ?)""",
            (setting,),
        )
        return Model(ModelId(row[0]), *row[1:]) if row else None

    def lacks_vectors(self, model_id: ModelId) -> bool:
        """Tell whether a photo that can be reached and read still waits for its vector of this model."""
        return encoders.lacks_vectors(self.database, model_id)

    # Photos

    def save_batch(
        self,
        model_id: ModelId,
        photos: Sequence[IndexedPhoto],
        problems: Sequence[tuple[RootId, FoundFile, FileProblem]],
        *,
        decode_version: int,
    ) -> None:
        """Store one batch of results; all of it or nothing."""
        with self.database.transaction():
            replaced: set[int] = set()
            for photo in photos:
                content_id = self._save_content(photo)
                if photo.vector is not None:
                    self.database.execute(
                        "INSERT INTO vectors (model_id, content_id, vector) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                        (model_id, content_id, photo.vector.astype(np.float16).tobytes()),
                    )
                replaced |= self._save_photo(photo, content_id)
            for root_id, file, problem in problems:
                replaced |= self._save_problem(root_id, file, problem, decode_version)
            self._mark_vanished(replaced)

    def _save_content(self, photo: IndexedPhoto) -> ContentId:
        content = photo.content
        if content is None:
            known = self.database.value("SELECT content_id FROM contents WHERE hash = ?", (photo.content_hash,))
            assert known is not None, "only contents known already come without their facts"
            self.database.execute("UPDATE contents SET vanished_at = NULL WHERE content_id = ?", (known,))
            return ContentId(known)
        facts = content.facts
        columns = {
            "hash": photo.content_hash,
            "size_bytes": photo.size_bytes,
            "width_px": content.width_px,
            "height_px": content.height_px,
            "format": content.format,
            "taken_at": facts.taken_at,
            "camera": facts.camera,
            "lens": facts.lens,
            "latitude": facts.latitude,
            "longitude": facts.longitude,
            "exposure_s": facts.exposure_s,
            "f_number": facts.f_number,
            "iso": facts.iso,
            "focal_length_mm": facts.focal_length_mm,
            "decode_version": content.decode_version,
            "phash": content.phash.bits,
            "phash_quality": content.phash.quality,
            "phash_version": content.phash_version,
            "vanished_at": None,
        }
        updates = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "hash")
        content_id: ContentId = self.database.value(
            f"INSERT INTO contents ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
            f" ON CONFLICT (hash) DO UPDATE SET {updates} RETURNING content_id",
            tuple(columns.values()),
        )
        if content.descriptor is not None:
            duplicates.note_descriptor(self.database, content_id, content.descriptor_version, content.descriptor)
        return content_id

    def _save_photo(self, photo: IndexedPhoto, content_id: ContentId) -> set[int]:
        """Store the path; return the content it showed before, if another."""
        file, path = photo.file, os.fsencode(photo.file.path)
        before = self.database.value("SELECT content_id FROM photos WHERE path = ?", (path,))
        self.database.execute(
            """INSERT INTO photos (root_id, path, size_bytes, mtime_ns, device, inode, content_id)
                VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET root_id = excluded.root_id,
                size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns, device = excluded.device,
                inode = excluded.inode, content_id = excluded.content_id, offline = 0, taken_at = NULL,
                taken_at_source = NULL""",
            (photo.root_id, path, *stamp(file), str(file.device), str(file.inode), content_id),
        )
        self.database.execute("DELETE FROM problems WHERE path = ?", (path,))
        return {before} if before is not None and before != content_id else set()

    def _save_problem(self, root_id: RootId, file: FoundFile, problem: FileProblem, decode_version: int) -> set[int]:
        """Store the problem; a photo whose file is now unreadable for good goes. Return the content it showed."""
        path = os.fsencode(file.path)
        self.database.execute(
            "INSERT OR REPLACE INTO problems (path, root_id, size_bytes, mtime_ns, reason, transient, decode_version)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (path, root_id, *stamp(file), problem.reason, int(problem.transient), decode_version),
        )
        if problem.transient:
            return set()
        before = self.database.rows("DELETE FROM photos WHERE path = ? RETURNING content_id", (path,))
        return {content_id for (content_id,) in before}

    def _mark_vanished(self, content_ids: set[int]) -> None:
        self.database.execute_many(
            f"""UPDATE contents SET vanished_at = {schema.NOW} WHERE content_id = ?
                AND NOT EXISTS (SELECT 1 FROM photos AS p WHERE p.content_id = contents.content_id)""",
            ((content_id,) for content_id in content_ids),
        )

    def hits(self, model_id: ModelId, scores: dict[int, float], filters: Sequence[Filter] = ()) -> list[Hit]:
        """Return those photos that show the contents of the given vectors and pass the filters, in no order."""
        return finding.hits(self.database, model_id, scores, filters)

    def vector_ids(self, model_id: ModelId, filters: Sequence[Filter], limit: int | None = None) -> IdArray:
        """Return the vectors of the photos that ``filters`` leave, ascending; any ``limit`` of them if there are more.

        Photos without a vector of this model have none to return.
        """
        return finding.vector_ids(self.database, model_id, filters, limit)

    def vector_id_bounds(self, model_id: ModelId) -> tuple[int, int]:
        """Return the lowest and the highest id among the vectors of a model, zeros where it has none."""
        return finding.vector_id_bounds(self.database, model_id)

    def vector_ids_near(self, model_id: ModelId, ids: IdArray) -> IdArray:
        """Return the first vector of a model at or above each of ``ids``, ascending, none twice."""
        return finding.vector_ids_near(self.database, model_id, ids)

    def vector_of_photo(self, model_id: ModelId, photo_id: PhotoId) -> FloatArray | None:
        """Return the vector of what a photo shows, if there is one."""
        return finding.vector_of_photo(self.database, model_id, photo_id)

    def newest(self, filters: Sequence[Filter], k: int) -> list[Hit]:
        """Return the ``k`` photos last taken that ``filters`` leave, newest first, then by path; without scores."""
        return finding.newest(self.database, filters, k)

    def has_photos_below(self, folder: str) -> bool:
        """Tell whether a photo below ``folder`` is known, there or offline."""
        bounds = paths.subtree_bounds(folder)
        return bool(self.database.value("SELECT EXISTS (SELECT 1 FROM photos WHERE path >= ? AND path < ?)", bounds))

    def vector_of_hash(self, model_id: ModelId, content_hash: bytes) -> FloatArray | None:
        """Return the vector of a content, if there is one."""
        blob = self.database.value(
            "SELECT vector FROM vectors JOIN contents USING (content_id) WHERE model_id = ? AND hash = ?",
            (model_id, content_hash),
        )
        return None if blob is None else np.frombuffer(blob, dtype=np.float16).astype(np.float32)

    def photo(self, path: str) -> PhotoDetails | None:
        """Return what is known of the photo at ``path``."""
        row = self.database.one(
            """SELECT p.path, r.path, p.size_bytes, p.mtime_ns, p.offline, c.hash, c.width_px, c.height_px, c.format,
                   p.taken_at, p.taken_at_source, c.phash_quality, c.content_id, c.taken_at, c.camera, c.lens,
                   c.latitude, c.longitude, c.exposure_s, c.f_number, c.iso, c.focal_length_mm, c.favourite, c.hidden
               FROM photos AS p JOIN contents AS c USING (content_id) JOIN roots AS r USING (root_id)
               WHERE p.path = ?""",
            (os.fsencode(path),),
        )
        if row is None:
            return None
        copies = self.database.rows(
            "SELECT path FROM photos WHERE content_id = ? AND path <> ? ORDER BY path", (row[12], row[0])
        )
        return PhotoDetails(
            path=os.fsdecode(row[0]),
            root=os.fsdecode(row[1]),
            size_bytes=row[2],
            mtime_ns=row[3],
            offline=bool(row[4]),
            content_hash=row[5],
            width_px=row[6],
            height_px=row[7],
            format=row[8],
            facts=Facts(*row[13:22]),
            phash_quality=row[11],
            copies=tuple(os.fsdecode(copy) for (copy,) in copies),
            taken_at=row[9],
            taken_at_source=row[10],
            favourite=bool(row[22]),
            hidden=bool(row[23]),
        )

    def namesakes(self, path: str) -> list[str]:
        """Return the other photos of the same folder that are called like ``path`` but for the suffix, by path."""
        stem = os.fsencode(os.path.splitext(path)[0])
        # "/" follows "." in every character set, so these are the paths that go on with a dot.
        rows = self.database.rows(
            "SELECT path FROM photos WHERE path >= ? AND path < ? AND path <> ? ORDER BY path",
            (stem + b".", stem + b"/", os.fsencode(path)),
        )
        return [os.fsdecode(other) for (other,) in rows]

    def problem(self, path: str) -> FileProblem | None:
        """Return the problem of the file at ``path``, if it has one."""
        row = self.database.one("SELECT reason, transient FROM problems WHERE path = ?", (os.fsencode(path),))
        return FileProblem(path, row[0], bool(row[1])) if row else None

    def problems(self) -> list[FileProblem]:
        """Return all files that could not be read, by path."""
        rows = self.database.rows("SELECT path, reason, transient FROM problems ORDER BY path")
        return [FileProblem(os.fsdecode(path), reason, bool(transient)) for path, reason, transient in rows]

    def counts(self) -> dict[str, int]:
        """Count photos, the offline ones among them, distinct contents on show, problems and roots."""
        statements = {
            "photos": "SELECT count(*) FROM photos",
            "offline": "SELECT count(*) FROM photos WHERE offline = 1",
            "contents": "SELECT count(*) FROM contents WHERE vanished_at IS NULL",
            "problems": "SELECT count(*) FROM problems",
            "roots": "SELECT count(*) FROM roots",
        }
        return {name: self.database.value(statement) for name, statement in statements.items()}
