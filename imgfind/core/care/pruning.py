"""Deletes what vanished long ago and what is too much of a cache, and gives the space back; never a photo.

Runs on one thread, under the indexer's lock (a dry run needs none).
"""

import contextlib
import datetime as dt
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imgfind.core.care import backups
from imgfind.core.database import Database
from imgfind.core.errors import LibraryError, UsageError
from imgfind.core.job import Job, Progress
from imgfind.core.store import Store, checks
from imgfind.core.thumbs import Previews

log = logging.getLogger(__name__)

KEEP_DAYS = 90
PREVIEWS_CAP_BYTES = 20 * 10**9
"""More than a million previews."""
_WORTH_SHARE = 10
"""Space is given back once more than one in so many bytes of a file is free: writing it anew takes time and as much
space again, and what stays free inside is used by the next photos. VACUUM and not auto_vacuum: after pruning 20,000 of
49,000 photos it gave back 22 MB of 53 in 0.5 s in all, and needs nothing from libraries made before."""
_PREVIEWS_A_STEP = 500


@dataclass(frozen=True, slots=True)
class PruneOptions:
    """What is too old (days since it vanished) and what is too much (bytes); ``dry_run`` only counts."""

    days: int = KEEP_DAYS
    previews_cap_bytes: int = PREVIEWS_CAP_BYTES
    dry_run: bool = False

    def __post_init__(self) -> None:
        """Refuse negative numbers."""
        if self.days < 0 or self.previews_cap_bytes < 0:
            raise UsageError("Days and the cap of the previews must be 0 or more.")


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was, or would be, deleted; ``freed_bytes`` is what the disk got back."""

    contents: int
    vectors: int
    previews: int
    copies: int
    freed_bytes: int
    dry_run: bool


def prune(store: Store, folder: Path, options: PruneOptions, job: Job) -> Pruned:
    """Delete what is too old or too much.

    That is: contents that vanished more than ``options.days`` ago with their vectors, previews without content or over
    the cap, and catalogues that were set aside as long ago. Search graphs have to be refreshed afterwards.
    """
    before_bytes = size_bytes(folder)
    contents, vectors = checks.prunable(store.database, options.days)
    if contents and not options.dry_run:
        job.report(Progress("pruning the catalogue"))
        checks.prune(store.database, options.days)
        _compact(store.database, folder)
    with contextlib.closing(Previews(folder, readonly=options.dry_run or not _has_previews(folder))) as previews:
        dropped = _prune_previews(previews, store.database, folder, options, job)
    copies = _old_copies(folder, options.days)
    if not options.dry_run:
        for file in copies:
            with contextlib.suppress(OSError):
                file.unlink()
    freed = 0 if options.dry_run else max(0, before_bytes - size_bytes(folder))
    return Pruned(contents, vectors, dropped, len(copies), freed, options.dry_run)


def _prune_previews(previews: Previews, database: Database, folder: Path, options: PruneOptions, job: Job) -> int:
    doomed = _too_many(previews, database, options)
    if not options.dry_run:
        for start in range(0, len(doomed), _PREVIEWS_A_STEP):
            job.report(Progress("pruning previews", start, len(doomed)))
            previews.remove(doomed[start : start + _PREVIEWS_A_STEP])
        if doomed:
            _compact(previews, folder)
    return len(doomed)


def _too_many(previews: Previews, database: Database, options: PruneOptions) -> list[bytes]:
    """Return the contents whose previews go: without content first, then vanished ones, then the oldest."""
    total = 0
    unknown: list[tuple[bytes, int]] = []
    vanished: list[tuple[bytes, int]] = []
    for page in _pages(previews):
        hashes = [content_hash for _, content_hash, _ in page]
        gone = set(checks.unknown_hashes(database, hashes, vanished_days=options.days))
        on_show = checks.hashes_on_show(database, hashes)
        for _, content_hash, jpeg_bytes in page:
            total += jpeg_bytes
            if content_hash in gone:
                unknown.append((content_hash, jpeg_bytes))
            elif content_hash not in on_show:
                vanished.append((content_hash, jpeg_bytes))
    doomed = [content_hash for content_hash, _ in unknown]
    total -= sum(jpeg_bytes for _, jpeg_bytes in unknown)
    taken = set(doomed)
    oldest_first = ((content_hash, jpeg_bytes) for page in _pages(previews) for _, content_hash, jpeg_bytes in page)
    for candidates in (iter(vanished), oldest_first):
        while total > options.previews_cap_bytes and (candidate := next(candidates, None)):
            content_hash, jpeg_bytes = candidate
            if content_hash not in taken:
                taken.add(content_hash)
                doomed.append(content_hash)
                total -= jpeg_bytes
    return doomed


def _pages(previews: Previews) -> Iterator[list[tuple[int, bytes, int]]]:
    after = 0
    while page := previews.sizes(after):
        yield page
        after = page[-1][0]


def _old_copies(folder: Path, days: int) -> list[Path]:
    limit = backups.now() - dt.timedelta(days=days)
    old = [file for file, moment in backups.set_aside(folder) if moment < limit]
    return [path for file in old for path in (file, *backups.logs_of(file)) if path.exists()]


def _has_previews(folder: Path) -> bool:
    with contextlib.closing(Previews(folder, readonly=True)) as previews:
        return previews.exists()


def _compact(file: Database | Previews, folder: Path) -> None:
    used_bytes, free_bytes = file.space()
    # Twice, for the copy and for the log it goes through.
    if free_bytes * _WORTH_SHARE > used_bytes + free_bytes and shutil.disk_usage(folder).free > 2 * used_bytes:
        try:
            file.compact()
        except LibraryError as error:  # somebody else is writing: the space is used by the next photos
            log.info("no space was given back: %s", error)


def size_bytes(folder: Path) -> int:
    """Add up the files in ``folder``; those that go meanwhile (SQLite's and the indexer's) count for nothing."""
    total = 0
    for entry in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += entry.stat().st_size if entry.is_file() else 0
    return total
