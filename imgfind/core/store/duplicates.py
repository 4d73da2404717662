"""What the catalogue knows of duplicates: pairs of contents with their verdicts, what the user decided, descriptors.

A pair waits (version 0, or that of an earlier release) until it is compared, so nothing is lost where the work is
interrupted. Each write is one short transaction that does not mind an indexer at work. Same thread as the database.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from imgfind.core import paths
from imgfind.core.database import IDS_PER_STATEMENT, Database
from imgfind.core.records import ContentId, Facts, IdArray, Label, PerceptualHash, PhotoId, Verdict
from imgfind.core.store.rows import ComparedContent, GroupedPhoto

PROPOSED = "duplicates_proposed"
"""The setting that says how far pairs have been proposed: ``<version>:<highest content id>``."""

GROUPS = "duplicate_groups"
"""The setting that says how many groups of duplicates there were when they were last counted."""

Pair = tuple[ContentId, ContentId]

_PAIRS_PER_STATEMENT = IDS_PER_STATEMENT // 2
_DESCRIPTORS_AT_ONCE = 5000
"""4 MB: of all at once the memory takes longer to be had than they to be read."""


class Hashes(NamedTuple):
    """The hashes that contents are looked up by, as columns."""

    content_ids: tuple[ContentId, ...]
    phashes: tuple[bytes, ...]
    phash_qualities: tuple[int, ...]


class Decided(NamedTuple):
    """What the user decided of two contents, by hash; ``decision`` is ``different`` or ``keep``.

    ``photo_a`` and ``photo_b`` show them, None where no photo does any longer.
    """

    hash_a: bytes
    hash_b: bytes
    decision: str
    decided_at: str
    photo_a: PhotoId | None
    photo_b: PhotoId | None


def phashes(database: Database, version: int) -> Hashes:
    """Return the hashes of all contents, ascending by content; one of another version counts for nothing.

    Also of those on show nowhere: one that comes back is not looked at again.
    """
    rows = database.rows(
        """SELECT content_id, phash, CASE WHEN phash_version = ? THEN phash_quality ELSE 0 END
            FROM contents ORDER BY content_id""",
        (version,),
    )
    return Hashes(*zip(*rows, strict=True)) if rows else Hashes((), (), ())


def highest_content(database: Database) -> ContentId:
    """Return the highest content id there is, 0 where there is none."""
    return ContentId(database.value("SELECT coalesce(max(content_id), 0) FROM contents"))


def vectors_of(database: Database, model_id: int, content_ids: IdArray) -> IdArray:
    """Return the vectors of a model that some contents have, ascending."""
    sql = f"SELECT vector_id FROM vectors WHERE model_id = {int(model_id)} AND content_id IN"
    rows = list(_looked_up(database, sql, content_ids.tolist()))
    return np.sort(np.array(rows, np.int64).reshape(len(rows)))


def contents_of_vectors(database: Database, vector_ids: IdArray) -> IdArray:
    """Return the content of each vector, 0 where it is no longer there."""
    ids, positions = np.unique(vector_ids, return_inverse=True)
    sql = "SELECT vector_id, content_id FROM vectors WHERE vector_id IN"
    known = dict(_looked_up(database, sql, ids.tolist()))
    return np.array([known.get(vector, 0) for vector in ids.tolist()], np.int64)[positions].reshape(vector_ids.shape)


# Pairs


def note_proposed(database: Database, pairs: IdArray, mark: str) -> int:
    """Keep pairs ``[n, 2]`` to be compared, and how far that is; return how many are new."""
    before: int = database.value("SELECT count(*) FROM verdicts")
    with database.transaction():
        # A content may have been pruned since.
        database.execute_many(
            """INSERT OR IGNORE INTO verdicts (content_a, content_b) SELECT min(?1, ?2), max(?1, ?2)
               WHERE ?1 <> ?2 AND EXISTS (SELECT 1 FROM contents WHERE content_id = ?1)
                   AND EXISTS (SELECT 1 FROM contents WHERE content_id = ?2)""",
            pairs.tolist(),
        )
        database.execute(
            "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (PROPOSED, mark),
        )
    after: int = database.value("SELECT count(*) FROM verdicts")
    return after - before


_WAITING = """FROM verdicts AS v JOIN contents AS a ON a.content_id = v.content_a
    JOIN contents AS b ON b.content_id = v.content_b
    WHERE v.version <> ? AND a.vanished_at IS NULL AND b.vanished_at IS NULL"""


def waiting(database: Database, version: int) -> list[Pair]:
    """Return the pairs on show that this ``version`` has not compared, in order."""
    rows = database.rows(f"SELECT v.content_a, v.content_b {_WAITING} ORDER BY 1, 2", (version,))
    return [(ContentId(a), ContentId(b)) for a, b in rows]


def count_waiting(database: Database, version: int) -> int:
    """Count the pairs on show that this ``version`` has not compared."""
    count: int = database.value(f"SELECT count(*) {_WAITING}", (version,))
    return count


def save_verdicts(database: Database, version: int, verdicts: Mapping[Pair, Verdict]) -> None:
    """Keep what comparing pairs gave, in place of what an earlier version said of them."""
    rows = [
        (a, b, version, None if v.label is None else int(v.label), v.similarity, v.turn, v.area, v.reason)
        for (a, b), v in verdicts.items()
    ]
    with database.transaction():
        database.execute_many(
            """INSERT INTO verdicts SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, CASE WHEN ?4 IS NULL THEN '' ELSE ?8 END
               WHERE (SELECT count(*) FROM contents WHERE content_id IN (?1, ?2)) = 2
               ON CONFLICT DO UPDATE SET version = excluded.version, label = excluded.label,
                   similarity = excluded.similarity, turn = excluded.turn, area = excluded.area,
                   reason = excluded.reason""",
            rows,
        )


def found(database: Database, version: int) -> dict[Pair, Verdict]:
    """Return the verdicts of this ``version`` that say more than that two pictures differ."""
    rows = database.rows(
        "SELECT content_a, content_b, label, similarity, turn, area, reason FROM verdicts"
        " WHERE label IS NOT NULL AND version = ?",
        (version,),
    )
    return dict(map(_verdict, rows))


def verdicts_of(database: Database, version: int, pairs: Sequence[Pair]) -> dict[Pair, Verdict]:
    """Return the verdicts of this ``version`` on some pairs."""
    known: dict[Pair, Verdict] = {}
    for start in range(0, len(pairs), _PAIRS_PER_STATEMENT):
        part = pairs[start : start + _PAIRS_PER_STATEMENT]
        rows = database.rows(
            "SELECT content_a, content_b, label, similarity, turn, area, reason FROM verdicts"
            f" WHERE (content_a, content_b) IN (VALUES {','.join(['(?, ?)'] * len(part))}) AND version = ?",
            (*(content for pair in part for content in pair), version),
        )
        known |= map(_verdict, rows)
    return known


def _verdict(row: tuple[Any, ...]) -> tuple[Pair, Verdict]:
    a, b, label, similarity, turn, area, reason = row
    return (a, b), Verdict(None if label is None else Label(label), similarity, turn, area, reason)


# Photos and contents


def photos(database: Database, folder: str | None = None) -> list[GroupedPhoto]:
    """Return the photos (below ``folder``) that are not hidden and may show what another one shows.

    Those are the photos of contents with a verdict, of whatever version, and those that share their content.
    """
    where, bounds = ("p.path >= ? AND p.path < ? AND", paths.subtree_bounds(folder)) if folder else ("", ())
    rows = database.rows(
        f"""SELECT p.photo_id, p.content_id, p.path, p.size_bytes, p.mtime_ns, c.width_px, c.height_px, c.format,
                c.taken_at, c.camera, c.favourite, p.offline
            FROM photos AS p JOIN contents AS c USING (content_id)
            WHERE {where} c.hidden = 0 AND p.content_id IN (
                SELECT content_a FROM verdicts WHERE label IS NOT NULL
                UNION SELECT content_b FROM verdicts WHERE label IS NOT NULL
                UNION SELECT content_id FROM photos GROUP BY content_id HAVING count(*) > 1
            ) ORDER BY p.photo_id""",
        bounds,
    )
    return [
        GroupedPhoto(PhotoId(row[0]), ContentId(row[1]), os.fsdecode(row[2]), *row[3:10], *map(bool, row[10:]))
        for row in rows
    ]


def contents(database: Database, content_ids: Iterable[ContentId]) -> Iterator[ComparedContent]:
    """Yield what is known of some contents, those that are there."""
    sql = """SELECT c.content_id, c.hash, c.width_px, c.height_px, c.format, c.taken_at, c.camera, c.phash,
            c.phash_quality, p.path, p.size_bytes, p.mtime_ns
        FROM contents AS c LEFT JOIN photos AS p ON p.photo_id =
            (SELECT min(photo_id) FROM photos WHERE content_id = c.content_id AND offline = 0)
        WHERE c.content_id IN"""
    rows = _looked_up(database, sql, content_ids)
    for content, content_hash, width, height, kind, taken_at, camera, bits, quality, path, *file in rows:
        yield ComparedContent(
            ContentId(content),
            content_hash,
            width,
            height,
            kind,
            Facts(taken_at, camera),
            PerceptualHash(bits, quality),
            None if path is None else os.fsdecode(path),
            (file[0] or 0, file[1] or 0),
        )


def contents_of(database: Database, photo_ids: Sequence[PhotoId]) -> dict[PhotoId, tuple[ContentId, bytes]]:
    """Return what photos show now, with its hash; photos that are gone are left out."""
    sql = "SELECT photo_id, content_id, hash FROM photos JOIN contents USING (content_id) WHERE photo_id IN"
    rows = _looked_up(database, sql, photo_ids)
    return {photo: (content, content_hash) for photo, content, content_hash in rows}


def _looked_up(database: Database, sql: str, ids: Iterable[int]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a statement that ends before the ids it is about, and the brackets around them."""
    wanted = list(ids)
    for start in range(0, len(wanted), IDS_PER_STATEMENT):
        part = wanted[start : start + IDS_PER_STATEMENT]
        yield from database.rows(f"{sql} ({','.join('?' * len(part))})", part)


# Decisions


def decisions(database: Database) -> list[Decided]:
    """Return what the user decided, the last decision first."""
    rows = database.rows(
        f"""SELECT hash_a, hash_b, decision, decided_at, {_A_PHOTO.format("hash_a")}, {_A_PHOTO.format("hash_b")}
            FROM decisions ORDER BY decided_at DESC, 1, 2"""
    )
    return [Decided(*row) for row in rows]


_A_PHOTO = "(SELECT min(photo_id) FROM photos JOIN contents USING (content_id) WHERE hash = {})"


def decided_contents(database: Database) -> list[Pair]:
    """Return the pairs of contents something was decided about, as far as they are known; maybe of one with itself."""
    rows = database.rows(
        """SELECT a.content_id, b.content_id FROM decisions AS d
           JOIN contents AS a ON a.hash = d.hash_a JOIN contents AS b ON b.hash = d.hash_b"""
    )
    return [(ContentId(a), ContentId(b)) for a, b in rows]


def save_decisions(database: Database, decision: str, pairs: Iterable[tuple[bytes, bytes]]) -> None:
    """Keep a decision about pairs of hashes, in place of an earlier one."""
    with database.transaction():
        database.execute_many(
            """INSERT INTO decisions (hash_a, hash_b, decision) VALUES (min(?1, ?2), max(?1, ?2), ?3)
               ON CONFLICT DO UPDATE SET decision = excluded.decision, decided_at = excluded.decided_at""",
            ((a, b, decision) for a, b in pairs),
        )


def forget_decisions(database: Database, pairs: Iterable[tuple[bytes, bytes]]) -> None:
    """Forget what was decided about pairs of hashes."""
    with database.transaction():
        database.execute_many("DELETE FROM decisions WHERE hash_a = min(?1, ?2) AND hash_b = max(?1, ?2)", pairs)


def hand_down_decisions(database: Database, gone: str, values: tuple[str, ...]) -> None:
    """Let what was decided of contents about to be deleted (those ``WHERE gone``) hold for those with the same pixels.

    That is known of them only as long as they are there. Within a transaction of the caller.
    """
    for _ in range(2):  # in the second round for pairs of which both go
        database.execute(
            f"""WITH heirs AS MATERIALIZED (
                    SELECT old.hash AS hash, c.hash AS heir
                    FROM (SELECT content_id, hash FROM contents WHERE {gone}) AS old
                    JOIN verdicts AS v ON v.label = {int(Label.SAME_PIXELS)}
                        AND old.content_id IN (v.content_a, v.content_b)
                    JOIN contents AS c ON c.content_id = v.content_a + v.content_b - old.content_id
                ), decided AS (
                    SELECT hash_a AS hash, hash_b AS other, decision, decided_at FROM decisions
                    UNION ALL SELECT hash_b, hash_a, decision, decided_at FROM decisions
                )
                INSERT OR IGNORE INTO decisions
                SELECT min(heir, other), max(heir, other), decision, decided_at
                FROM decided AS d JOIN heirs AS h USING (hash)
                WHERE other <> d.hash AND NOT EXISTS (SELECT 1 FROM heirs WHERE hash = d.hash AND heir = other)""",
            values,
        )


# Descriptors


def contents_without_descriptor(database: Database, version: int) -> list[ContentId]:
    """Return the contents on show that have no descriptor of this ``version``."""
    rows = database.rows(
        """SELECT content_id FROM contents WHERE vanished_at IS NULL
            EXCEPT SELECT content_id FROM descriptors WHERE version = ? ORDER BY 1""",
        (version,),
    )
    return [ContentId(content) for (content,) in rows]


def descriptors(database: Database, version: int) -> Iterator[list[tuple[ContentId, bytes]]]:
    """Yield all descriptors of this ``version`` with their contents, ascending, in chunks."""
    after = 0
    # By the index, which is the planner's choice, each row would be looked for on its own.
    sql = """SELECT content_id, descriptor FROM descriptors NOT INDEXED WHERE content_id > ? AND version = ?
        ORDER BY content_id LIMIT ?"""
    while rows := database.rows(sql, (after, version, _DESCRIPTORS_AT_ONCE)):
        yield rows
        after = rows[-1][0]


def descriptors_of(database: Database, version: int, content_ids: IdArray) -> dict[ContentId, bytes]:
    """Return the descriptors of this ``version`` of some contents, those that have one."""
    sql = f"SELECT content_id, descriptor FROM descriptors WHERE version = {int(version)} AND content_id IN"
    return dict(_looked_up(database, sql, content_ids.tolist()))


def note_descriptor(database: Database, content: ContentId, version: int, descriptor: bytes) -> None:
    """Keep the descriptor of a content, unless it has one of this ``version``; within a transaction of the caller."""
    database.execute(
        """INSERT INTO descriptors VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET version = excluded.version,
               descriptor = excluded.descriptor WHERE version <> excluded.version""",
        (content, version, descriptor),
    )


def save_descriptors(database: Database, version: int, made: Mapping[ContentId, bytes]) -> None:
    """Keep descriptors of contents, in place of those of an earlier version."""
    with database.transaction():
        database.execute_many(
            """INSERT OR REPLACE INTO descriptors SELECT ?1, ?2, ?3
               WHERE EXISTS (SELECT 1 FROM contents WHERE content_id = ?1)""",
            ((content, version, descriptor) for content, descriptor in made.items()),
        )
