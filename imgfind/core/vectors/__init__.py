"""Nearest neighbours among unit vectors: an exact product while that is fast, an HNSW graph beyond.

The vectors of the catalogue are the truth, reached through :class:`VectorSource`; the graph file is a cache of them
that may be deleted at any moment. ``index`` decides what is searched, ``ranking`` keeps the best, ``graph`` is the one
place that knows hnswlib, ``graph_file`` writes it safely, ``inspection`` looks at what was written. Nothing here knows
SQL or photos.
"""

from imgfind.core.vectors.graph import package_and_version
from imgfind.core.vectors.index import VectorIndex
from imgfind.core.vectors.inspection import GraphInspection
from imgfind.core.vectors.source import VectorSource

__all__ = ["GraphInspection", "VectorIndex", "VectorSource", "package_and_version"]
