"""Brings a library up to date: scan, compare, then read and encode what is new.

Scanning comes first and is compared with the catalogue in one transaction; :mod:`imgfind.core.pipeline` does the rest,
batch by batch. What a batch stored stays, whatever happens next. Runs on the thread that opened the store; one indexer
per library (the lock is :mod:`imgfind.core.library`'s).
"""

import contextlib
import itertools
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from imgfind.core import decode, formats, paths
from imgfind.core.errors import ImgfindError, UsageError
from imgfind.core.job import Job, Progress
from imgfind.core.pipeline import Pipeline, StoredBatch
from imgfind.core.records import Encoder, FoundFile, ModelFiles, ModelId, RootId
from imgfind.core.roots import folder_elsewhere
from imgfind.core.scan import Unlisted, check_folder, is_left_out, is_one_file, scan
from imgfind.core.store import Plan, Reconciliation, Scope, Store, Todo, date_photos
from imgfind.core.thumbs import Previews
from imgfind.core.volumes import volume_identity

_SCAN_CHUNK = 1000
_PAGE_FILES = 1000


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How to index. ``None`` and 0 leave the choice to the library, the configuration or the machine."""

    model: str | None = None
    device: str | None = None
    batch_size: int = 0
    jobs: int = 0
    excludes: tuple[str, ...] = ()
    confirm_missing: bool = False

    def __post_init__(self) -> None:
        """Refuse negative numbers."""
        if self.batch_size < 0 or self.jobs < 0:
            raise UsageError("The batch size and the number of jobs must be 1 or more, or 0 to leave the choice.")


@dataclass(slots=True)
class IndexSummary:
    """What one run did, in numbers of photos; ``unchanged`` counts files, known problems among them.

    ``encoded`` were read and encoded, ``reused`` were read but their bytes known already. ``unlisted`` are folders
    that could not be read and keep what they had; ``elsewhere`` are roots that are away while their drive seems to be
    mounted at another place, with that place. ``core_s`` holds core-seconds by step, of the reading threads and of the
    storing one; encoding runs on threads of its own and is not in it.
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
    elsewhere: list[tuple[str, str]] = field(default_factory=list)
    core_s: Counter[str] = field(default_factory=Counter)

    @property
    def changed(self) -> int:
        """Count what is not as it was before the run; files that could not be read are in ``problems`` only."""
        return self.encoded + self.reused + self.moved + self.gone


def check_folders(folders: list[str], known_roots: list[str], excludes: tuple[str, ...], job: Job) -> list[str]:
    """Return the folders absolute, without those below another one, and under the names their roots have.

    Raises :class:`ImgfindError` for one that is missing, is no folder, or is new and holds no picture: adding it would
    be a mistake that nobody sees.
    """
    checked: list[str] = []
    # By where they really are, so that a folder comes before what is below it.
    for folder in sorted({check_folder(folder) for folder in folders}, key=lambda name: (os.path.realpath(name), name)):
        name = _known_name(folder, [*known_roots, *checked])
        if name not in checked:
            checked.append(name)
    outermost = [f for f in checked if not any(f != other and paths.is_below(f, other) for other in checked)]
    for folder in outermost:
        if any(paths.is_below(folder, root) for root in known_roots):
            continue
        found = scan(folder, suffixes=formats.suffixes(), excludes=excludes, job=job)
        if not any(isinstance(item, FoundFile) for item in found):
            raise ImgfindError(
                f"There is no picture in {paths.displayed(folder)}; name a folder that holds some, or check --exclude."
            )
    return outermost


def _known_name(folder: str, known: list[str]) -> str:
    """Return ``folder`` under the name it has in a ``known`` one, if symbolic links lead there: no photo twice."""
    real = os.path.realpath(folder)
    for root in known:
        real_root = os.path.realpath(root)
        if paths.is_below(real, real_root):
            return os.path.normpath(os.path.join(root, os.path.relpath(real, real_root)))
    # A root's scan does not follow its links to other folders, so their photos would be gone with its next scan.
    return real if any(paths.is_below(folder, root) for root in known) else folder


class Indexer:
    """One run over a library: scans, compares, and hands what is new to the pipeline."""

    def __init__(
        self,
        store: Store,
        previews: Previews,
        model: ModelFiles,
        model_id: ModelId,
        load_encoder: Callable[[], Encoder],
        options: IndexOptions,
        job: Job,
        *,
        threads: int,
        isolate: bool = False,
    ) -> None:
        self._store = store
        self._previews = previews
        self._model = model
        self._model_id = model_id
        self._load_encoder = load_encoder
        self._options = options
        self._job = job
        self._threads = options.jobs or threads
        self._isolate = isolate
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
        date_photos(self._store.database)
        if plan.todo:
            self._encode_all(reconciliation, plan)
        self._summary.photos = self._store.counts()["photos"]
        self._summary.seconds = time.monotonic() - started
        return self._summary

    def _scopes(self, folders: list[str]) -> list[tuple[RootId, str, str]]:
        """Return (root, its path, folder to scan), adding folders that are new."""
        roots = {root.path: root.root_id for root in self._store.roots()}
        if not folders:
            if not roots:
                raise UsageError("There is nothing to index yet; name a folder: imgfind index FOLDER")
            return [(root_id, path, path) for path, root_id in roots.items()]
        scopes = []
        for folder in folders:
            root = next((path for path in roots if paths.is_below(folder, path)), None)
            if root is None:
                root_id = self._store.add_root(folder, volume=volume_identity(folder))
                scopes.append((root_id, folder, folder))
            else:
                scopes.append((roots[root], root, folder))
        return scopes

    def _update(self, reconciliation: Reconciliation, scopes: list[tuple[RootId, str, str]]) -> Plan:
        """Scan, and bring the catalogue up to date without opening a file."""
        excludes = self._store.excludes()
        scanned = []
        for root_id, root, folder in scopes:
            unlisted: list[Unlisted] = []
            found = self._found(folder, root, excludes, unlisted)
            while chunk := list(itertools.islice(found, _SCAN_CHUNK)):
                reconciliation.add(root_id, chunk)
            listed = all(item.path != folder for item in unlisted)
            scanned.append(Scope(root_id, folder, root == folder, listed))
            self._summary.unlisted.extend(unlisted)
        plan = reconciliation.apply(
            scanned,
            [item.path for item in self._summary.unlisted],
            model_id=self._model_id,
            decode_version=decode.DECODE_VERSION,
            confirm_missing=self._options.confirm_missing,
            is_left_out=lambda path: any(
                paths.is_below(path, root) and is_left_out(path, root, excludes) for _, root, _ in scopes
            ),
            is_same_file=is_one_file,
        )
        self._summary.unchanged = plan.unchanged
        self._summary.moved = plan.moved
        self._summary.gone = plan.gone
        self._summary.offline = plan.offline
        self._look_for_drives({root_id for root_id, _, _ in scopes})
        return plan

    def _look_for_drives(self, scanned: set[RootId]) -> None:
        for root in self._store.roots():
            if root.root_id in scanned and root.state != "online":
                folder = folder_elsewhere(self._store, root)
                if folder is not None:
                    self._summary.elsewhere.append((root.path, folder))

    def _found(self, folder: str, root: str, excludes: list[str], unlisted: list[Unlisted]) -> Iterator[FoundFile]:
        for item in scan(folder, suffixes=formats.suffixes(), excludes=excludes, base=root, job=self._job):
            if isinstance(item, Unlisted):
                unlisted.append(item)
            else:
                yield item

    def _encode_all(self, reconciliation: Reconciliation, plan: Plan) -> None:
        pipeline = Pipeline(
            self._store,
            self._previews,
            self._model,
            self._model_id,
            self._load,
            self._job,
            threads=self._threads,
            batch_size=self._options.batch_size,
            isolate=self._isolate,
        )
        self._pace = _Pace(plan.todo)
        with contextlib.closing(pipeline.run(_todos(reconciliation))) as batches:
            for batch in batches:
                self._count(batch)
                self._job.report(self._pace.progress(batch.files, self._summary.problems))

    def _load(self) -> Encoder:
        encoder = self._load_encoder()
        self._pace.begin()
        return encoder

    def _count(self, batch: StoredBatch) -> None:
        summary = self._summary
        summary.encoded += batch.encoded
        summary.reused += batch.reused
        summary.problems += batch.problems
        summary.core_s.update(batch.core_s)


def _todos(reconciliation: Reconciliation) -> Iterator[Todo]:
    after = 0
    while rows := reconciliation.todo(after=after, limit=_PAGE_FILES):
        yield from (todo for _, todo in rows)
        after = rows[-1][0]


class _Pace:
    """How fast a run goes, and when it will be done."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self.begin()

    def begin(self) -> None:
        """Start the clock (again): loading a model says nothing about the time left."""
        self._started = time.monotonic()
        self._done_before = self._done

    def progress(self, more: int, problems: int) -> Progress:
        """Note ``more`` files as done and return where the run stands."""
        self._done += more
        per_s = (self._done - self._done_before) / max(time.monotonic() - self._started, 1e-6)
        return Progress(
            "indexing", self._done, self._total, problems, per_s, (self._total - self._done) / per_s if per_s else None
        )
