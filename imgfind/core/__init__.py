"""The public Python API of imgfind: index folders and search them, without a window.

    from imgfind.core import Library

    with Library("my-library") as library:
        library.index(["/photos"])
        for hit in library.search("a dog on the beach", k=5):
            print(f"{hit.score:.3f} {hit.path}")

Importing it is cheap: torch is loaded when the first picture or text has to be encoded.
"""

from imgfind.core.care.status import Status
from imgfind.core.errors import ImgfindError, LibraryBusyError, LibraryError, ModelError, QueryError, UsageError
from imgfind.core.indexing import IndexOptions, IndexSummary
from imgfind.core.job import Cancelled, Job, Progress
from imgfind.core.library import Library
from imgfind.core.records import Facts, FileProblem, Hit

__all__ = [
    "Cancelled",
    "Facts",
    "FileProblem",
    "Hit",
    "ImgfindError",
    "IndexOptions",
    "IndexSummary",
    "Job",
    "Library",
    "LibraryBusyError",
    "LibraryError",
    "ModelError",
    "Progress",
    "QueryError",
    "Status",
    "UsageError",
]
