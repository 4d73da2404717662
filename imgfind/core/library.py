"""The library: opens the stores and offers every operation over them; a thin face without logic of its own.

A :class:`Library` belongs to the thread that made it; open another one, it is cheap, for another thread. Reading never
creates or changes anything; only :meth:`Library.index` writes.
"""

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from imgfind.core import config, decode, encode, indexing, lock, models, query, reading
from imgfind.core.errors import LibraryError, ModelError, UsageError
from imgfind.core.indexing import Indexer, IndexOptions, IndexSummary
from imgfind.core.job import Job
from imgfind.core.records import Encoder, FileProblem, Hit, ModelFiles, ModelId
from imgfind.core.scan import check_folder
from imgfind.core.searching import Searcher
from imgfind.core.store import CATALOGUE_FILE, Model, ModelVectors, PhotoDetails, Root, Store
from imgfind.core.thumbs import PREVIEWS_FILE, Previews
from imgfind.core.vectors import VectorIndex

VECTORS_FOLDER = "vectors"

OWN_NAMES = (CATALOGUE_FILE, PREVIEWS_FILE, VECTORS_FOLDER, lock.LOCK_FILE, lock.PID_FILE)
"""What the names in a library's folder begin with; SQLite keeps ``-wal`` and ``-shm`` files beside its own."""

ACTIVE_MODEL = "active_model"
"""The model that answers searches."""
TARGET_MODEL = "target_model"
"""The model that indexing works for; becomes the active one when every photo in reach has its vector."""

DEVICE = "device"
"""The device that encoded last: what ``auto`` came to."""

ENCODER_THREADS = 1
"""Threads torch may split one call over. Indexing runs several calls at once instead: with two threads each on 2 cores,
small pictures went at 157 img/s, with one thread each at 213. A single query is a matter of milliseconds either way."""

EncoderLoader = Callable[..., Encoder]
"""``(model, *, device, threads) -> Encoder``, as :func:`imgfind.core.encode.load_encoder`."""


@dataclass(frozen=True, slots=True)
class Status:
    """A library at a glance; ``target_model`` is another one than ``model`` while photos are encoded again."""

    folder: str
    photos: int
    offline: int
    contents: int
    problems: int
    roots: int
    model: str | None
    target_model: str | None
    device: str
    vectors: int
    size_bytes: int
    indexing_pid: int | None


class Library:
    """Photos that can be found: a folder with a catalogue, search graphs and previews."""

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, *, load_encoder: EncoderLoader = encode.load_encoder
    ) -> None:
        """Name a library, by default the user's own; nothing is opened or made before it is needed.

        Raises :class:`ImgfindError` where the configuration file is broken, :class:`UsageError` where ``folder`` can
        name nothing.
        """
        named = os.fspath(config.default_library() if folder is None else folder)
        if not named or "\0" in named:  # an empty name would make a library of the current folder
            raise UsageError(f"No library can be named '{named}'; name a folder with --library, or leave it out.")
        self.folder = Path(os.path.abspath(named))
        self._config = config.load_config()
        self._load_encoder = load_encoder
        self._opened: Store | None = None
        self._searcher: Searcher | None = None
        self._encoders: dict[tuple[str, str], Encoder] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened; the library can be used again afterwards."""
        if self._opened is not None:
            self._opened.close()
        self._opened = self._searcher = None

    def index(
        self, folders: Sequence[str] = (), options: IndexOptions | None = None, job: Job | None = None
    ) -> IndexSummary:
        """Index ``folders`` (all known ones where none is named) and return what was done.

        New folders become roots; a folder below a root updates that part. Makes the library where there is none.
        Raises :class:`Cancelled` when the job was, with every finished batch kept, and :class:`ImgfindError` where
        folder, model or library cannot be used, with the library as it was.
        """
        options, job = options or IndexOptions(), job or Job()
        if isinstance(folders, str):
            raise UsageError("Name the folders as a list.")
        known_roots, excludes, model_name = self._what_is_known()
        checked = indexing.check_folders(list(folders), known_roots, (*excludes, *options.excludes), job)
        if not checked and not known_roots:
            raise UsageError("There is nothing to index yet; name a folder: imgfind index FOLDER")
        model = models.find_model(options.model or model_name or models.STARTER)
        fingerprint = models.fingerprint(model)
        if options.device or model.name != model_name:
            # What was asked for now may not work: better known before anything is written than midway.
            self._encoder(model, fingerprint, options.device)
        self.close()
        self._check_new_folder()
        with lock.held(self.folder), contextlib.closing(Store.create(self.folder)) as store:
            model_id = store.add_model(
                model.name, fingerprint=fingerprint, encoder_version=decode.MODEL_INPUT_VERSION, dim=model.dim
            )
            store.set_setting(_files_setting(model_id), models.stamp(model))
            store.add_excludes(options.excludes)
            store.set_setting(TARGET_MODEL, str(model_id))
            if not self._can_be_searched(store):
                store.set_setting(ACTIVE_MODEL, str(model_id))
            with contextlib.closing(Previews(self.folder, readonly=False)) as previews:

                def load() -> Encoder:
                    encoder = self._encoder(model, fingerprint, options.device)
                    store.set_setting(DEVICE, encoder.device)
                    return encoder

                summary = Indexer(
                    store,
                    previews,
                    model,
                    model_id,
                    load,
                    options,
                    job,
                    threads=self._config.threads or config.usable_cores(),
                ).run(checked)
            self._vector_index(store, Model(model_id, model.name, fingerprint, model.dim)).refresh(job)
            if not store.lacks_vectors(model_id):
                store.set_setting(ACTIVE_MODEL, str(model_id))
        return summary

    def search(self, text: str, k: int = 20, folder: str | None = None) -> list[Hit]:
        """Return the ``k`` photos (below ``folder``) that answer a query best, best first.

        The language is described in :mod:`imgfind.core.query`; raises :class:`QueryError` where it is not followed.
        """
        parsed = query.parse(text)
        return self._ready(k).search(parsed, k, self._searched_folder(folder))

    def similar(self, picture: str | bytes, k: int = 20, folder: str | None = None) -> list[Hit]:
        """Return the ``k`` photos most like a picture: a path, or the bytes of an image file.

        The picture need not be in the library; where it is, that very file is left out.
        """
        return self._ready(k).similar(picture, k, self._searched_folder(folder))

    def show(self, path: str) -> PhotoDetails | FileProblem:
        """Return what is known of the photo at ``path``, or its problem. Raises :class:`LibraryError` for others."""
        store, absolute = self._store(), os.path.abspath(path)
        found = store.photo(absolute) or store.problem(absolute)
        if found is None:
            if path and os.path.isdir(absolute):
                raise LibraryError(f"'{path}' is a folder; name one of its photos.")
            raise LibraryError(f"'{path}' is not in the library; index its folder first, or check the spelling.")
        return found

    def preview(self, path: str) -> bytes | None:
        """Return a small JPEG of the photo at ``path``, or None where neither the cache nor the file gives one."""
        photo = self._store().photo(os.path.abspath(path))
        if photo is None:
            return None
        with contextlib.closing(Previews(self.folder, readonly=True)) as previews:
            cached = previews.get(photo.content_hash)
        return cached if cached is not None else reading.made_preview(photo.path)

    def problems(self) -> list[FileProblem]:
        """Return the files that could not be read, and why."""
        return self._store().problems()

    def roots(self) -> list[Root]:
        """Return the indexed folders."""
        return self._store().roots()

    def status(self) -> Status:
        """Return the library at a glance."""
        store = self._store()
        active, target = store.model(ACTIVE_MODEL), store.model(TARGET_MODEL)
        return Status(
            folder=str(self.folder),
            **store.counts(),
            model=active.name if active else None,
            target_model=target.name if target else None,
            device=store.setting(DEVICE) or self._config.device,
            vectors=ModelVectors(store.database, active.model_id, active.dim).count() if active else 0,
            size_bytes=_size_bytes(self.folder),
            indexing_pid=lock.holder(self.folder),
        )

    def _store(self) -> Store:
        if self._opened is None:
            self._opened = Store.open(self.folder, readonly=True)
        return self._opened

    def _what_is_known(self) -> tuple[list[str], list[str], str | None]:
        """Return roots, excludes and the name of the target model of a library that may not exist yet."""
        if not Store.exists(self.folder):
            return [], [], None
        if Store.is_outdated(self.folder):
            with lock.held(self.folder):
                Store.create(self.folder).close()
        store = self._store()
        target = store.model(TARGET_MODEL)
        return [root.path for root in store.roots()], store.excludes(), target.name if target else None

    def _can_be_searched(self, store: Store) -> bool:
        """Tell whether there is an active model with vectors; one whose first run never began is as good as none."""
        active = store.model(ACTIVE_MODEL)
        return active is not None and ModelVectors(store.database, active.model_id, active.dim).count() > 0

    def _searched_folder(self, folder: str | None) -> str | None:
        """Return ``folder`` absolute; one that is away may still be searched, one nobody knows is a mistake."""
        if folder is None:
            return None
        absolute = os.path.abspath(folder)
        return absolute if folder and self._store().has_photos_below(absolute) else check_folder(folder)

    def _ready(self, k: int) -> Searcher:
        if k < 1:
            raise UsageError("The number of results must be 1 or more.")
        active = self._store().model(ACTIVE_MODEL)
        if self._searcher is None or active is None or active.model_id != self._searcher.model_id:
            self._searcher = self._new_searcher()  # the first one, or an indexer has switched to another model
        return self._searcher

    def _new_searcher(self) -> Searcher:
        store = self._store()
        active = store.model(ACTIVE_MODEL)
        if active is None:
            raise LibraryError("The library is empty; fill it with: imgfind index FOLDER")
        model = models.find_model(active.name)
        # Hashing gigabytes for every search would take longer than searching.
        same_files = models.stamp(model) == store.setting(_files_setting(active.model_id))
        if not same_files and models.fingerprint(model) != active.fingerprint:
            raise ModelError(
                f"The model '{active.name}' on this disk is not the one the library was indexed with; run 'imgfind"
                " index' to index with the new one."
            )
        return Searcher(
            store,
            self._vector_index(store, active),
            model,
            active.model_id,
            lambda: self._encoder(model, active.fingerprint, None),
        )

    def _vector_index(self, store: Store, model: Model) -> VectorIndex:
        return VectorIndex(
            self.folder / VECTORS_FOLDER / f"{model.model_id}.hnsw",
            model.dim,
            ModelVectors(store.database, model.model_id, model.dim),
        )

    def _encoder(self, model: ModelFiles, fingerprint: str, device: str | None) -> Encoder:
        """Load an encoder once; several libraries of one process each have their own."""
        wanted = device or self._config.device
        if (fingerprint, wanted) not in self._encoders:
            self._encoders[fingerprint, wanted] = self._load_encoder(model, device=wanted, threads=ENCODER_THREADS)
        return self._encoders[fingerprint, wanted]

    def _check_new_folder(self) -> None:
        """Refuse to put a new library among other files: into a folder of photos, say."""
        if Store.exists(self.folder):
            return
        with contextlib.suppress(OSError):  # missing, or not to be listed: whoever makes the folder says so
            if any(not name.startswith((".", *OWN_NAMES)) for name in os.listdir(self.folder)):
                raise LibraryError(
                    f"{self.folder} holds other files and no library; name a new or an empty folder with --library."
                )


def _files_setting(model_id: ModelId) -> str:
    """Name the setting that keeps the sizes and times of the files a model was last fingerprinted from."""
    return f"files of model {model_id}"


def _size_bytes(folder: Path) -> int:
    """Add up the files in ``folder``; those that go meanwhile (SQLite's and the indexer's) count for nothing."""
    total = 0
    for entry in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += entry.stat().st_size if entry.is_file() else 0
    return total
