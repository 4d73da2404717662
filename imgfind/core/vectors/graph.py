"""The HNSW graph in memory: the one place that knows hnswlib.

hnswlib does not check the dimension of what it loads, forgets ``ef``, answers with an error where it reaches fewer
nodes than asked for, and must not be searched while it is added to; what is built here is never the graph being
searched. A :class:`Graph` may be used by one thread at a time.
"""

import contextlib
import errno
import functools
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from imgfind.core.config import usable_cores
from imgfind.core.job import Job, Progress
from imgfind.core.records import FloatArray, IdArray
from imgfind.core.vectors import neighbours
from imgfind.core.vectors.ranking import Best
from imgfind.core.vectors.source import VectorSource

log = logging.getLogger(__name__)

# Measured with benchmarks/bench_search.py: 256 dimensions, two cores of a server, vectors drawn like those of photos.
M = 32
EF_CONSTRUCTION = 200
"""Building takes 10 s for 50,000 vectors and 15 to 59 s (machine idle or shared) for 100,000: a file of 130 MB."""
EF = 400
EF_PER_HIT = 2
"""The search looks at EF + EF_PER_HIT * k candidates.

Sentences lie further from all pictures than pictures do and are harder to find neighbours for. At 100,000 vectors:

| recall, sentences (pictures: 0.9996 or better) | k=10 | k=100 | k=1000 | k=10 takes |
| EF = 100 | 0.961 | 0.977 | 0.995 | 0.39 ms |
| EF = 200 | 0.981 | 0.984 | 0.995 | 0.51 ms |
| EF = 400 | 0.999 | 0.993 | 0.997 | 0.87 ms |
| EF = 800 | 1.000 | 0.999 | 0.998 | 1.31 ms |
"""
EF_NEAR = 32
"""Very near vectors are easy to find: of 1,000 copies among 100,000 vectors all, with all other near pairs in 6.5 s."""
_WIDE = 40
"""Asked for more than one in so many, the graph loses: the best 1,000 take it 48 to 64 ms, a stream of the rows 74 ms
at 50,000 vectors and 146 ms at 100,000."""
_ROWS_AT_ONCE = 64
"""hnswlib makes Python's numbers of the vectors it hands out: 256 dimensions of so many take 0.8 ms, in which no other
thread runs, a window's neither. 1,200 at once stopped everything for 14 ms."""
_BUILD_CHUNK = 256
"""Vectors added between two looks at the wish to cancel: less than 0.2 s."""


@dataclass(frozen=True, slots=True)
class Graph:
    """An hnswlib index of ``count`` vectors, labelled with their ids, up to ``highest_id``."""

    index: Any
    count: int
    highest_id: int

    @classmethod
    def load(cls, file: Path, dim: int, count: int, highest_id: int) -> Self | None:
        """Load a graph known to be whole and of that many vectors; None where hnswlib is missing or refuses it."""
        hnswlib = load_hnswlib()
        if hnswlib is None:
            return None
        index = hnswlib.Index(space="ip", dim=dim)
        try:
            index.load_index(os.fsencode(file))
        except RuntimeError as error:
            log.info("the search index %s cannot be loaded (%s)", file, error)
            return None
        return cls(index, count, highest_id)

    @classmethod
    def empty(cls, dim: int, capacity: int) -> Self | None:
        """Make a graph with no vectors yet; None where hnswlib is missing."""
        hnswlib = load_hnswlib()
        if hnswlib is None:
            return None
        index = hnswlib.Index(space="ip", dim=dim)
        index.init_index(max_elements=capacity, M=M, ef_construction=EF_CONSTRUCTION)
        return cls(index, 0, 0)

    def grown(self, source: VectorSource, expected: int, job: Job) -> "Graph":
        """Add the vectors above ``highest_id`` and return the graph, which takes over the index of this one.

        ``expected`` is how many it should hold at the end. Raises :class:`Cancelled`; then neither may be used.
        """
        done, highest_id = self.count, self.highest_id
        for ids, rows in source.read(self.highest_id):
            if done + len(ids) > self.index.get_max_elements():
                self.index.resize_index(max(expected, done + len(ids)))
            for start in range(0, len(ids), _BUILD_CHUNK):
                part = slice(start, start + _BUILD_CHUNK)
                job.report(Progress("building the search index", done, max(expected, done)))
                self.index.add_items(rows[part].astype(np.float32), ids[part], num_threads=usable_cores())
                done += len(ids[part])
            highest_id = int(ids[-1])
        return Graph(self.index, done, highest_id)

    def search(self, best: Best) -> bool:
        """Offer the nearest vectors to ``best``; False where the graph is not the way to find that many."""
        if best.k * _WIDE > self.count:
            return False
        candidates = min(EF + EF_PER_HIT * best.k, self.count)
        self.index.set_ef(candidates)
        try:
            labels, distances = self.index.knn_query(best.query, k=candidates)
        except RuntimeError:  # its way of saying that it reached fewer nodes than that
            return False
        promising = labels[0][best.promising(1 - distances[0])]
        best.offer(promising.astype(np.int64), self.rows(promising))
        return True

    def near(self, ids: IdArray, rows: FloatArray) -> list[IdArray] | None:
        """Return pairs of one of ``ids`` and the id of a near vector, ``[p, 2]`` each; None where it cannot say."""
        wanted = min(neighbours.MOST + 1, self.count)  # most are found themselves
        self.index.set_ef(max(EF_NEAR, wanted))
        found = []
        for start in range(0, len(ids), _BUILD_CHUNK):
            part = slice(start, start + _BUILD_CHUNK)
            try:
                labels, distances = self.index.knn_query(rows[part], k=wanted, num_threads=usable_cores())
            except RuntimeError:  # as in search
                return None
            asking = np.repeat(ids[part], wanted)
            found.append(neighbours.nearest(asking, labels.ravel().astype(np.int64), 1 - distances.ravel()))
        return found

    def ids(self) -> IdArray:
        """Return the ids it holds, ascending."""
        return np.sort(np.asarray(self.index.get_ids_list(), np.int64))

    def rows(self, ids: NDArray[np.integer]) -> FloatArray:
        """Return the vectors of ids it holds, as they were added."""
        # hnswlib < 0.8 and chroma-hnswlib give lists.
        parts = [self.index.get_items(ids[at : at + _ROWS_AT_ONCE]) for at in range(0, len(ids), _ROWS_AT_ONCE)]
        return np.concatenate([np.asarray(part, np.float32) for part in parts])

    def save(self, file: Path) -> None:
        """Write the index to ``file``. Raises OSError."""
        self.index.save_index(os.fsencode(file))
        # hnswlib does not look whether its writes succeed.
        if not file.exists() or file.stat().st_size != self.index.index_file_size():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@functools.cache
def load_hnswlib() -> ModuleType | None:
    """Import hnswlib; None, said once in the log, where it is missing (it is source only, and needs a compiler)."""
    try:
        import hnswlib  # may be missing; small libraries never need it
    except ImportError as error:
        log.info("searching without a graph: %s", error)
        return None
    module: ModuleType = hnswlib
    return module


def package_and_version() -> tuple[str, str]:
    """Return which of the two packages that are imported as hnswlib is installed; their file formats differ."""
    import importlib.metadata as installed  # noqa: PLC0415 (30 ms that only libraries with a graph should pay)

    for name in ("hnswlib", "chroma-hnswlib"):
        with contextlib.suppress(installed.PackageNotFoundError):
            return name, installed.version(name)
    return "unknown", "unknown"
