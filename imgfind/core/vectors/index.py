"""Decides what is searched, and brings the graph up to date.

Searched are one or two of: *the graph* (ids up to the highest it holds), or for the first search of a process *the
mapped rows* of its file; *held rows* (a float32 matrix of the ids above the graph, or of all where there is no graph)
and *a stream* (rows read from the source chunk by chunk, where they are too many to hold). Graph and full matrix are
never in memory together. Every score is computed again in double precision from the stored rows, so the same vector
gets the same score, bit for bit, whichever way it was found.

A :class:`VectorIndex` may be searched from any thread that its source may be read from; one lock lets one search in at
a time. :meth:`VectorIndex.refresh` belongs to the indexer (one per library) and blocks no search.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

import numpy as np

from imgfind.core.job import Job
from imgfind.core.records import FloatArray, IdArray
from imgfind.core.vectors import neighbours
from imgfind.core.vectors.graph import Graph
from imgfind.core.vectors.graph_file import GraphFile
from imgfind.core.vectors.mapped import MappedRows
from imgfind.core.vectors.ranking import Best
from imgfind.core.vectors.source import VectorSource

log = logging.getLogger(__name__)

EXACT_BELOW = 50_000
"""From this number on a graph is built. Measured with benchmarks/bench_search.py (256 dimensions, two cores):

| | exact, 50,000 | graph, 50,000 | exact, 100,000 | graph, 100,000 |
| one search more, ms | 3.1 | 2.4 | 5.8 | 2.4 |
| new process, first search, s | 0.11 | 0.10 | 0.22 | 0.17 |
| memory, MB | 91 | 77 | 166 | 146 |

Below, the graph wins nothing that could be felt, and exact search misses nothing and needs no building.
"""
_FEW_ASKING = 200
"""Up to so many are compared with all before the graph is loaded and has answered: 100 among 100,000 take 0.15 to
0.18 s of a core against 0.28 to 0.55, 200 take 0.25 against 0.24 to 0.31."""
_TAIL_SHARE = 16
"""The file is written again once more than ``exact_below / _TAIL_SHARE`` vectors (3,125: 0.2 ms a search) are newer: a
few new photos must not cost rewriting hundreds of megabytes."""


class VectorIndex:
    """Nearest-neighbour search over the vectors of one model."""

    def __init__(self, file: Path, dim: int, source: VectorSource, *, exact_below: int = EXACT_BELOW) -> None:
        """Take the place of the graph file (which need not exist) and the vectors; reads nothing yet."""
        self._file = GraphFile(file, dim)
        self._dim = dim
        self._source = source
        self._exact_below = exact_below
        self._lock = Lock()
        self._revision: object = None
        self._stamp: object = None
        self._graph: Graph | MappedRows | None = None
        self._graph_is_due = False
        """Mapped so far, and another search is likely."""
        self._holds_rows = False
        self._ids: IdArray = np.empty(0, np.int64)
        self._rows: FloatArray = np.empty((0, dim), np.float32)

    def nearest(self, query: FloatArray, k: int, allowed: IdArray | None = None) -> tuple[IdArray, FloatArray]:
        """Return ids and scores of the ``k`` vectors nearest to the unit vector ``query``, best first.

        Scores are cosines (float32), equal ones in the order of their ids. Fewer come back where fewer exist. With
        ``allowed`` (ascending ids) only those are searched, always exactly. Among many thousands a true neighbour may
        be missed now and then (see ``EF``). Ids removed from the source are left out from its next revision on.
        """
        best = Best(np.ascontiguousarray(query, np.float32), k)
        with self._lock:
            if allowed is None:
                self._search_all(best)
            else:
                self._search_allowed(best, allowed)
        return best.ids, best.scores

    def near_pairs(self, asking: IdArray | None = None) -> IdArray:
        """Return pairs of ids ``[p, 2]`` whose vectors are near enough for one scene, each once, the lower id first.

        With ``asking`` (ascending ids) only pairs with one of them. Among many thousands one may be missed now and
        then.
        """
        found = [np.empty((0, 2), np.int64)]
        with self._lock:
            self._catch_up(may_map=asking is not None and len(asking) <= _FEW_ASKING)
            graph = None if isinstance(self._graph, MappedRows) else self._graph
            for ids, halves in self._source.read() if asking is None else self._source.read_ids(asking):
                rows = halves.astype(np.float32)
                answered = [] if graph is None else graph.near(ids, rows)
                for other_ids, other_rows in self._others(all_rows=answered is None):
                    # Of all pairs each is found where the higher id asks.
                    end = None if asking is not None else int(np.searchsorted(other_ids, ids[-1]))
                    found += neighbours.near_rows(ids, rows, other_ids[:end], other_rows[:end])
                found += answered or []
        return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)

    def _others(self, *, all_rows: bool) -> Iterator[tuple[IdArray, FloatArray]]:
        """Yield the vectors the graph does not answer for, or all."""
        if isinstance(self._graph, MappedRows) and not all_rows:
            yield from self._graph.chunks()
        if self._holds_rows and not all_rows:
            yield self._ids, self._rows
        else:
            for ids, halves in self._source.read(0 if all_rows else self._floor):
                yield ids, halves.astype(np.float32)

    def refresh(self, job: Job) -> None:
        """Bring the graph file up to date with the source; what the indexer calls once at the end of a run.

        Writes nothing while the vectors are few or hardly more than the file holds; adds to a file that agrees with the
        source, else builds a new one beside it. Raises :class:`Cancelled` (the old file stays) and
        :class:`LibraryError` where the file cannot be written. Searches go on meanwhile.
        """
        self._file.remove_leftovers()
        total = self._source.count()
        if total < self._exact_below:
            self._file.remove()
            return
        manifest = self._file.agreeing_manifest(self._source)
        if manifest is not None and total - manifest.count <= self._exact_below // _TAIL_SHARE:
            return
        graph = None
        if manifest is not None and self._file.is_intact(manifest):
            graph = self._file.load(manifest)
        if graph is None:
            graph = Graph.empty(self._dim, total)
        if graph is not None:
            self._file.save(graph.grown(self._source, total, job))

    def _catch_up(self, *, may_map: bool = False) -> None:
        """Take notice of a new graph file and of vectors that came or went.

        A new file is only mapped at first if it ``may_map``; the graph is loaded when it is asked again.
        """
        revision, stamp = self._source.revision(), self._file.stamp()
        if stamp != self._stamp or self._graph_is_due:
            is_first = stamp != self._stamp and may_map
            self._forget()
            mapped = self._file.map_agreeing(self._source, stamp) if is_first else None
            self._graph = mapped or self._file.load_agreeing(self._source, stamp)
            self._graph_is_due = mapped is not None
            self._stamp = stamp
        elif revision == self._revision:
            return
        total = self._source.count()
        if self._graph is not None and self._source.checkpoint(self._graph.highest_id) != self._graph.count:
            log.info("vectors were removed: searching without the graph until the next index run")
            self._forget()
        newer = total - (self._graph.count if self._graph is not None else 0)
        self._holds_rows = newer < self._exact_below
        if self._holds_rows:
            self._hold(newer)
        else:
            self._drop_rows()
        # Taken before the counts: what changes in between is noticed by the next search.
        self._revision = revision

    def _forget(self) -> None:
        self._graph = None
        self._drop_rows()
        self._revision = None

    def _drop_rows(self) -> None:
        self._ids, self._rows = np.empty(0, np.int64), np.empty((0, self._dim), np.float32)

    @property
    def _floor(self) -> int:
        """The highest id the graph answers for."""
        return self._graph.highest_id if self._graph is not None else 0

    def _hold(self, count: int) -> None:
        """Hold the ``count`` rows above the graph; only what is new is read, all where some were removed."""
        self._append(int(self._ids[-1]) if len(self._ids) else self._floor)
        if len(self._ids) != count:
            self._drop_rows()
            self._append(self._floor)

    def _append(self, after: int) -> None:
        chunks = list(self._source.read(after))
        if chunks:
            self._ids = np.concatenate([self._ids, *(ids for ids, _ in chunks)])
            self._rows = np.concatenate([self._rows, *(rows for _, rows in chunks)], dtype=np.float32)

    def _search_all(self, best: Best) -> None:
        self._catch_up(may_map=True)
        if self._graph is not None and not self._graph.search(best):
            best.offer_chunks(self._source.read())
        elif self._holds_rows:
            best.offer(self._ids, self._rows)
        else:
            best.offer_chunks(self._source.read(self._floor))

    def _search_allowed(self, best: Best, allowed: IdArray) -> None:
        # A library with a graph is a large one: the rows a filter leaves are read sooner than the graph is loaded.
        if self._file.stamp() is None:
            self._catch_up()
            if self._graph is None and self._holds_rows:
                best.offer(self._ids, self._rows, allowed)
                return
        best.offer_chunks(self._source.read_ids(allowed))
