"""Searches among vectors by one library, in a process of its own, and prints what it took as JSON.

    python benchmarks/peer_vectors.py {numpy,faiss,usearch,imgfind} {build,search} FOLDER SETTINGS

``FOLDER`` holds ``vectors.npy`` (unit rows), ``queries.npy`` and a catalogue of the same vectors for imgfind; what is
built goes there too. ``SETTINGS`` is JSON: ``m``, ``ef_construction``, ``ef``, and ``model_id`` and ``graph`` (a file)
of the catalogue. Nothing is imported that the library at hand does not need.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from process_memory import memory_bytes

HITS = 10
Nearest = Callable[[Any], Any]
"""From one query to the numbers (from 0) of the nearest vectors."""


def main() -> None:
    """Build, or load and ask all queries."""
    name, step, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    way = WAYS[name](folder, json.loads(sys.argv[4]))
    if step == "build":
        started, core_s = time.perf_counter(), time.process_time()
        way.build()
        print(json.dumps({"s": time.perf_counter() - started, "core_s": time.process_time() - core_s}))
        return
    queries = np.load(folder / "queries.npy")
    before = memory_bytes()
    started = time.perf_counter()
    nearest = way.load()
    found = [nearest(queries[0])]
    load_s = time.perf_counter() - started
    times = []
    found.clear()
    for query in queries:
        started = time.perf_counter()
        ids = nearest(query)
        times.append(time.perf_counter() - started)
        found.append([int(number) for number in ids])
    grown = memory_bytes() - before
    print(json.dumps({"load_s": load_s, "ms": [1000 * s for s in times], "grown_bytes": grown, "found": found}))


class Numpy:
    """Every product, then the best of them."""

    def __init__(self, folder: Path, _settings: dict[str, Any]) -> None:
        self._rows = folder / "vectors.npy"

    def build(self) -> None:
        """Do nothing: the vectors themselves are searched."""

    def load(self) -> Nearest:
        """Return the search over the vectors in memory."""
        rows = np.load(self._rows)

        def nearest(query: Any) -> Any:
            scores = rows @ query
            best = np.argpartition(-scores, HITS)[:HITS]
            return best[np.argsort(-scores[best])]

        return nearest


class Faiss:
    """The HNSW of faiss."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        import faiss  # noqa: PLC0415 - the others are not there, or take time

        self._faiss: Any = faiss
        self._rows = folder / "vectors.npy"
        self._settings = settings
        self._file = folder / "graph.faiss"

    def build(self) -> None:
        """Add all, and write the file."""
        rows = np.load(self._rows)
        index = self._faiss.IndexHNSWFlat(rows.shape[1], self._settings["m"], self._faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = self._settings["ef_construction"]
        index.add(rows)
        self._faiss.write_index(index, str(self._file))

    def load(self) -> Nearest:
        """Return the search over the file."""
        index = self._faiss.read_index(str(self._file))
        index.hnsw.efSearch = self._settings["ef"]
        return lambda query: index.search(query[np.newaxis], HITS)[1][0]


class Usearch:
    """The HNSW of usearch."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self._rows = folder / "vectors.npy"
        self._settings = settings
        self._file = folder / "graph.usearch"

    def build(self) -> None:
        """Add all, and write the file."""
        rows = np.load(self._rows)
        index = self._index(rows.shape[1])
        index.add(np.arange(len(rows)), rows)
        index.save(str(self._file))

    def load(self) -> Nearest:
        """Return the search over the file."""
        index = self._index(np.load(self._rows, mmap_mode="r").shape[1])
        index.load(str(self._file))
        return lambda query: index.search(query, HITS).keys

    def _index(self, dim: int) -> Any:
        from usearch.index import Index  # noqa: PLC0415 - as above

        return Index(
            ndim=dim,
            metric="ip",
            dtype="f32",
            connectivity=self._settings["m"],
            expansion_add=self._settings["ef_construction"],
            expansion_search=self._settings["ef"],
        )


class Imgfind:
    """The index of a library, which reads the vectors from its catalogue; its settings are those of all."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        from imgfind.core.database import Database  # noqa: PLC0415
        from imgfind.core.store import CATALOGUE_FILE, ModelVectors  # noqa: PLC0415
        from imgfind.core.vectors import VectorIndex  # noqa: PLC0415

        dim = np.load(folder / "vectors.npy", mmap_mode="r").shape[1]
        source = ModelVectors(Database(folder / CATALOGUE_FILE, readonly=True), settings["model_id"], dim)
        self._index = VectorIndex(Path(settings["graph"]), dim, source, exact_below=1)

    def build(self) -> None:
        """Build the graph from the catalogue, and write the file."""
        from imgfind.core.job import Job  # noqa: PLC0415

        self._index.refresh(Job())

    def load(self) -> Nearest:
        """Return the search; the first one loads the file."""
        return lambda query: self._index.nearest(query, HITS)[0] - 1


WAYS: dict[str, Any] = {"numpy": Numpy, "faiss": Faiss, "usearch": Usearch, "imgfind": Imgfind}


if __name__ == "__main__":
    main()
