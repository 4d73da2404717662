"""AST -> vector -> ranked hits.

Combines the terms of a query into one unit vector (weighted sum of the terms' unit vectors), asks the index for the
nearest contents and the catalogue for the photos that show them. Same query, same library, same order. Runs on the
thread that opened the store.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from imgfind.core import paths, reading
from imgfind.core.errors import ImgfindError, UnreadablePhotoError, UsageError
from imgfind.core.query import ImageTerm, Query, TextTerm
from imgfind.core.reading import ReadPhoto
from imgfind.core.records import Encoder, FloatArray, Hit, ModelFiles, ModelId
from imgfind.core.store import Store
from imgfind.core.vectors import VectorIndex

_SMALLEST_NORM = 1e-3
"""Below this length a sum of unit vectors is rounding noise: its terms cancelled each other."""


@dataclass(frozen=True, slots=True)
class Searcher:
    """All a search needs; ``encoder`` loads the encoder on its first call, which image queries may never need."""

    store: Store
    index: VectorIndex
    model: ModelFiles
    model_id: ModelId
    encoder: Callable[[], Encoder]

    def search(self, query: Query, k: int, folder: str | None = None) -> list[Hit]:
        """Return the ``k`` best photos (below ``folder``, if given), best first, equal scores by path."""
        return self._ranked(self.query_vector(query), k, folder)

    def similar(self, picture: str | bytes, k: int, folder: str | None = None) -> list[Hit]:
        """Return the ``k`` photos most like a picture, given as a path or as the bytes of a file.

        The very file is left out, its copies are not.
        """
        # One hit more, for the file itself; it is left out by identity because it may be reached by another name.
        hits = self._ranked(self.picture_vector(picture), k + 1, folder)
        if isinstance(picture, str):
            hits = [hit for hit in hits if not _same_file(hit.path, picture)]
        return hits[:k]

    def query_vector(self, query: Query) -> FloatArray:
        """Return the unit vector of a query. Raises :class:`UsageError` where its terms cancel each other."""
        texts = [term.text for term in query.terms if isinstance(term, TextTerm)]
        rows = iter(self.encoder().encode_texts(texts)) if texts else iter(())
        total = np.zeros(self.model.dim, dtype=np.float32)
        for term in query.terms:
            vector = self.picture_vector(term.path) if isinstance(term, ImageTerm) else next(rows)
            total += np.float32(term.weight) * vector
        length = float(np.linalg.norm(total))
        if length < _SMALLEST_NORM:
            raise UsageError("The terms of the query cancel each other out; change a word or a weight.")
        return total / np.float32(length)

    def picture_vector(self, picture: str | bytes) -> FloatArray:
        """Return the unit vector of a picture, from the library where its bytes are known.

        Raises :class:`ImgfindError` where it is no readable picture.
        """
        try:
            read = self._read(picture)
        except UnreadablePhotoError as error:
            name = f"'{paths.displayed(picture)}'" if isinstance(picture, str) else "The picture on standard input"
            raise ImgfindError(f"{name} cannot be used as a query: {error.reason}; choose another picture.") from error
        known = self.store.vector_of_hash(self.model_id, read.content_hash)
        if known is not None:
            return known / np.linalg.norm(known)
        assert read.content is not None, "nothing is skipped as known when reading a query"
        vector: FloatArray = self.encoder().encode_images(read.content.pixels[np.newaxis])[0]
        return vector

    def _read(self, picture: str | bytes) -> ReadPhoto:
        if isinstance(picture, bytes):
            return reading.read_bytes(picture, self.model.preprocess)
        if not os.path.isfile(picture):
            raise UnreadablePhotoError("it is no file" if os.path.exists(picture) else "there is no such file")
        return reading.read_photo(picture, self.model.preprocess)

    def _ranked(self, vector: FloatArray, k: int, folder: str | None) -> list[Hit]:
        allowed = None if folder is None else self.store.vector_ids_below(self.model_id, folder)
        wanted = k + 1
        while True:
            ids, scores = self.index.nearest(vector, wanted, allowed)
            # Stored in half precision, a unit vector may come out a little longer than 1.
            cosines = np.clip(scores, -1, 1).tolist()
            hits = self.store.hits(self.model_id, dict(zip(ids.tolist(), cosines, strict=True)))
            if folder is not None:
                hits = [hit for hit in hits if paths.is_below(hit.path, folder)]
            hits.sort(key=lambda hit: (-hit.score, os.fsencode(hit.path)))
            # Vectors of vanished contents take up places without giving a photo, and the order by path needs all that
            # score as much as the last one: ask for more until it is enough.
            if len(ids) < wanted or (len(hits) >= k and cosines[-1] < hits[k - 1].score):
                return hits[:k]
            wanted *= 4


def _same_file(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return os.path.abspath(path) == os.path.abspath(other)
