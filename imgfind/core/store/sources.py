"""Two narrow views of the catalogue for its neighbours in the pipeline.

:class:`ModelVectors` feeds the search index (same thread as its database); :class:`KnownContents` answers the decode
threads.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgfind.core.database import IDS_PER_STATEMENT, Database
from imgfind.core.records import IdArray, ModelId
from imgfind.core.store.opening import CATALOGUE_FILE


class ModelVectors:
    """The vectors of one model, as the search index reads them."""

    def __init__(self, database: Database, model_id: ModelId, dim: int) -> None:
        self._database = database
        self._model_id = model_id
        self._dim = dim

    def revision(self) -> object:
        """Return a value that differs once vectors may have come or gone."""
        return self._database.revision()

    def count(self) -> int:
        """Count the vectors."""
        return self.checkpoint(2**62)

    def checkpoint(self, up_to: int) -> int:
        """Count the vectors with an id of at most ``up_to``."""
        count: int = self._database.value(
            "SELECT count(*) FROM vectors WHERE model_id = ? AND vector_id <= ?", (self._model_id, up_to)
        )
        return count

    def read(self, after: int = 0, chunk: int = 10_000) -> Iterator[tuple[IdArray, NDArray[np.float16]]]:
        """Yield ids after ``after``, ascending, with their unit rows, in chunks."""
        while True:
            rows = self._database.rows(
                "SELECT vector_id, vector FROM vectors WHERE model_id = ? AND vector_id > ? ORDER BY vector_id LIMIT ?",
                (self._model_id, after, chunk),
            )
            if not rows:
                return
            ids, matrix = self._arrays(rows)
            yield ids, matrix
            after = int(ids[-1])

    def read_ids(self, ids: IdArray) -> Iterator[tuple[IdArray, NDArray[np.float16]]]:
        """Yield the given vectors that exist, ascending by id, in chunks."""
        for start in range(0, len(ids), IDS_PER_STATEMENT):
            part = [int(vector_id) for vector_id in ids[start : start + IDS_PER_STATEMENT]]
            rows = self._database.rows(
                "SELECT vector_id, vector FROM vectors"
                f" WHERE model_id = ? AND vector_id IN ({','.join('?' * len(part))}) ORDER BY vector_id",
                (self._model_id, *part),
            )
            if rows:
                yield self._arrays(rows)

    def _arrays(self, rows: list[tuple[Any, ...]]) -> tuple[IdArray, NDArray[np.float16]]:
        ids = np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))
        matrix = np.frombuffer(b"".join(row[1] for row in rows), dtype=np.float16).reshape(len(rows), self._dim)
        return ids, matrix


class KnownContents:
    """Answers, on any thread, whether bytes need no decoding: the model has seen them and their facts are current."""

    def __init__(self, folder: Path, model_id: ModelId, *, decode_version: int) -> None:
        self._database = Database(folder / CATALOGUE_FILE, readonly=True, shared=True)
        self._model_id = model_id
        self._decode_version = decode_version

    def __contains__(self, content_hash: object) -> bool:
        return self._has_vector(content_hash, self._decode_version)

    def has_vector(self, content_hash: bytes) -> bool:
        """Tell whether the model has seen these bytes, whatever version of imgfind read them."""
        return self._has_vector(content_hash, 0)

    def _has_vector(self, content_hash: object, decode_version: int) -> bool:
        return (
            self._database.one(
                "SELECT 1 FROM contents JOIN vectors USING (content_id)"
                " WHERE hash = ? AND model_id = ? AND decode_version >= ?",
                (content_hash, self._model_id, decode_version),
            )
            is not None
        )

    def close(self) -> None:
        """Close the connection."""
        self._database.close()
