"""Files to read -> photos stored: decode, encode and commit, batch by batch.

A pool of threads, as many as cores, reads files a bounded number ahead; what was read is gathered into batches of about
:data:`BATCH_S` of work. On the CPU the same pool encodes whole batches, one thread for each, while others decode: no
core waits and none is asked for twice. On an accelerator threads of its own feed the device, and in a long run each
thread of the pool has a process read for it (:mod:`imgfind.core.readers`). The calling thread gathers and stores; it
must be the one that opened the store.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace

import numpy as np

from imgfind.core import decode, hashes, keypoints, opencv, reading
from imgfind.core.content import DecodedContent
from imgfind.core.job import Cancelled, Job, Progress
from imgfind.core.readers import Here, Outcome, Processes, Run
from imgfind.core.reading import ReadPhoto
from imgfind.core.records import Encoder, FileProblem, FloatArray, FoundFile, ModelFiles, ModelId, RootId
from imgfind.core.store import IndexedPhoto, KnownContents, NewContent, Store, Todo, date_photos
from imgfind.core.thumbs import Previews

BATCH_S = 0.4
"""A batch holds about this much work of one thread; what was not stored yet is what a kill can lose."""
FIRST_BATCH = 16
LARGEST_BATCH = 256
DESCRIBED_FROM_S = 0.025
"""What an encoder has to take for one picture on one thread, so that pictures are described for finding duplicates as
they are read: 2.5 ms, a tenth of the time at most. With a faster one that is left to the first search for duplicates,
which reads the previews for it."""
LOOK_AHEAD_BYTES = 256 * 1024 * 1024
"""Bound on the pixels that wait for the encoder; the bytes of files are bounded by :mod:`imgfind.core.reading`."""

FEEDERS = {"cuda": 2}
"""Threads that feed an accelerator: what one prepares and copies, and what the device computes for the other, go on at
the same time. One elsewhere: on MPS two threads crash (https://github.com/pytorch/pytorch/issues/197805)."""
PROCESSES_FROM = 1000
"""Files that threads read before processes take over, on an accelerator: each takes 0.3 s of a core to start, as much
as reading 70 photos of 500 x 375."""
CHUNK_FILES = 16
CHUNK_BYTES = 8 * 1024 * 1024
"""A process is given so many files at once, or fewer with so many bytes: about 0.1 s of work, and 3 MB to send back for
a model of 256 x 256 pixels."""


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """What one commit brought, in numbers of files; ``core_s`` are core-seconds by step, without encoding."""

    encoded: int
    reused: int
    problems: int
    core_s: Counter[str]

    @property
    def files(self) -> int:
        """Return how many files were dealt with."""
        return self.encoded + self.reused + self.problems


@dataclass(slots=True)
class _Batch:
    """Files read and not yet stored; ``fresh`` are the contents to encode, by hash, each once."""

    items: list[tuple[Todo, Outcome]] = field(default_factory=list)
    fresh: dict[bytes, DecodedContent] = field(default_factory=dict)
    opened: float = field(default_factory=time.monotonic)

    def full(self, size: int) -> bool:
        """Tell whether it is time to encode and store: enough pictures, enough files, or enough time has passed."""
        return (
            len(self.fresh) >= size
            or len(self.items) >= max(size, LARGEST_BATCH)
            or time.monotonic() - self.opened >= BATCH_S
        )


class Pipeline:
    """Reads, encodes and stores files for one model."""

    def __init__(
        self,
        store: Store,
        previews: Previews,
        model: ModelFiles,
        model_id: ModelId,
        load_encoder: Callable[[], Encoder],
        job: Job,
        *,
        threads: int,
        batch_size: int = 0,
        isolate: bool = False,
    ) -> None:
        """``batch_size`` 0 lets the size follow what the encoder manages in :data:`BATCH_S`.

        ``isolate`` decodes every file in another process, because the last run may have died of one.
        """
        self._store = store
        self._previews = previews
        self._model = model
        self._model_id = model_id
        self._load_encoder = load_encoder
        self._encoder: Encoder | None = None
        self._job = job
        self._threads = threads
        self._isolate = isolate
        self._processes: Processes | None = None
        self._begun = 0
        """Files whose reading was begun."""
        self._encoding = threads
        """Batches that can be encoded at once."""
        self._fixed_size = bool(batch_size)
        self._batch_size = batch_size or FIRST_BATCH
        self._describes = False
        self._waiting: deque[tuple[_Batch, Future[dict[bytes, FloatArray]]]] = deque()
        """Batches being encoded, or encoded and to be stored next."""

    def run(self, todos: Iterator[Todo]) -> Generator[StoredBatch, None, None]:
        """Yield what was stored after each commit; closing the generator waits for the threads to end.

        Raises :class:`Cancelled`, and whatever the encoder or the store raises; what was yielded before stays.
        """
        with ExitStack() as stack:
            known = stack.enter_context(closing(self._known_contents()))
            stack.callback(reading.end_workers)
            stack.callback(self._end_processes)
            pool = self._pool(stack, self._threads)
            try:
                yield from self._batches(stack, pool, todos, known)
            except (Cancelled, GeneratorExit):
                # What is encoded, or being encoded and waited for anyway, only lacks the commit.
                while self._waiting and not self._waiting[0][1].cancel():
                    self._store_next()
                raise

    def _known_contents(self) -> KnownContents:
        return KnownContents(self._store.folder, self._model_id, decode_version=decode.DECODE_VERSION)

    def _batches(
        self, stack: ExitStack, pool: ThreadPoolExecutor, todos: Iterator[Todo], known: KnownContents
    ) -> Iterator[StoredBatch]:
        encoders = pool
        batch = _Batch()
        for todo, outcome in self._read_ahead(pool, todos, known):
            self._add(batch, todo, outcome, known)
            if batch.full(self._batch_size):
                encoders = self._submit(batch, encoders, stack)
                batch = _Batch()
            while self._waiting and (self._waiting[0][1].done() or len(self._waiting) > self._encoding):
                yield self._store_next()
        if batch.items:
            self._submit(batch, encoders, stack)
        while self._waiting:
            self._job.report()
            yield self._store_next()

    def _submit(self, batch: _Batch, encoders: ThreadPoolExecutor, stack: ExitStack) -> ThreadPoolExecutor:
        """Let a batch be encoded; return the threads that encode, known once the encoder is loaded."""
        if batch.fresh and self._encoder is None:
            self._job.report(Progress("loading the model"))
            self._encoder = self._load_encoder()
            if self._encoder.device != "cpu":
                self._encoding = FEEDERS.get(self._encoder.device, 1)
                encoders = self._pool(stack, self._encoding)
        self._waiting.append((batch, encoders.submit(self._encoded, batch)))
        return encoders

    def _pool(self, stack: ExitStack, threads: int) -> ThreadPoolExecutor:
        pool = ThreadPoolExecutor(threads, thread_name_prefix="indexing")
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        return pool

    def _read_ahead(
        self, pool: ThreadPoolExecutor, todos: Iterator[Todo], known: KnownContents
    ) -> Iterator[tuple[Todo, Outcome]]:
        """Yield files in order, read on threads a bounded number of files ahead."""
        here = Here(self._model.preprocess, known, isolate=self._isolate)
        pixels = self._model.preprocess.width_px * self._model.preprocess.height_px * 3
        most = max(1, LOOK_AHEAD_BYTES // pixels)
        pending: deque[tuple[list[Todo], Future[list[Outcome]]]] = deque()
        ahead = 0
        for chunk in self._chunks(todos, here):
            reader = self._processes or here
            files = [todo.file for todo in chunk]
            pending.append((chunk, pool.submit(reader.read, files, describe=self._describes)))
            ahead += len(chunk)
            # Enough that no thread runs dry while the others encode.
            while pending and ahead >= min(self._threads * len(chunk) + 2 * self._batch_size, most):
                ahead -= len(pending[0][0])
                yield from self._next_of(pending)
        while pending:
            yield from self._next_of(pending)

    def _chunks(self, todos: Iterator[Todo], here: Here) -> Iterator[list[Todo]]:
        """Yield what is read at one go: one file by a thread, more by a process, which answers once for all of them."""
        chunk: list[Todo] = []
        size_bytes = 0
        for todo in todos:
            self._begun += 1
            if self._processes is None and self._begun > PROCESSES_FROM and self._on_accelerator():
                run = Run(self._model.preprocess, self._store.folder, self._model_id, self._isolate)
                self._processes = Processes(run, here)
            chunk.append(todo)
            size_bytes += todo.file.size_bytes
            if self._processes is None or len(chunk) >= CHUNK_FILES or size_bytes >= CHUNK_BYTES:
                yield chunk
                chunk, size_bytes = [], 0
        if chunk:
            yield chunk

    def _on_accelerator(self) -> bool:
        """Tell whether pictures are encoded elsewhere than on the cores that read them."""
        return self._encoder is not None and self._encoder.device != "cpu"

    def _end_processes(self) -> None:
        if self._processes is not None:
            self._processes.close()

    def _next_of(self, pending: deque[tuple[list[Todo], Future[list[Outcome]]]]) -> Iterator[tuple[Todo, Outcome]]:
        chunk, future = pending.popleft()
        self._job.report()
        yield from zip(chunk, future.result(), strict=True)

    def _add(self, batch: _Batch, todo: Todo, outcome: Outcome, known: KnownContents) -> None:
        """Put one file into the batch; a copy of what is stored, or about to be, needs no encoding."""
        if not batch.items:
            batch.opened = time.monotonic()
        batch.items.append((todo, outcome))
        if isinstance(outcome, ReadPhoto) and outcome.content is not None:
            key = outcome.content_hash
            if not known.has_vector(key) and not any(key in earlier.fresh for earlier, _ in self._waiting):
                batch.fresh.setdefault(key, outcome.content)

    def _encoded(self, batch: _Batch) -> dict[bytes, FloatArray]:
        """Return the vectors of a batch by content hash; runs on a thread of the pool."""
        if not batch.fresh:
            return {}
        assert self._encoder is not None, "loaded before the first batch with something to encode"
        started = time.monotonic()
        rows = self._encoder.encode_images(np.stack([content.pixels for content in batch.fresh.values()]))
        self._adapt(len(rows), time.monotonic() - started)
        return dict(zip(batch.fresh, rows, strict=True))

    def _adapt(self, encoded: int, seconds: float) -> None:
        """Choose the next size so that encoding takes about :data:`BATCH_S`, and what else there is time for."""
        self._describes = seconds >= encoded * DESCRIBED_FROM_S
        if self._describes:
            opencv.leave_cores()
        if not self._fixed_size:
            wanted = int(encoded * BATCH_S / max(seconds, 1e-6))
            # At most doubled, because the first batches also pay for warming up.
            self._batch_size = max(1, min(wanted, 2 * self._batch_size, LARGEST_BATCH))

    def _store_next(self) -> StoredBatch:
        """Commit the batch that waits longest."""
        batch, encoded = self._waiting.popleft()
        vectors = encoded.result()
        started = time.thread_time()
        photos: list[IndexedPhoto] = []
        problems: list[tuple[RootId, FoundFile, FileProblem]] = []
        unsaved = dict(vectors)
        core_s: Counter[str] = Counter()
        for todo, outcome in batch.items:
            if isinstance(outcome, FileProblem):
                problems.append((todo.root_id, todo.file, outcome))
            else:
                photos.append(_indexed(todo, outcome, unsaved.pop(outcome.content_hash, None)))
                core_s.update(outcome.core_s)
        self._previews.add([(key, decode.PREVIEW_VERSION, content.preview) for key, content in batch.fresh.items()])
        self._store.save_batch(self._model_id, photos, problems, decode_version=decode.DECODE_VERSION)
        date_photos(self._store.database)
        core_s.update({"store": time.thread_time() - started})
        return StoredBatch(len(vectors), len(photos) - len(vectors), len(problems), core_s)


def _indexed(todo: Todo, read: ReadPhoto, vector: FloatArray | None) -> IndexedPhoto:
    """Return a photo ready to be stored, with its content where it was decoded."""
    # The stamp of the bytes that were read: the file may have changed since it was scanned.
    file = replace(todo.file, size_bytes=read.size_bytes, mtime_ns=read.mtime_ns)
    content = None
    if read.content is not None:
        content = NewContent(
            read.content.width_px,
            read.content.height_px,
            read.content.format,
            read.content.facts,
            read.content.phash,
            hashes.HASH_VERSION,
            decode.DECODE_VERSION,
            read.content.descriptor,
            keypoints.KEYPOINTS_VERSION,
        )
    return IndexedPhoto(todo.root_id, file, read.content_hash, read.size_bytes, content, vector)
