"""Looks at a search graph on disk without using it: for those who take care of a library, and for those who ask.

Reads only. Any thread its source may be read from.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imgfind.core.vectors.graph import Graph, load_hnswlib
from imgfind.core.vectors.graph_file import GraphFile
from imgfind.core.vectors.index import EXACT_BELOW
from imgfind.core.vectors.ranking import Best
from imgfind.core.vectors.source import VectorSource

_SAMPLE = 20
"""Searches that are compared with exact ones."""
_SAMPLE_K = 10
_LEAST_RECALL = 0.8
"""Of a sound graph it is 0.9997 and more for vectors that it holds (see ``EF``)."""


@dataclass(frozen=True, slots=True)
class GraphInspection:
    """One model's graph file beside the vectors it should hold."""

    file: Path
    dim: int
    source: VectorSource

    def exists(self) -> bool:
        """Tell whether there is a graph, or a part of one."""
        return self.file.exists() or self.file.with_name(self.file.name + ".json").exists()

    def manifest_findings(self) -> list[str]:
        """Look whether manifest, file size, header and a sample of the vectors agree."""
        agrees = GraphFile(self.file, self.dim).agreeing_manifest(self.source) is not None
        return [] if agrees else [f"the manifest of {self.file.name} does not agree with the file or the catalogue"]

    def byte_findings(self) -> list[str]:
        """Look at every byte of a graph whose manifest agrees."""
        graph_file = GraphFile(self.file, self.dim)
        manifest = graph_file.agreeing_manifest(self.source)
        intact = manifest is not None and graph_file.is_intact(manifest)
        return [] if intact else [f"{self.file.name} is not as it was written"]

    def answer_findings(self) -> list[str]:
        """Compare a whole graph with the catalogue: the vectors it holds, and what a sample of searches finds."""
        if load_hnswlib() is None:
            return []
        graph_file = GraphFile(self.file, self.dim)
        manifest = graph_file.agreeing_manifest(self.source)
        graph = None if manifest is None else graph_file.load(manifest)
        if graph is None:
            return [f"{self.file.name} cannot be loaded"]
        found = self._row_findings(graph)
        return found or self._search_findings(graph)

    def _row_findings(self, graph: Graph) -> list[str]:
        ids, seen, wrong = graph.ids(), 0, 0
        for part, rows in self.source.read():
            held = np.isin(part, ids)
            seen += int(held.sum())
            if held.any():
                wrong += int((graph.rows(part[held]) != rows[held].astype(np.float32)).any(axis=1).sum())
        found = [f"{len(ids) - seen:,} vectors in {self.file.name} are not in the catalogue"] if seen < len(ids) else []
        return found + ([f"{wrong:,} vectors in {self.file.name} are not those of the catalogue"] if wrong else [])

    def _search_findings(self, graph: Graph) -> list[str]:
        ids = graph.ids()
        sample = np.unique(ids[np.linspace(0, len(ids) - 1, _SAMPLE).astype(np.intp)])
        queries = graph.rows(sample)
        exact = [Best(query, _SAMPLE_K) for query in queries]
        for part, rows in self.source.read():
            held = np.isin(part, ids)
            for best in exact:
                best.offer(part[held], rows[held].astype(np.float32))
        asked = found = 0
        for best in exact:
            through_graph = Best(best.query, _SAMPLE_K)
            if graph.search(through_graph):  # it does not take part where the vectors are few
                asked += len(best.ids)
                found += int(np.isin(best.ids, through_graph.ids).sum())
        if asked and found < _LEAST_RECALL * asked:
            return [f"{self.file.name} finds {found} of {asked} nearest neighbours"]
        return []

    def decision(self) -> str:
        """Say whether searches go through the graph, and why."""
        total = self.source.count()
        if not self.exists():
            few = total < EXACT_BELOW
            why = f"a graph is built from {EXACT_BELOW:,} on" if few else "the graph comes with the next index run"
            return f"exact ({total:,} vectors; {why})"
        manifest = GraphFile(self.file, self.dim).agreeing_manifest(self.source)
        if load_hnswlib() is None:
            return f"exact ({total:,} vectors; hnswlib is not installed)"
        if manifest is None:
            return f"exact ({total:,} vectors; the graph does not agree with the catalogue)"
        newer = total - manifest.count
        return f"graph ({manifest.count:,} vectors" + (f"; {newer:,} newer ones exactly)" if newer else ")")
