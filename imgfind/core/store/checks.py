"""What must hold in a catalogue, as questions to it, and the statements that make it hold again.

Every ``*_findings`` returns sentences, one for each thing that is wrong, none where all is right; it changes nothing.
Every ``mend_*`` says in sentences what it did; it belongs to the indexer. Same thread as the database.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from imgfind.core import paths
from imgfind.core.database import IDS_PER_STATEMENT, DamagedDatabaseError, Database
from imgfind.core.store import duplicates, schema
from imgfind.core.store.catalogue import Store
from imgfind.core.store.schema import NOW

_MOST_FINDINGS = 10
"""Of SQLite's own check; a broken page brings hundreds."""
_UNIT_TOLERANCE = 2e-3
"""How far from 1 the length of a stored vector may be. Rounding to float16 moves it by 2**-11 (0.0005) at most, but for
components below 6e-5, whose error is 3e-8 each."""
_VECTORS_A_PAGE = 10_000

_PARENT_NAMES = {"contents": "content", "roots": "folder", "models": "model"}

_ON_SHOW = "EXISTS (SELECT 1 FROM photos AS p WHERE p.content_id = contents.content_id)"
_NOT_MARKED = f"vanished_at IS NULL AND NOT {_ON_SHOW}"
_WRONGLY_MARKED = f"vanished_at IS NOT NULL AND {_ON_SHOW}"
# Never one that a photo shows, whatever its mark says.
_OLD = f"vanished_at IS NOT NULL AND vanished_at < strftime('%Y-%m-%dT%H:%M:%SZ', 'now', ?) AND NOT {_ON_SHOW}"

_MODEL_SETTINGS = ("active_model", "target_model")


def page_findings(database: Database, *, quick: bool = False) -> list[str]:
    """Have SQLite look at every page, row and index; ``quick`` leaves out whether the indexes agree with their rows."""
    pragma = "quick_check" if quick else "integrity_check"
    try:
        found = [str(row[0]) for row in database.rows(f"PRAGMA {pragma}({_MOST_FINDINGS})")]
    except DamagedDatabaseError as error:
        return [str(error)]
    return [] if found == ["ok"] else found


def schema_findings(database: Database) -> list[str]:
    """Compare the tables and indexes with those this program makes."""
    return [f"{what} is missing" for what in sorted(_expected_objects() - _objects(database.rows))]


def _expected_objects() -> set[str]:
    statements = [part for migration in schema.MIGRATIONS for part in schema.statements(migration)]
    expected: set[str] = set()
    for statement in statements:
        words = statement.split()
        if words[0] == "CREATE":
            expected.add(f"the {words[1].lower()} '{words[2]}'")
    return expected


def _objects(rows: Callable[[str], list[tuple[object, ...]]]) -> set[str]:
    return {f"the {kind} '{name}'" for kind, name in rows("SELECT type, name FROM sqlite_master")}


def reference_findings(database: Database) -> list[str]:
    """Look for rows that point to what is not there: photos without their content, vectors without their model."""
    found = Counter((str(row[0]), str(row[2])) for row in database.rows("PRAGMA foreign_key_check"))
    return [
        f"{count:,} of the {table} belong to a {_PARENT_NAMES.get(parent, parent)} that is not there"
        for (table, parent), count in sorted(found.items())
    ]


def mend_references(database: Database) -> list[str]:
    """Take out the rows that point to what is not there; the next index run reads those photos again."""
    lost_roots = database.rows(
        "SELECT path FROM photos WHERE root_id NOT IN (SELECT root_id FROM roots)"
        " UNION SELECT path FROM problems WHERE root_id NOT IN (SELECT root_id FROM roots)"
    )
    removed: dict[str, int] = {}
    with database.transaction():
        for table, column, parent, key in (
            ("photos", "content_id", "contents", "content_id"),
            ("photos", "root_id", "roots", "root_id"),
            ("problems", "root_id", "roots", "root_id"),
            ("vectors", "content_id", "contents", "content_id"),
            ("vectors", "model_id", "models", "model_id"),
            ("verdicts", "content_a", "contents", "content_id"),
            ("verdicts", "content_b", "contents", "content_id"),
            ("descriptors", "content_id", "contents", "content_id"),
        ):
            count = database.execute(f"DELETE FROM {table} WHERE {column} NOT IN (SELECT {key} FROM {parent})")
            removed[table] = removed.get(table, 0) + count
    told = [f"took {count:,} of the {table} out of the catalogue" for table, count in removed.items() if count]
    if lost_roots:
        folder = os.path.commonpath([os.path.dirname(path) for (path,) in lost_roots])
        told.append(f"photos below {paths.displayed(os.fsdecode(folder))} lost their folder: index it again by name")
    return told


def vanished_findings(database: Database) -> list[str]:
    """Look for contents whose mark does not agree with whether a photo shows them."""
    return [
        f"{count:,} contents {what}"
        for what, condition in (
            ("are on show nowhere and not marked as vanished", _NOT_MARKED),
            ("are marked as vanished and still on show", _WRONGLY_MARKED),
        )
        if (count := database.value(f"SELECT count(*) FROM contents WHERE {condition}"))
    ]


def mend_vanished(database: Database) -> list[str]:
    """Make the marks agree with the photos."""
    with database.transaction():
        count = database.execute(f"UPDATE contents SET vanished_at = {NOW} WHERE {_NOT_MARKED}")
        count += database.execute(f"UPDATE contents SET vanished_at = NULL WHERE {_WRONGLY_MARKED}")
    return [f"corrected the marks of {count:,} contents"]


def vector_findings(database: Database, watch: Callable[[int], None]) -> list[str]:
    """Look for vectors that are cut, not finite or not of length 1; ``watch`` is told how many were looked at."""
    found = Counter(reason for _, reason in _broken_vectors(database, watch))
    return [f"{count:,} vectors {reason}" for reason, count in found.items()]


def mend_vectors(database: Database, watch: Callable[[int], None]) -> list[str]:
    """Delete broken vectors; the next index run encodes those photos again."""
    broken = [(vector_id,) for vector_id, _ in _broken_vectors(database, watch)]
    with database.transaction():
        database.execute_many("DELETE FROM vectors WHERE vector_id = ?", broken)
    return [f"deleted {len(broken):,} broken vectors; 'imgfind index' makes them again"]


def _broken_vectors(database: Database, watch: Callable[[int], None]) -> Iterator[tuple[int, str]]:
    """Yield the ids of broken vectors, and what is wrong with each."""
    done = 0
    for model_id, dim in database.rows("SELECT model_id, dim FROM models"):
        after = 0
        while rows := database.rows(
            "SELECT vector_id, vector FROM vectors WHERE model_id = ? AND vector_id > ? ORDER BY vector_id LIMIT ?",
            (model_id, after, _VECTORS_A_PAGE),
        ):
            whole = [row for row in rows if len(row[1]) == 2 * dim]
            if len(whole) < len(rows):
                yield from ((row[0], "are cut or too long") for row in rows if len(row[1]) != 2 * dim)
            halves = np.frombuffer(b"".join(row[1] for row in whole), np.float16).reshape(len(whole), dim)
            matrix = halves.astype(np.float32)
            finite = np.asarray(np.isfinite(matrix).all(axis=1))
            lengths = np.linalg.norm(np.where(finite[:, np.newaxis], matrix, 0), axis=1)
            for position in np.flatnonzero(~finite | (np.abs(lengths - 1) > _UNIT_TOLERANCE)):
                yield whole[position][0], "are not of length 1" if finite[position] else "hold no numbers"
            after = rows[-1][0]
            done += len(rows)
            watch(done)


def model_findings(store: Store) -> list[str]:
    """Look for settings that name a model that is not there."""
    return [
        f"the setting {name} names a model that is not there"
        for name in _MODEL_SETTINGS
        if store.setting(name) is not None and store.model(name) is None
    ]


def mend_models(store: Store) -> list[str]:
    """Let settings without a model name the one with most vectors, or none."""
    best = store.database.value(
        """SELECT m.model_id FROM models AS m
           ORDER BY (SELECT count(*) FROM vectors AS v WHERE v.model_id = m.model_id) DESC, m.model_id DESC"""
    )
    told = []
    for name in _MODEL_SETTINGS:
        if store.setting(name) is not None and store.model(name) is None:
            if best is None:
                store.database.execute("DELETE FROM settings WHERE name = ?", (name,))
            else:
                store.set_setting(name, str(best))
            told.append(f"the setting {name} now names {'no model' if best is None else 'the model with most vectors'}")
    return told


def unknown_hashes(database: Database, hashes: list[bytes], *, vanished_days: int | None = None) -> list[bytes]:
    """Return those of ``hashes`` that are of no content, or of one that vanished more than ``vanished_days`` ago."""
    condition, age = (f" AND NOT ({_OLD})", [f"-{vanished_days} days"]) if vanished_days is not None else ("", [])
    known: set[bytes] = set()
    for start in range(0, len(hashes), IDS_PER_STATEMENT):
        part = hashes[start : start + IDS_PER_STATEMENT]
        rows = database.rows(
            f"SELECT hash FROM contents WHERE hash IN ({','.join('?' * len(part))}){condition}", (*part, *age)
        )
        known.update(row[0] for row in rows)
    return [content_hash for content_hash in hashes if content_hash not in known]


def hashes_on_show(database: Database, hashes: list[bytes]) -> set[bytes]:
    """Return those of ``hashes`` that a photo shows."""
    found: set[bytes] = set()
    for start in range(0, len(hashes), IDS_PER_STATEMENT):
        part = hashes[start : start + IDS_PER_STATEMENT]
        rows = database.rows(
            f"SELECT hash FROM contents WHERE hash IN ({','.join('?' * len(part))}) AND {_ON_SHOW}", part
        )
        found.update(row[0] for row in rows)
    return found


def prunable(database: Database, days: int) -> tuple[int, int]:
    """Count the contents that vanished more than ``days`` days ago, and their vectors."""
    contents = database.value(f"SELECT count(*) FROM contents WHERE {_OLD}", (f"-{days} days",))
    vectors = database.value(
        f"SELECT count(*) FROM vectors WHERE content_id IN (SELECT content_id FROM contents WHERE {_OLD})",
        (f"-{days} days",),
    )
    return contents, vectors


def prune(database: Database, days: int) -> None:
    """Delete the contents that vanished more than ``days`` days ago, and their vectors; all of it or nothing."""
    age = (f"-{days} days",)
    with database.transaction():
        duplicates.hand_down_decisions(database, _OLD, age)
        database.execute(f"DELETE FROM vectors WHERE content_id IN (SELECT content_id FROM contents WHERE {_OLD})", age)
        database.execute(f"DELETE FROM contents WHERE {_OLD}", age)


def counts(database: Database) -> dict[str, int] | None:
    """Count photos and contents of a catalogue that may be damaged; None where that cannot be read."""
    try:
        return {table: database.value(f"SELECT count(*) FROM {table}") for table in ("photos", "contents")}
    except DamagedDatabaseError:
        return None
