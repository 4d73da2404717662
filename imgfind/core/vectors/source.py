"""Where the vectors come from. Types only."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imgfind.core.records import IdArray

HalfArray = NDArray[np.float16]


class VectorSource(Protocol):
    """The truth the index is a cache of: the vectors of one model, unit rows of one length.

    Ids ascend in the order of insertion and are never used again; rows may be removed, never changed.
    """

    def revision(self) -> object:
        """Return a value that differs once vectors may have come or gone; asked at every search, so it is quick."""

    def count(self) -> int:
        """Count the vectors."""

    def checkpoint(self, up_to: int) -> int:
        """Count the vectors with an id of at most ``up_to``."""

    def read(self, after: int = 0) -> Iterator[tuple[IdArray, HalfArray]]:
        """Yield the vectors with ids above ``after``, ascending, in chunks."""

    def read_ids(self, ids: IdArray) -> Iterator[tuple[IdArray, HalfArray]]:
        """Yield those of the given vectors that exist, ascending, in chunks."""
