"""AST -> vector and filters -> ranked hits.

Combines the terms of a query into one unit vector (weighted sum of the terms' unit vectors), asks the index for the
nearest contents and the catalogue for the photos that show them and that the filters leave. Same query, same library,
same order. Runs on the thread that opened the store.
"""

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from imgfind.core import collapsing, cutoff, paths, reading
from imgfind.core.collapsing import Family, as_columns, as_hits
from imgfind.core.cutoff import Background
from imgfind.core.errors import ImgfindError, UnreadablePhotoError, UsageError
from imgfind.core.filters import Filter, WordFilter
from imgfind.core.query import ImageTerm, Query, Region, Term, TextTerm
from imgfind.core.reading import ReadPhoto
from imgfind.core.records import Encoder, FloatArray, Hit, IdArray, Listing, ModelFiles, ModelId, PhotoId
from imgfind.core.store import ModelVectors, Store
from imgfind.core.vectors import VectorIndex

_SMALLEST_NORM = 1e-3
"""Below this length a sum of unit vectors is rounding noise: its terms cancelled each other."""


NARROW = 5_000
"""Filters that leave no more vectors than this are searched exactly: nothing they leave can be missed.

Measured at 100,000 photos of 256 dimensions: fetching that many ids takes 7 to 25 ms, comparing them 17 ms.
"""
_OVERFETCH = (8, 32)
_MOST_CANDIDATES = 2_000
"""Wider filters: so many times the wanted hits are looked for among all photos, and what the filters leave out is
dropped; the first look does where one photo in 8 is left. Measured at 100,000 photos: 84 candidates take 5 ms, 336
take 15, 1,344 take 51. Where that is not enough, all that the filters leave is searched exactly: fetching the ids, and
then 90 ms for comparing 45,000 of them, 196 for 100,000."""
_SPARE_SHARE = 8
_SPARE = 64
"""Copies go into one hit, so more hits than wanted are ranked at first, an eighth of them and 64: copies are to be
counted that rank behind the last hit, though not those far behind."""
_MORE_TIMES = 4
_PICTURES_KEPT = 64
"""Query pictures whose vectors are kept: while words are typed beside one, it is not decoded again."""


@dataclass(frozen=True, slots=True)
class TermScore:
    """What one term of a query says of one photo.

    ``cosine`` is that of the term alone, whatever its weight. ``strength`` is as in :class:`Background`: from 0.5 on
    the photo shows the term; None where the library is too small to tell.
    """

    term: Term
    cosine: float
    strength: float | None


def with_folders(query: Query, folder: str | None, absolute: Callable[[str], str]) -> Query:
    """Return ``query`` with the folders of its ``in:`` filters absolute, and only photos below ``folder`` if given."""
    filters = [
        replace(item, value=absolute(os.path.expanduser(item.value)))
        if isinstance(item, WordFilter) and item.name == "in"
        else item
        for item in query.filters
    ]
    return replace(query, filters=(*filters, *below(folder, absolute)))


def below(folder: str | None, absolute: Callable[[str], str]) -> tuple[Filter, ...]:
    """Return the filter for photos below ``folder``, none without one."""
    return () if folder is None else (WordFilter("in", absolute(folder)),)


class Searcher:
    """All a search needs; ``encoder`` loads the encoder on its first call, which image queries may never need."""

    def __init__(
        self, store: Store, index: VectorIndex, model: ModelFiles, model_id: ModelId, encoder: Callable[[], Encoder]
    ) -> None:
        self.store = store
        self.index = index
        self.model = model
        self.model_id = model_id
        self.encoder = encoder
        self._vector_of_file = functools.lru_cache(_PICTURES_KEPT)(self._read_vector_of_file)
        self._vectors_behind = functools.lru_cache(1)(self._read_vectors_behind)

    def search(self, query: Query, k: int, *, copies: bool = False) -> list[Hit]:
        """Return the ``k`` best photos, best first, equal scores by path; without terms the newest.

        Ranked copies of one picture are one hit (:mod:`imgfind.core.collapsing`), with ``copies`` each is its own.
        Folders in the query have to be absolute: :func:`with_folders`.
        """
        if not query.terms:
            return self.store.newest(query.filters, k)
        vector = self.query_vector(query)
        return as_hits(self._pictures(lambda wanted: self._ranked(vector, wanted, query.filters), k, copies=copies))

    def similar(
        self, picture: str | bytes, k: int, filters: Sequence[Filter] = (), *, copies: bool = False
    ) -> list[Hit]:
        """Return the ``k`` photos most like a picture, given as a path or as the bytes of a file.

        The very file is left out, its copies are not: they are one hit, or with ``copies`` one each.
        """
        vector = self.picture_vector(picture)

        def ranked(wanted: int) -> list[Hit]:
            # One hit more, for the file itself; it is left out by identity because it may be reached by another name.
            hits = self._ranked(vector, wanted + 1, filters)
            if isinstance(picture, str):
                hits = [hit for hit in hits if not _same_file(hit.path, picture)]
            return hits[:wanted]

        return as_hits(self._pictures(ranked, k, copies=copies))

    def find(self, query: Query, k: int, *, copies: bool = False) -> Listing:
        """Return the ``k`` best photos as :meth:`search` does, the strong matches and the weaker ones as sections.

        The query must have a term.
        """
        vector = self.query_vector(query)
        found = self._pictures(lambda wanted: self._ranked(vector, wanted, query.filters), k + 1, copies=copies)
        shown = found[:k]
        scores = np.array([family.score for family in shown], np.float32)
        ids = np.array([family.shown.photo_id for family in shown], np.int64)
        sections = cutoff.sections(scores, self._background(vector))
        return Listing(ids, sections, scores, complete=len(found) <= k, copies=as_columns(shown))

    def explain(self, query: Query, photo_id: PhotoId) -> list[TermScore]:
        """Return which terms of a query a photo answers, in their order; nothing where it has no vector (yet)."""
        photo = self.store.vector_of_photo(self.model_id, photo_id) if query.terms else None
        if photo is None:
            return []
        photo /= np.linalg.norm(photo)
        scores = []
        for term, vector in zip(query.terms, self._term_vectors(query.terms), strict=True):
            cosine, behind = float(photo @ vector), self._background(vector)
            scores.append(TermScore(term, cosine, None if behind is None else behind.strength(cosine)))
        return scores

    def query_vector(self, query: Query) -> FloatArray:
        """Return the unit vector of a query. Raises :class:`UsageError` where its terms cancel each other."""
        total = np.zeros(self.model.dim, dtype=np.float32)
        for term, vector in zip(query.terms, self._term_vectors(query.terms), strict=True):
            total += np.float32(term.weight) * vector
        length = float(np.linalg.norm(total))
        if length < _SMALLEST_NORM:
            raise UsageError("The terms of the query cancel each other out; change a word or a weight.")
        return total / np.float32(length)

    def picture_vector(self, picture: str | bytes, region: Region | None = None) -> FloatArray:
        """Return the unit vector of a picture or a region of it; of a whole one whose bytes are known, the library's.

        Raises :class:`ImgfindError` where it is no readable picture.
        """
        try:
            if isinstance(picture, bytes):
                return self._vector_of(reading.read_bytes(picture, self.model.preprocess, region), region)
            if not os.path.isfile(picture):
                raise UnreadablePhotoError("it is no file" if os.path.exists(picture) else "there is no such file")
            stat = os.stat(picture)
            return self._vector_of_file(os.path.abspath(picture), region, stat.st_size, stat.st_mtime_ns)
        except UnreadablePhotoError as error:
            name = f"'{paths.displayed(picture)}'" if isinstance(picture, str) else "The picture on standard input"
            raise ImgfindError(f"{name} cannot be used as a query: {error.reason}; choose another picture.") from error

    def _term_vectors(self, terms: Sequence[Term]) -> list[FloatArray]:
        texts = [term.text for term in terms if isinstance(term, TextTerm)]
        rows = iter(self.encoder().encode_texts(texts)) if texts else iter(())
        return [
            self.picture_vector(term.path, term.region) if isinstance(term, ImageTerm) else next(rows) for term in terms
        ]

    def _read_vector_of_file(self, path: str, region: Region | None, *_stamp: int) -> FloatArray:
        known = _WithVector(self.store, self.model_id) if region is None else frozenset[bytes]()
        return self._vector_of(reading.read_photo(path, self.model.preprocess, known, region=region), region)

    def _vector_of(self, read: ReadPhoto, region: Region | None) -> FloatArray:
        known = self.store.vector_of_hash(self.model_id, read.content_hash) if region is None else None
        if known is not None:
            return known / np.linalg.norm(known)
        assert read.content is not None, "only what has a vector is not decoded"
        vector: FloatArray = self.encoder().encode_images(read.content.pixels[np.newaxis])[0]
        return vector

    def _background(self, vector: FloatArray) -> Background | None:
        """Return how a unit vector scores the library at large; drawn anew when vectors were added."""
        return cutoff.background(self._vectors_behind(self.store.vector_id_bounds(self.model_id)) @ vector)

    def _read_vectors_behind(self, bounds: tuple[int, int]) -> FloatArray:
        """Return vectors spread evenly over the ids within ``bounds``, all of them where they are few."""
        ids = self.store.vector_ids_near(self.model_id, np.linspace(*bounds, cutoff.SAMPLE).astype(np.int64))
        parts = ModelVectors(self.store.database, self.model_id, self.model.dim).read_ids(ids)
        vectors = [rows.astype(np.float32) for _, rows in parts]
        return np.concatenate([np.empty((0, self.model.dim), np.float32), *vectors])

    def _pictures(self, ranked: Callable[[int], list[Hit]], k: int, *, copies: bool) -> list[Family]:
        """Return the ``k`` best pictures among what ``ranked`` gives, which is asked for more where copies abound."""
        if copies:
            return [Family(hit, ()) for hit in ranked(k)]
        wanted = k + k // _SPARE_SHARE + _SPARE
        while True:
            hits = ranked(wanted)
            found = self._collapsed(hits)
            if len(found) >= k or len(hits) < wanted:
                return found[:k]
            wanted *= _MORE_TIMES

    def _collapsed(self, hits: list[Hit]) -> list[Family]:
        return collapsing.collapsed(hits, collapsing.known(self.store.database, [hit.content_id for hit in hits]))

    def _ranked(self, vector: FloatArray, k: int, filters: Sequence[Filter]) -> list[Hit]:
        allowed = self.store.vector_ids(self.model_id, filters, NARROW + 1) if filters else None
        if allowed is not None and len(allowed) > NARROW:
            for times in _OVERFETCH:
                wanted = times * (k + 1)
                if wanted <= _MOST_CANDIDATES and (hits := self._best(vector, k, wanted, filters)) is not None:
                    return hits
            allowed = self.store.vector_ids(self.model_id, filters)
        wanted = k + 1
        while (hits := self._best(vector, k, wanted, filters, allowed)) is None:
            wanted *= 4
        return hits

    def _best(
        self, vector: FloatArray, k: int, wanted: int, filters: Sequence[Filter], allowed: IdArray | None = None
    ) -> list[Hit] | None:
        """Return the ``k`` best photos, or None where the ``wanted`` nearest vectors are too few to know them."""
        ids, scores = self.index.nearest(vector, wanted, allowed)
        # Stored in half precision, a unit vector may come out a little longer than 1.
        cosines = dict(zip(ids.tolist(), np.clip(scores, -1, 1).tolist(), strict=True))
        hits = self.store.hits(self.model_id, cosines, filters)
        hits.sort(key=lambda hit: (-_score(hit), os.fsencode(hit.path)))
        # Vectors of vanished contents take up places without giving a photo, and the order by path needs all that score
        # as much as the last one.
        enough = len(ids) < wanted or (len(hits) >= k and cosines[int(ids[-1])] < _score(hits[k - 1]))
        return hits[:k] if enough else None


class _WithVector:
    """The content hashes whose vector the library has: pictures that need no decoding."""

    def __init__(self, store: Store, model_id: ModelId) -> None:
        self._store = store
        self._model_id = model_id

    def __contains__(self, content_hash: object) -> bool:
        return isinstance(content_hash, bytes) and self._store.vector_of_hash(self._model_id, content_hash) is not None


def _score(hit: Hit) -> float:
    assert hit.score is not None, "hits of vectors have scores"
    return hit.score


def _same_file(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return os.path.abspath(path) == os.path.abspath(other)
