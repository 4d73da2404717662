"""What the catalogue holds of each encoder: how many vectors, and which photos still wait for theirs.

A photo *waits* for a model when its content has no vector of it and its file is not known to be unreadable.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

from imgfind.core import paths
from imgfind.core.database import Database
from imgfind.core.records import ModelId

_WAITING = """photos AS p WHERE
    NOT EXISTS (SELECT 1 FROM vectors AS v WHERE v.content_id = p.content_id AND v.model_id = ?)
    AND NOT EXISTS (SELECT 1 FROM problems AS b WHERE b.path = p.path)"""


class HeldModel(NamedTuple):
    """An encoder the library knows, and how many vectors of it there are."""

    model_id: ModelId
    name: str
    dim: int
    vectors: int


class Waiting(NamedTuple):
    """How many photos wait for a model: those in reach, and those that cannot be read before they are back."""

    reachable: int
    offline: int


def held_models(database: Database) -> list[HeldModel]:
    """Return the encoders the library knows, in the order they came."""
    rows = database.rows(
        """SELECT model_id, name, dim, (SELECT count(*) FROM vectors AS v WHERE v.model_id = m.model_id)
           FROM models AS m ORDER BY model_id"""
    )
    return [HeldModel(ModelId(model_id), *row) for model_id, *row in rows]


def waiting(database: Database, model_id: ModelId) -> Waiting:
    """Count the photos that wait for a model."""
    counts = dict(database.rows(f"SELECT p.offline, count(*) FROM {_WAITING} GROUP BY p.offline", (model_id,)))
    return Waiting(counts.get(0, 0), counts.get(1, 0))


def lacks_vectors(database: Database, model_id: ModelId, unlisted: Sequence[str] = ()) -> bool:
    """Tell whether a photo in reach waits for a model; those below ``unlisted`` folders are not in reach."""
    if not unlisted:
        return bool(
            database.value(f"SELECT EXISTS (SELECT 1 FROM {_WAITING} AND p.offline = 0)", (model_id,)),
        )
    database.execute("CREATE TEMP TABLE IF NOT EXISTS out_of_reach (low BLOB, high BLOB)")
    database.execute("DELETE FROM out_of_reach")
    bounds = [paths.subtree_bounds(path) for path in unlisted]
    bounds += [(os.fsencode(path), os.fsencode(path) + b"\0") for path in unlisted]  # the path itself
    database.execute_many("INSERT INTO out_of_reach VALUES (?, ?)", bounds)
    return bool(
        database.value(
            f"""SELECT EXISTS (SELECT 1 FROM {_WAITING} AND p.offline = 0
                AND NOT EXISTS (SELECT 1 FROM out_of_reach AS o WHERE p.path >= o.low AND p.path < o.high))""",
            (model_id,),
        )
    )


def forget_vectors(database: Database, model_id: ModelId) -> int:
    """Forget all vectors of a model; return how many those were."""
    return database.execute("DELETE FROM vectors WHERE model_id = ?", (model_id,))


def forget_model(database: Database, model_id: ModelId, setting: str) -> None:
    """Forget a model that has no vectors any more, with its ``setting``."""
    with database.transaction():
        database.execute("DELETE FROM settings WHERE name = ?", (setting,))
        database.execute("DELETE FROM models WHERE model_id = ?", (model_id,))
