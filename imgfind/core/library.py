"""The library: opens the stores and offers every operation over them; a thin face without logic of its own.

A :class:`Library` belongs to the thread that made it; open another one, it is cheap, for another thread. Reading never
creates or changes anything; what writes says so and holds the lock of the indexer, but for marks and the trash.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from imgfind.core import (
    config,
    decode,
    encode,
    indexing,
    models,
    pairs,
    paths,
    query,
    reading,
    roots,
    searching,
    spelling,
    switching,
    watching,
)
from imgfind.core.access import Access
from imgfind.core.browsing import Browsing
from imgfind.core.care import Care, backups, status
from imgfind.core.care.backups import RESTORED
from imgfind.core.care.diagnosis import VECTORS_FOLDER
from imgfind.core.care.pruning import size_bytes
from imgfind.core.care.status import DEVICE, Status
from imgfind.core.deduplicating import Deduplicating
from imgfind.core.errors import LibraryError, ModelError, UsageError
from imgfind.core.indexing import Indexer, IndexOptions, IndexSummary
from imgfind.core.job import Cancelled, Job
from imgfind.core.pairs import Pair
from imgfind.core.presets import STARTER
from imgfind.core.query import Query
from imgfind.core.records import Encoder, FileProblem, Hit, Listing, ModelFiles, PhotoId
from imgfind.core.removing import Removing
from imgfind.core.runtimes import EncoderLoader, Encoders, Precision
from imgfind.core.scan import check_folder
from imgfind.core.searching import Searcher, TermScore
from imgfind.core.store import Model, ModelVectors, PhotoDetails, Root, Store
from imgfind.core.store.listing import EMPTY
from imgfind.core.switching import ACTIVE_MODEL, TARGET_MODEL, ModelUse, Removal
from imgfind.core.thumbs import Previews
from imgfind.core.vectors import VectorIndex


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
        self._encoders = Encoders(load_encoder)
        self._access = Access(self.folder)
        self._searcher: Searcher | None = None
        self._restored: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened; the library can be used again afterwards."""
        self._access.close()
        self._searcher = None

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
        if known_roots:
            roots.check_moved(self._store(), folders)
        checked = indexing.check_folders(list(folders), known_roots, (*excludes, *options.excludes), job)
        if not checked and not known_roots:
            raise UsageError("There is nothing to index yet; name a folder: imgfind index FOLDER")
        model = models.find_model(options.model or model_name or STARTER)
        target = self._store().model(TARGET_MODEL) if model_name else None
        fingerprint = switching.fingerprint(self._store(), target, model) if target else models.fingerprint(model)
        if options.device or model.name != model_name:
            # What was asked for now may not work: better known before anything is written than midway.
            self._encoder(model, fingerprint, options.device)
        self.close()
        with self._access.making() as (store, was_killed):
            model_id = switching.aim_at(
                store, model, fingerprint=fingerprint, encoder_version=decode.MODEL_INPUT_VERSION
            )
            store.add_excludes(options.excludes)
            with (
                contextlib.closing(Previews(self.folder, readonly=False)) as previews,
                contextlib.closing(Precision(store, model_id)) as precision,
            ):

                def load() -> Encoder:
                    encoder = self._encoder(model, fingerprint, options.device)
                    store.set_setting(DEVICE, encoder.device)
                    return precision.applied_to(encoder)

                summary = Indexer(
                    store,
                    previews,
                    model,
                    model_id,
                    load,
                    options,
                    job,
                    threads=self._config.threads or config.usable_cores(),
                    isolate=was_killed,
                ).run(checked)
            self._vector_index(store, Model(model_id, model.name, fingerprint, model.dim)).refresh(job)
            switching.switch_when_ready(store, model_id, [item.path for item in summary.unlisted])
            status.note_indexed(store)
            backups.keep_rolling(store.database, self.folder, job, changed=bool(summary.changed or summary.problems))
        return summary

    def use_model(self, name: str) -> ModelUse:
        """Make ``name`` the model that indexing works for; return how it stands in the library now.

        The old model answers searches until every photo in reach has its new vector, which may be at once. Raises
        :class:`ImgfindError` where the model cannot run here, with the library as it was.
        """
        self._store()
        model = models.find_model(name)
        fingerprint = models.fingerprint(model)
        self._encoder(model, fingerprint, None)
        with self._access.making() as (store, _):
            model_id = switching.aim_at(
                store, model, fingerprint=fingerprint, encoder_version=decode.MODEL_INPUT_VERSION
            )
            switching.switch_when_ready(store, model_id)
            return next(use for use in switching.model_uses(store) if use.is_target)

    def remove_model(self, name: str) -> Removal:
        """Forget the vectors of a model that this library does not use; its files stay.

        Raises :class:`ModelError` where the library uses it.
        """
        if not Store.exists(self.folder):
            return Removal()
        before_bytes = size_bytes(self.folder)
        with self._access.making() as (store, _):
            removal = switching.forget_vectors(store, name, lambda m: self._vector_index(store, m).refresh(Job()))
        return replace(removal, freed_bytes=max(0, before_bytes - size_bytes(self.folder)))

    def model_name(self) -> str | None:
        """Return the name of the model that answers searches."""
        active = self._store().model(ACTIVE_MODEL)
        return active.name if active else None

    def model_uses(self) -> list[ModelUse]:
        """Return the models of which the library holds vectors or makes them; none where there is no library."""
        return switching.model_uses(self._store()) if Store.exists(self.folder) else []

    def watch(
        self,
        folders: Sequence[str] = (),
        options: IndexOptions | None = None,
        job: Job | None = None,
        *,
        interval_s: float = watching.WATCH_INTERVAL_S,
        tell: Callable[[str], None] = lambda _message: None,
    ) -> Iterator[IndexSummary]:
        """Index as :meth:`index` does, then stay: yield its summary and each update's, until ``job`` is cancelled.

        All folders of the library are watched. What the system does not tell about is looked at every ``interval_s``.
        ``tell`` is given sentences about what stands in the way. The library can be used between two updates.
        """
        options, job = options or IndexOptions(), job or Job()
        yield watching.first_update(lambda: self.index(folders, options, job), job, tell)
        later = replace(options, model=None, excludes=(), confirm_missing=False)

        def known_roots() -> list[str]:
            return [root.path for root in self.roots()]

        with contextlib.suppress(Cancelled):
            yield from watching.updates(
                watching.system_changes(known_roots, interval_s=interval_s, job=job, tell=tell),
                roots=known_roots,
                excludes=lambda: self._store().excludes(),
                is_known=lambda path: self._store().has_photos_below(path),
                index=lambda changed: self.index(changed, later, job),
            )

    def search(self, text: str, k: int = 20, folder: str | None = None, *, copies: bool = False) -> list[Hit]:
        """Return the ``k`` best photos (below ``folder``) for a query, best first; for filters alone the newest.

        The language is described in :mod:`imgfind.core.query`; raises :class:`QueryError` where it is not followed.
        Copies that :attr:`duplicates` knows of are one ranked hit, or with ``copies`` each its own.
        """
        wanted = searching.with_folders(query.parse(text), folder, self._searched_folder)
        return self._ready(k).search(wanted, k, copies=copies)

    def find(self, wanted: Query, k: int, *, copies: bool = False) -> Listing:
        """Return the ``k`` best photos for a query, strong matches and weaker ones; for filters alone all, by date.

        Copies are as in :meth:`search`. A library that knows no photos yet has none to find.
        """
        store = self._access.existing()
        if store is None or (wanted.terms and store.model(ACTIVE_MODEL) is None):
            return EMPTY
        wanted = searching.with_folders(wanted, None, self._searched_folder)
        if not wanted.terms:
            return self.photos.timeline(wanted.filters)
        return self._ready(k).find(wanted, k, copies=copies)

    def explain(self, wanted: Query, photo_id: PhotoId) -> list[TermScore]:
        """Return which terms of a query the photo answers, and how well."""
        return self._ready(1).explain(wanted, photo_id) if wanted.terms else []

    def warm_up(self) -> None:
        """Load the encoder, so that the first search need not wait for it; nothing where there is nothing to find."""
        store = self._access.existing()
        if store is not None and store.model(ACTIVE_MODEL) is not None:
            self._ready(1).encoder()

    def similar(
        self, picture: str | bytes, k: int = 20, folder: str | None = None, *, copies: bool = False
    ) -> list[Hit]:
        """Return the ``k`` photos most like a picture: a path, or the bytes of an image file.

        The picture need not be in the library; where it is, that very file is left out. Copies: as in :meth:`search`.
        """
        picture = spelling.existing(picture) if isinstance(picture, str) else picture
        return self._ready(k).similar(picture, k, searching.below(folder, self._searched_folder), copies=copies)

    def show(self, path: str) -> PhotoDetails | FileProblem:
        """Return what is known of the photo at ``path``, or its problem. Raises :class:`LibraryError` for others."""
        return spelling.looked_up(self._store(), path)

    def pairs(self, path: str) -> tuple[Pair, ...]:
        """Return the files that are one shot with the photo at ``path``: its RAW or JPEG, the film of a Live Photo."""
        absolute = os.path.abspath(path)
        return pairs.pairs_of(absolute, [*self._store().namesakes(absolute), *pairs.films_beside(absolute)])

    def preview(self, path: str) -> bytes | None:
        """Return a small JPEG of the photo at ``path``, or None where neither the cache nor the file gives one."""
        photo = self._store().photo(spelling.known_as(self._store(), path))
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

    def add_roots(self, folders: Sequence[str]) -> list[str]:
        """Make roots of ``folders`` without indexing them yet; return those that are new, as they are called there."""
        known_roots, excludes, _ = self._what_is_known()
        checked = indexing.check_folders(list(folders), known_roots, tuple(excludes), Job())
        new = [folder for folder in checked if not any(paths.is_below(folder, root) for root in known_roots)]
        with self._access.making() as (store, _):
            roots.add(store, new)
        return new

    def remove_root(self, folder: str) -> Root:
        """Forget a root and its photos, whether they are there or not; return it as it was. No file is touched."""
        with self._access.changing() as store:
            return roots.remove(store, folder)

    def relocate_root(self, old: str, new: str, *, force: bool = False) -> int:
        """Tell that root ``old`` is now at ``new``; nothing is read again. Return its number of photos.

        Raises :class:`ImgfindError` where ``new`` is missing, overlaps another root or (unless ``force``) holds few of
        the photos.
        """
        with self._access.changing() as store:
            return roots.relocate(store, old, new, force=force)

    def forget_offline(self, folder: str) -> int:
        """Forget the photos below ``folder`` that are offline; return how many."""
        with self._access.changing() as store:
            return roots.forget_offline(store, folder)

    def status(self) -> Status:
        """Return the library at a glance."""
        return status.status_of(self._store(), self.folder, self._config.device)

    @property
    def care(self) -> Care:
        """Return what checks, mends, copies, prunes and exports this library."""
        self.close()
        return Care(self.folder)

    @property
    def removing(self) -> Removing:
        """Return what moves photos of this library into the trash, and back."""
        return Removing(self._access)

    @property
    def photos(self) -> Browsing:
        """Return what lists, counts and marks the photos of this library."""
        return Browsing(self._access)

    @property
    def duplicates(self) -> Deduplicating:
        """Return what finds duplicates among the photos of this library, and removes them."""
        return Deduplicating(self._access, self._vector_index)

    def _store(self) -> Store:
        return self._access.reading()

    def _what_is_known(self) -> tuple[list[str], list[str], str | None]:
        """Return roots, excludes and the name of the target model of a library that may not exist yet."""
        store = self._access.updated()
        if store is None:
            return [], [], None
        target = store.model(TARGET_MODEL)
        return [root.path for root in store.roots()], store.excludes(), target.name if target else None

    def _searched_folder(self, folder: str) -> str:
        """Return ``folder`` absolute; one that is away may still be searched, one nobody knows is a mistake."""
        absolute = spelling.known_as(self._store(), folder)
        return absolute if folder and self._store().has_photos_below(absolute) else check_folder(folder)

    def _ready(self, k: int) -> Searcher:
        if k < 1:
            raise UsageError("The number of results must be 1 or more.")
        store = self._store()
        active, restored = store.model(ACTIVE_MODEL), store.setting(RESTORED)
        known = self._searcher is not None and active is not None and active.model_id == self._searcher.model_id
        if self._searcher is None or not known or restored != self._restored or self._searcher.store is not store:
            # The first one, an indexer has switched to another model, or another catalogue was brought back.
            self._searcher, self._restored = self._new_searcher(), restored
        return self._searcher

    def _new_searcher(self) -> Searcher:
        store = self._store()
        active = store.model(ACTIVE_MODEL)
        if active is None:
            raise LibraryError("The library is empty; fill it with: imgfind index FOLDER")
        model = models.find_model(active.name)
        if switching.fingerprint(store, active, model) != active.fingerprint:
            raise ModelError(
                f"The model '{active.name}' on this disk is not the one the library was indexed with; run 'imgfind"
                " index' to index with the new one."
            )
        return Searcher(
            store,
            self._vector_index(store, active),
            model,
            active.model_id,
            lambda: self._encoders.for_queries(model, active.fingerprint),
        )

    def _vector_index(self, store: Store, model: Model) -> VectorIndex:
        return VectorIndex(
            self.folder / VECTORS_FOLDER / f"{model.model_id}.hnsw",
            model.dim,
            ModelVectors(store.database, model.model_id, model.dim),
        )

    def _encoder(self, model: ModelFiles, fingerprint: str, device: str | None) -> Encoder:
        """Load the encoder that indexing uses, once."""
        return self._encoders.on(device or self._config.device, model, fingerprint)
