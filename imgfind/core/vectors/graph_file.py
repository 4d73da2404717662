"""The graph on disk: a data file and a manifest that says what it was made from.

Belongs to whoever holds the library: any process may read, only the indexer writes. No state but the two paths.
"""

import contextlib
import dataclasses
import json
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from blake3 import blake3

from imgfind.core.errors import LibraryError
from imgfind.core.vectors.graph import EF_CONSTRUCTION, Graph, M, package_and_version
from imgfind.core.vectors.mapped import MappedRows
from imgfind.core.vectors.source import HalfArray, VectorSource

log = logging.getLogger(__name__)

_FORMAT = 1
"""Of the manifest; to be raised when its meaning changes."""
_HEADER_BYTES = 4096
"""hnswlib's own header (96 bytes: sizes, offsets, entry point, M) and the first nodes: what makes loading safe."""
_SAMPLE_COUNT = 16
"""Vectors compared with the catalogue before loading, spread over all ids."""


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """What a graph file holds and how its bytes look; kept as JSON beside it.

    ``header`` and ``checksum`` are BLAKE3 of the first bytes and of the whole file. ``sample`` is BLAKE3 of the float16
    rows of ``sample_ids``: a catalogue made anew may have the same number of vectors under the same ids.
    """

    format: int
    package: str
    version: str
    dim: int
    m: int
    ef_construction: int
    count: int
    highest_id: int
    size_bytes: int
    header: str
    checksum: str
    sample_ids: list[int]
    sample: str

    @classmethod
    def parse(cls, text: str) -> "Manifest":
        """Read what :meth:`text` wrote. Raises ValueError or TypeError on anything else."""
        manifest = cls(**json.loads(text))
        np.asarray([manifest.count, manifest.highest_id, *manifest.sample_ids], dtype=np.int64)
        return manifest


class GraphFile:
    """The graph on disk and its manifest.

    The manifest is removed before the data changes and written after: at no moment stands one beside bytes it was not
    written for.
    """

    def __init__(self, file: Path, dim: int) -> None:
        self._file = file
        self._manifest = file.with_name(file.name + ".json")
        self._dim = dim

    def stamp(self) -> object:
        """Return a value that differs once the file was written anew; None where there is none."""
        try:
            status = os.stat(self._manifest)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def agreeing_manifest(self, source: VectorSource) -> Manifest | None:
        """Return the manifest where it agrees with the file, with ``source`` and with what we would write."""
        try:
            manifest = Manifest.parse(self._manifest.read_text("utf-8"))
            found = dataclasses.replace(
                manifest,
                **_made_by(self._dim),
                count=source.checkpoint(manifest.highest_id),
                size_bytes=self._file.stat().st_size,
                header=_header(self._file),
                sample=_digest(rows for _, rows in source.read_ids(np.asarray(manifest.sample_ids, np.int64))),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, OverflowError) as error:
            log.info("the search index %s cannot be read (%s)", self._file, error)
            return None
        if found != manifest:
            log.info("the search index %s does not agree with the catalogue or with this program", self._file)
            return None
        return manifest

    def load(self, manifest: Manifest) -> Graph | None:
        """Load the graph that ``manifest`` describes; None where hnswlib is missing or refuses it."""
        return Graph.load(self._file, self._dim, manifest.count, manifest.highest_id)

    def map_agreeing(self, source: VectorSource, stamp: object) -> MappedRows | None:
        """Map the vectors of the file if its manifest agrees and is the one of ``stamp``, before and after."""
        manifest = self.agreeing_manifest(source)
        if manifest is None or manifest.package != "hnswlib":  # chroma's fork has a format of its own
            return None
        mapped = MappedRows.open(self._file, self._dim, manifest.count, manifest.highest_id)
        return mapped if self.stamp() == stamp else None

    def load_agreeing(self, source: VectorSource, stamp: object) -> Graph | None:
        """Load the graph if its manifest agrees and is the one of ``stamp``, before and after."""
        manifest = self.agreeing_manifest(source)
        graph = self.load(manifest) if manifest is not None else None
        # The indexer may have replaced the file while it was being read; the next search sees the new stamp.
        return graph if self.stamp() == stamp else None

    def is_intact(self, manifest: Manifest) -> bool:
        """Tell whether every byte of the file is as it was written."""
        try:
            return _checksum(self._file) == manifest.checksum
        except OSError:
            return False

    def save(self, graph: Graph) -> None:
        """Write ``graph`` beside the file and swap. Raises :class:`LibraryError`."""
        data, manifest = self._leftovers()
        with self._errors():
            self._file.parent.mkdir(parents=True, exist_ok=True)
            graph.save(data)
            _sync(data)
            manifest.write_text(self._manifest_text(graph, data), "utf-8")
            _sync(manifest)
            self._manifest.unlink(missing_ok=True)
            _sync_folder(self._file.parent)
            os.replace(data, self._file)
            _sync_folder(self._file.parent)
            os.replace(manifest, self._manifest)
            _sync_folder(self._file.parent)

    def remove(self) -> None:
        """Remove the graph, manifest first. Raises :class:`LibraryError`."""
        with self._errors():
            self._manifest.unlink(missing_ok=True)
            self._file.unlink(missing_ok=True)

    def remove_leftovers(self) -> None:
        """Remove what an interrupted save left. Raises :class:`LibraryError`."""
        with self._errors():
            for file in self._leftovers():
                file.unlink(missing_ok=True)

    def _leftovers(self) -> tuple[Path, Path]:
        return self._file.with_name(self._file.name + ".new"), self._manifest.with_name(self._manifest.name + ".new")

    def _manifest_text(self, graph: Graph, data: Path) -> str:
        ids = graph.ids()
        sample_ids = np.unique(ids[np.linspace(0, len(ids) - 1, _SAMPLE_COUNT).astype(np.intp)])
        manifest = Manifest(
            **_made_by(self._dim),
            count=graph.count,
            highest_id=graph.highest_id,
            size_bytes=data.stat().st_size,
            header=_header(data),
            checksum=_checksum(data),
            sample_ids=sample_ids.tolist(),
            sample=_digest([graph.rows(sample_ids).astype(np.float16)]),
        )
        return json.dumps(dataclasses.asdict(manifest), indent=1)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LibraryError(
                f"Cannot write the search index {self._file} ({error.strerror or error}); free some space or check the"
                " folder's permissions, then index again (until then searching works, but slowly)."
            ) from error


def _made_by(dim: int) -> dict[str, Any]:
    """Return the part of a manifest that says which program made the file, and how."""
    package, version = package_and_version()
    return {
        "format": _FORMAT,
        "package": package,
        "version": version,
        "dim": dim,
        "m": M,
        "ef_construction": EF_CONSTRUCTION,
    }


def _header(file: Path) -> str:
    with open(file, "rb") as stream:
        return blake3(stream.read(_HEADER_BYTES)).hexdigest()


def _checksum(file: Path) -> str:
    return blake3(max_threads=blake3.AUTO).update_mmap(file).hexdigest()


def _digest(chunks: Iterable[HalfArray]) -> str:
    return blake3(b"".join(rows.tobytes() for rows in chunks)).hexdigest()


def _sync(file: Path) -> None:
    with open(file, "r+b") as stream:
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """Make removals and renames in ``folder`` last; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
