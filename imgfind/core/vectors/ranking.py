"""Keeps the best of all rows offered, exactly and in an order that never changes. Pure arithmetic, no state shared."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from imgfind.core.records import FloatArray, IdArray
from imgfind.core.vectors.source import HalfArray

_COSINE_CHUNK = 4096
"""Rows turned to double precision at once: 32 MB at 1,024 dimensions."""


class Best:
    """The ``k`` nearest of all rows offered so far, best first; equal scores in the order of their ids."""

    def __init__(self, query: FloatArray, k: int) -> None:
        self.query = query
        self.k = k
        self.ids: IdArray = np.empty(0, np.int64)
        self.scores: FloatArray = np.empty(0, np.float32)
        # Twice the bound on the rounding error of a float32 product of unit vectors (Higham, Accuracy and Stability of
        # Numerical Algorithms, 2nd ed., eq. 3.5): no row whose rough score is lower than that can be among the best.
        self._margin = np.float32(2 * len(query) * 2.0**-24)

    def offer_chunks(self, chunks: Iterator[tuple[IdArray, HalfArray]]) -> None:
        """Consider rows as a source gives them."""
        for ids, rows in chunks:
            self.offer(ids, rows.astype(np.float32))

    def offer(self, ids: IdArray, rows: FloatArray, allowed: IdArray | None = None) -> None:
        """Consider rows ``[n, dim]``, of them only the ``allowed`` ones (ascending ids) where given."""
        rough = rows @ self.query
        wanted = np.arange(len(ids)) if allowed is None else np.flatnonzero(np.isin(ids, allowed))
        near = wanted[self.promising(rough[wanted])]
        ids = np.concatenate([self.ids, ids[near]])
        scores = np.concatenate([self.scores, _cosines(rows, near, self.query)])
        order = np.lexsort((ids, -scores))[: self.k]
        self.ids, self.scores = ids[order], scores[order]

    def promising(self, rough: FloatArray) -> NDArray[np.intp]:
        """Return the positions of those that may be among the best, by their products in single precision."""
        bar = self.scores[-1] if len(self.scores) == self.k else np.float32(-np.inf)
        if len(rough) > self.k:
            bar = max(bar, np.partition(rough, len(rough) - self.k)[len(rough) - self.k])
        return np.flatnonzero(rough >= bar - self._margin)


def _cosines(rows: FloatArray, positions: NDArray[np.intp], query: FloatArray) -> FloatArray:
    """Return the products of ``query`` and the rows at ``positions``, each row by itself in double precision.

    A matrix product sums a row differently depending on where in the matrix it stands, so equal vectors would get
    scores that differ in the last bit and swap places from one search to the next.
    """
    exact_query = query.astype(np.float64)
    scores = np.empty(len(positions), np.float32)
    for start in range(0, len(positions), _COSINE_CHUNK):
        part = slice(start, start + _COSINE_CHUNK)
        scores[part] = np.vecdot(rows[positions[part]].astype(np.float64), exact_query)
    return scores
