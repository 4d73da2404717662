"""scan -> decode -> encode -> store -> vectors as one bounded pipeline that can be cancelled.

Scanning comes first and is compared with the catalogue in one transaction; then threads read and decode ahead while
the calling thread encodes and stores, batch by batch. What a batch stored stays, whatever happens next. Runs on the
thread that opened the store; one indexer per library (the lock is :mod:`imgfind.core.library`'s).
"""

import itertools
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from imgfind.core import config, decode, hashes, paths, reading
from imgfind.core.errors import ImgfindError, UnreadablePhotoError, UsageError
from imgfind.core.job import Job, Progress
from imgfind.core.reading import DecodedContent, ReadPhoto
from imgfind.core.records import Encoder, FileProblem, FloatArray, FoundFile, ModelFiles, ModelId, RootId
from imgfind.core.scan import Unlisted, check_folder, scan, volume_identity
from imgfind.core.store import (
    IndexedPhoto,
    KnownContents,
    NewContent,
    Plan,
    Reconciliation,
    Scope,
    Store,
    Todo,
)
from imgfind.core.thumbs import Previews

logger = logging.getLogger(__name__)

BATCH_S = 0.4
"""A batch holds about this much work: it is what a kill can lose, and how long a search may have to wait."""
_FIRST_BATCH = 16
_LARGEST_BATCH = 256
_LOOK_AHEAD_BYTES = 256 * 1024 * 1024
_SCAN_CHUNK = 1000
_TODO_CHUNK = 1000


_Pending = tuple[Todo, Future[ReadPhoto | FileProblem]]


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How to index. ``None`` and 0 leave the choice to the library, the configuration or the machine."""

    model: str | None = None
    device: str | None = None
    batch_size: int = 0
    jobs: int = 0
    excludes: tuple[str, ...] = ()
    confirm_missing: bool = False


@dataclass(slots=True)
class IndexSummary:
    """What one run did, in numbers of photos.

    ``encoded`` were read and encoded, ``reused`` were read but their bytes known already. ``unlisted`` are folders
    that could not be read and keep what they had. ``core_s`` holds core-seconds by step, of the reading threads and
    of the storing one; encoding runs on threads of its own and is not in it.
    """

    model: str
    photos: int = 0
    unchanged: int = 0
    encoded: int = 0
    reused: int = 0
    moved: int = 0
    gone: int = 0
    offline: int = 0
    problems: int = 0
    seconds: float = 0.0
    unlisted: list[Unlisted] = field(default_factory=list)
    core_s: Counter[str] = field(default_factory=Counter)


def check_folders(folders: list[str], known_roots: list[str], excludes: tuple[str, ...], job: Job) -> list[str]:
    """Return the folders absolute and without those below another one.

    Raises :class:`ImgfindError` for one that is missing, is no folder, or is new and holds no picture: adding it would
    be a mistake that nobody sees.
    """
    checked = sorted({check_folder(folder) for folder in folders})
    outermost = [f for f in checked if not any(f != other and paths.is_below(f, other) for other in checked)]
    for folder in outermost:
        if any(paths.is_below(folder, root) for root in known_roots):
            continue
        found = scan(folder, suffixes=decode.suffixes(), excludes=excludes, job=job)
        if not any(isinstance(item, FoundFile) for item in found):
            raise ImgfindError(
                f"There is no picture in {paths.displayed(folder)}; name a folder that holds some, or check --exclude."
            )
    return outermost


class Indexer:
    """One run over a library: :meth:`update` compares, :meth:`run` does the work."""

    def __init__(
        self,
        store: Store,
        previews: Previews,
        model: ModelFiles,
        model_id: ModelId,
        load_encoder: Callable[[], Encoder],
        options: IndexOptions,
        job: Job,
    ) -> None:
        self._store = store
        self._previews = previews
        self._model = model
        self._model_id = model_id
        self._load_encoder = load_encoder
        self._encoder: Encoder | None = None
        self._options = options
        self._job = job
        self._jobs = options.jobs or config.usable_cores()
        self._pace = _Pace(0)
        self._summary = IndexSummary(model.name)

    def run(self, folders: list[str]) -> IndexSummary:
        """Index ``folders`` (all roots where there are none) as :func:`check_folders` returned them.

        Raises :class:`Cancelled` with every finished batch kept.
        """
        started = time.monotonic()
        scopes = self._scopes(folders)
        reconciliation = Reconciliation(self._store.database)
        plan = self._update(reconciliation, scopes)
        if plan.todo:
            self._encode_all(reconciliation, plan)
        self._summary.photos = self._store.counts()["photos"]
        self._summary.seconds = time.monotonic() - started
        return self._summary

    def _scopes(self, folders: list[str]) -> list[tuple[RootId, str, bool]]:
        """Return (root, folder to scan, whether it is the whole root), adding folders that are new."""
        roots = {root.path: root.root_id for root in self._store.roots()}
        if not folders:
            if not roots:
                raise UsageError("There is nothing to index yet; name a folder: imgfind index FOLDER")
            return [(root_id, path, True) for path, root_id in roots.items()]
        scopes = []
        for folder in folders:
            root = next((path for path in roots if paths.is_below(folder, path)), None)
            if root is None:
                root_id = self._store.add_root(folder, volume=volume_identity(folder))
                scopes.append((root_id, folder, True))
            else:
                scopes.append((roots[root], folder, root == folder))
        return scopes

    def _update(self, reconciliation: Reconciliation, scopes: list[tuple[RootId, str, bool]]) -> Plan:
        """Scan, and bring the catalogue up to date without opening a file."""
        excludes = self._store.excludes()
        scanned = []
        for root_id, folder, is_root in scopes:
            unlisted: list[Unlisted] = []
            found = self._found(folder, excludes, unlisted)
            while chunk := list(itertools.islice(found, _SCAN_CHUNK)):
                reconciliation.add(root_id, chunk)
            listed = all(item.path != folder for item in unlisted)
            scanned.append(Scope(root_id, folder, is_root, listed))
            self._summary.unlisted.extend(unlisted)
        plan = reconciliation.apply(
            scanned,
            [item.path for item in self._summary.unlisted],
            model_id=self._model_id,
            decode_version=decode.DECODE_VERSION,
            confirm_missing=self._options.confirm_missing,
        )
        self._summary.unchanged = plan.unchanged
        self._summary.moved = plan.moved
        self._summary.gone = plan.gone
        self._summary.offline = plan.offline
        return plan

    def _found(self, folder: str, excludes: list[str], unlisted: list[Unlisted]) -> Iterator[FoundFile]:
        for item in scan(folder, suffixes=decode.suffixes(), excludes=excludes, job=self._job):
            if isinstance(item, Unlisted):
                unlisted.append(item)
            else:
                yield item

    def _encode_all(self, reconciliation: Reconciliation, plan: Plan) -> None:
        known = KnownContents(self._store.folder, self._model_id)
        executor = ThreadPoolExecutor(self._jobs, thread_name_prefix="decode")
        batch = _Batch(self._options.batch_size)
        self._pace = _Pace(plan.todo)
        try:
            for todo, outcome in self._read_ahead(executor, reconciliation, known, batch):
                batch.add(todo, outcome)
                if batch.full:
                    self._finish(batch)
            self._finish(batch)
        finally:
            executor.shutdown(wait=True, cancel_futures=True)
            known.close()

    def _read_ahead(
        self, executor: ThreadPoolExecutor, reconciliation: Reconciliation, known: KnownContents, batch: "_Batch"
    ) -> Iterator[tuple[Todo, ReadPhoto | FileProblem]]:
        """Yield files in order, read on threads a bounded number of files ahead."""
        pixels = self._model.preprocess.width_px * self._model.preprocess.height_px * 3
        most = _LOOK_AHEAD_BYTES // pixels
        pending: deque[_Pending] = deque()
        for todo in _todos(reconciliation):
            pending.append((todo, executor.submit(_read, todo.file.path, self._model, known)))
            # Enough that the threads stay busy while a batch is being encoded.
            while len(pending) >= min(self._jobs + 2 * batch.size, most):
                yield self._next_of(pending)
        while pending:
            yield self._next_of(pending)

    def _next_of(self, pending: "deque[_Pending]") -> tuple[Todo, ReadPhoto | FileProblem]:
        self._job.report()
        todo, future = pending.popleft()
        return todo, future.result()

    def _finish(self, batch: "_Batch") -> None:
        """Encode and store what the batch holds, and begin it again."""
        vectors = self._encoded(batch)
        started = time.thread_time()
        photos, problems, previews = batch.contents(vectors)
        self._previews.add(previews)
        self._store.save_batch(self._model_id, photos, problems, decode_version=decode.DECODE_VERSION)
        summary = self._summary
        summary.core_s.update(batch.core_s)
        summary.core_s["store"] += time.thread_time() - started  # type: ignore[assignment]  # as in reading.py
        summary.encoded += len(vectors)
        summary.reused += len(photos) - len(vectors)
        summary.problems += len(problems)
        batch.clear()
        self._job.report(self._pace.progress(len(photos) + len(problems), summary.problems))

    def _encoded(self, batch: "_Batch") -> dict[bytes, FloatArray]:
        """Return the vector of every content in the batch that is new, by its hash."""
        fresh = batch.fresh()
        if not fresh:
            return {}
        if self._encoder is None:
            self._job.report(Progress("loading the model"))
            self._encoder = self._load_encoder()
            self._pace.begin()
        started = time.monotonic()
        rows = self._encoder.encode_images(np.stack([content.pixels for content in fresh.values()]))
        batch.adapt(len(fresh), time.monotonic() - started)
        return dict(zip(fresh, rows, strict=True))


def _todos(reconciliation: Reconciliation) -> Iterator[Todo]:
    after = 0
    while rows := reconciliation.todo(after=after, limit=_TODO_CHUNK):
        yield from (todo for _, todo in rows)
        after = rows[-1][0]


def _read(path: str, model: ModelFiles, known: KnownContents) -> ReadPhoto | FileProblem:
    """Read one photo on a decode thread; an unreadable one comes back as its problem."""
    try:
        return reading.read_photo(path, model.preprocess, known)
    except UnreadablePhotoError as error:
        return FileProblem(path, error.reason, error.transient)


class _Batch:
    """Files read and not yet stored; ``size`` follows what the encoder manages in :data:`BATCH_S`."""

    def __init__(self, fixed_size: int) -> None:
        self.size = fixed_size or _FIRST_BATCH
        self._fixed = bool(fixed_size)
        self.clear()

    def clear(self) -> None:
        """Begin again."""
        self._items: list[tuple[Todo, ReadPhoto | FileProblem]] = []
        self._to_encode = 0
        self._opened = time.monotonic()
        self.core_s: Counter[str] = Counter()

    def add(self, todo: Todo, outcome: ReadPhoto | FileProblem) -> None:
        """Take in one file."""
        if not self._items:
            self._opened = time.monotonic()
        self._items.append((todo, outcome))
        if isinstance(outcome, ReadPhoto):
            self._to_encode += outcome.content is not None
            self.core_s.update(outcome.core_s)

    @property
    def full(self) -> bool:
        """Tell whether it is time to encode and store: enough pictures, enough files, or enough time has passed."""
        return (
            self._to_encode >= self.size
            or len(self._items) >= max(self.size, _LARGEST_BATCH)
            or time.monotonic() - self._opened >= BATCH_S
        )

    def adapt(self, encoded: int, seconds: float) -> None:
        """Choose the next size so that encoding takes about :data:`BATCH_S`."""
        if not self._fixed:
            wanted = int(encoded * BATCH_S / max(seconds, 1e-6))
            # At most doubled, because the first batches also pay for warming up.
            self.size = max(1, min(wanted, 2 * self.size, _LARGEST_BATCH))

    def fresh(self) -> dict[bytes, DecodedContent]:
        """Return the contents to encode, each once, in order."""
        contents: dict[bytes, DecodedContent] = {}
        for _, outcome in self._items:
            if isinstance(outcome, ReadPhoto) and outcome.content is not None:
                contents.setdefault(outcome.content_hash, outcome.content)
        return contents

    def contents(
        self, vectors: dict[bytes, FloatArray]
    ) -> tuple[list[IndexedPhoto], list[tuple[RootId, FoundFile, FileProblem]], list[tuple[bytes, int, bytes]]]:
        """Return photos, problems and previews ready to be stored."""
        photos: list[IndexedPhoto] = []
        problems: list[tuple[RootId, FoundFile, FileProblem]] = []
        previews: list[tuple[bytes, int, bytes]] = []
        unsaved = dict(vectors)
        for todo, outcome in self._items:
            if isinstance(outcome, FileProblem):
                problems.append((todo.root_id, todo.file, outcome))
                continue
            file = replace(todo.file, size_bytes=outcome.size_bytes, mtime_ns=outcome.mtime_ns)
            vector = unsaved.pop(outcome.content_hash, None)
            content = None
            if vector is not None and outcome.content is not None:
                content = _new_content(outcome.content)
                previews.append((outcome.content_hash, decode.PREVIEW_VERSION, outcome.content.preview))
            photos.append(IndexedPhoto(todo.root_id, file, outcome.content_hash, outcome.size_bytes, content, vector))
        return photos, problems, previews


def _new_content(content: DecodedContent) -> NewContent:
    return NewContent(
        content.width_px,
        content.height_px,
        content.format,
        content.facts,
        content.phash,
        hashes.HASH_VERSION,
        decode.DECODE_VERSION,
    )


class _Pace:
    """How fast a run goes, and when it will be done."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self.begin()

    def begin(self) -> None:
        """Start the clock (again): loading a model says nothing about the time left."""
        self._started = time.monotonic()

    def progress(self, more: int, problems: int) -> Progress:
        """Note ``more`` files as done and return where the run stands."""
        self._done += more
        per_s = self._done / max(time.monotonic() - self._started, 1e-6)
        return Progress(
            "indexing", self._done, self._total, problems, per_s, (self._total - self._done) / per_s if per_s else None
        )
