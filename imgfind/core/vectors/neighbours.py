"""Which vectors are so near each other that they may be of one scene. Pure arithmetic, no state shared."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from imgfind.core.records import FloatArray, IdArray

NEAR = 0.95
"""The cosine from which two pictures may show one scene. Of 100,000 vectors drawn like those of photos (see
benchmarks/bench_search.py) one in 40 has so near a neighbour by chance; at 0.9 each has 12, at 0.8 each has 560."""
MOST = 8
"""Neighbours of one vector, the nearest: a long burst hangs together by fewer pairs than all."""
_BLOCK = 256


def near_rows(ids: IdArray, rows: FloatArray, other_ids: IdArray, other_rows: FloatArray) -> Iterator[IdArray]:
    """Yield pairs of an id and another one whose rows are near, in chunks ``[p, 2]``."""
    for start in range(0, len(ids), _BLOCK):
        part = slice(start, start + _BLOCK)
        cosines = rows[part] @ other_rows.T
        asking, found = np.nonzero(cosines >= NEAR)
        yield nearest(ids[part][asking], other_ids[found], cosines[asking, found])


def nearest(asking: IdArray, found: IdArray, cosines: NDArray[np.floating]) -> IdArray:
    """Return as pairs ``[p, 2]`` what is near each that asks, without itself: the nearest ``MOST``."""
    right = np.flatnonzero((cosines >= NEAR) & (asking != found))
    order = right[np.lexsort((-cosines[right], asking[right]))]
    first = np.searchsorted(asking[order], asking[order], "left")
    order = order[np.arange(len(order)) - first < MOST]
    return np.stack([asking[order], found[order]], axis=1)
