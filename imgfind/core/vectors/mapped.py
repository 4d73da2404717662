"""The vectors in a graph file, read where they lie: for a process that searches once, loading the graph takes longer.

Measured at 100,000 vectors of 256 dimensions, file in memory: 25 ms of a core for mapping and comparing all, 160 for
loading the graph. Any thread; the file must not be changed in place while it is mapped, and is not: it is replaced.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from imgfind.core.records import FloatArray, IdArray
from imgfind.core.vectors.ranking import Best

_HEADER = np.dtype(
    [
        ("offset_level_0", "<u8"),
        ("max_elements", "<u8"),
        ("count", "<u8"),
        ("record_bytes", "<u8"),
        ("label_offset", "<u8"),
        ("row_offset", "<u8"),
        ("rest", "V48"),
    ]
)
"""What hnswlib 0.8 begins a file with (``HierarchicalNSW::saveIndex`` in hnswalg.h); then come ``count`` records of the
links of a node, its vector and its label."""

_CHUNK = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class MappedRows:
    """The vectors of a graph file and their ids; like a graph, but everything is compared."""

    ids: IdArray
    rows: FloatArray
    highest_id: int

    @classmethod
    def open(cls, file: Path, dim: int, count: int, highest_id: int) -> Self | None:
        """Map a file known to be whole, of hnswlib's own format and of that many vectors; None where it cannot be."""
        if os.name == "nt":  # a mapped file could not be replaced
            return None
        try:
            header = np.fromfile(file, _HEADER, 1)[0]
            row_offset, label_offset = int(header["row_offset"]), int(header["label_offset"])
            if (int(header["count"]), label_offset - row_offset) != (count, 4 * dim):
                return None
            record = np.dtype(
                {
                    "names": ["row", "label"],
                    "formats": [("<f4", (dim,)), "<u8"],
                    "offsets": [row_offset, label_offset],
                    "itemsize": int(header["record_bytes"]),
                }
            )
            records = np.memmap(file, record, "r", offset=_HEADER.itemsize, shape=(count,))
        except (OSError, ValueError, IndexError):
            return None
        return cls(records["label"].astype(np.int64), np.asarray(records["row"]), highest_id)

    @property
    def count(self) -> int:
        """Return how many there are."""
        return len(self.ids)

    def chunks(self) -> Iterator[tuple[IdArray, FloatArray]]:
        """Yield all of them, so many at once that products with a few hundred are small; in no order."""
        for start in range(0, self.count, _CHUNK):
            yield self.ids[start : start + _CHUNK], self.rows[start : start + _CHUNK]

    def search(self, best: Best) -> bool:
        """Offer all vectors to ``best``; always True."""
        best.offer(self.ids, self.rows)
        return True
