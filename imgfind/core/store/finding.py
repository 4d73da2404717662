"""What searching asks of the catalogue: which vectors a filter leaves, which photos show them, which are the newest.

Same thread as the database.
"""

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from imgfind.core.database import IDS_PER_STATEMENT, Database
from imgfind.core.filters import Filter
from imgfind.core.records import ContentId, FloatArray, Hit, IdArray, ModelId, PhotoId
from imgfind.core.store.conditions import condition

_COLUMNS = "p.path, p.photo_id, c.content_id, c.width_px, c.height_px, p.taken_at, p.offline"
_FEW = 1_000
"""Up to so many photos are collected in any order and sorted: among 100,000, 9 photos take 7 ms. Walking along the
dates until enough are found takes 1 ms where every second photo is right and 140 to 270 ms where only 9 or 100 are."""


def vector_ids(database: Database, model_id: ModelId, filters: Sequence[Filter], limit: int | None = None) -> IdArray:
    """Return the vectors of the photos that ``filters`` leave, ascending; any ``limit`` of them where there are more.

    Photos without a vector of this model have none to return.
    """
    sql, parameters = condition(filters)
    rows = database.rows(
        f"""SELECT DISTINCT v.vector_id
            FROM photos AS p JOIN contents AS c USING (content_id)
                CROSS JOIN vectors AS v ON v.content_id = c.content_id -- last: filters have better indexes
            WHERE v.model_id = ? AND {sql} LIMIT ?""",
        (model_id, *parameters, -1 if limit is None else limit),
    )
    return np.sort(np.fromiter((vector_id for (vector_id,) in rows), dtype=np.int64, count=len(rows)))


def vector_id_bounds(database: Database, model_id: ModelId) -> tuple[int, int]:
    """Return the lowest and the highest id among the vectors of a model, zeros where it has none."""
    row = database.one(
        """SELECT (SELECT vector_id FROM vectors WHERE model_id = ?1 ORDER BY vector_id LIMIT 1),
                  (SELECT vector_id FROM vectors WHERE model_id = ?1 ORDER BY vector_id DESC LIMIT 1)""",
        (model_id,),
    )
    return (row[0], row[1]) if row and row[0] is not None else (0, 0)


def vector_ids_near(database: Database, model_id: ModelId, ids: IdArray) -> IdArray:
    """Return the first vector of a model at or above each of ``ids``, ascending, none twice."""
    rows = database.rows(
        """SELECT DISTINCT (SELECT vector_id FROM vectors
                            WHERE model_id = ? AND vector_id >= value ORDER BY vector_id LIMIT 1) AS near
           FROM json_each(?) WHERE near IS NOT NULL ORDER BY near""",
        (model_id, json.dumps(ids.tolist())),
    )
    return np.array([vector_id for (vector_id,) in rows], np.int64)


def vector_of_photo(database: Database, model_id: ModelId, photo_id: PhotoId) -> FloatArray | None:
    """Return the vector of what a photo shows, if there is one."""
    blob = database.value(
        "SELECT vector FROM photos JOIN vectors USING (content_id) WHERE photo_id = ? AND model_id = ?",
        (photo_id, model_id),
    )
    return None if blob is None else np.frombuffer(blob, dtype=np.float16).astype(np.float32)


def hits(database: Database, model_id: ModelId, scores: dict[int, float], filters: Sequence[Filter]) -> list[Hit]:
    """Return those photos that show the contents of the given vectors and pass the filters, in no order."""
    sql, parameters = condition(filters)
    found: list[Hit] = []
    ids = list(scores)
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        part = ids[start : start + IDS_PER_STATEMENT]
        rows = database.rows(
            f"""SELECT v.vector_id, {_COLUMNS}
                FROM vectors AS v JOIN contents AS c USING (content_id) JOIN photos AS p USING (content_id)
                WHERE v.vector_id IN ({",".join("?" * len(part))}) AND v.model_id = ? AND {sql}""",
            (*part, model_id, *parameters),
        )
        found.extend(_hit(scores[vector_id], *row) for vector_id, *row in rows)
    return found


def newest(database: Database, filters: Sequence[Filter], k: int) -> list[Hit]:
    """Return the ``k`` photos last taken among those that ``filters`` leave, newest first, then by path; no scores."""
    where, parameters = condition(filters)
    sql = f"SELECT {_COLUMNS} FROM photos AS p JOIN contents AS c USING (content_id) WHERE {where}"
    rows = database.rows(f"{sql} LIMIT ?", (*parameters, _FEW + 1))
    found = [_hit(None, *row) for row in rows]
    if len(found) <= _FEW:
        found.sort(key=lambda hit: os.fsencode(hit.path))
        found.sort(key=lambda hit: hit.taken_at or "", reverse=True)
        return found[:k]
    rows = database.rows(f"{sql} ORDER BY p.taken_at DESC, p.path LIMIT ?", (*parameters, k))
    return [_hit(None, *row) for row in rows]


def _hit(score: float | None, path: bytes, photo: int, content: int, *rest: Any) -> Hit:
    width, height, taken, offline = rest
    return Hit(os.fsdecode(path), score, PhotoId(photo), ContentId(content), width, height, taken, bool(offline))
