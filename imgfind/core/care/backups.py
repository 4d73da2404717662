"""Copies of the catalogue: the rolling ones in the library, those a person asks for, and the way back.

A copy is made by SQLite's backup interface, so it is consistent whoever writes meanwhile; it has a name only once it is
whole and was checked. Needs no lock to copy; :func:`restore` and :func:`keep_rolling` need the indexer's.
"""

import contextlib
import datetime as dt
import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from imgfind.core.care.files import UNFINISHED, swapped_in
from imgfind.core.database import DamagedDatabaseError, Database
from imgfind.core.errors import ImgfindError, LibraryError, UsageError
from imgfind.core.job import Job, Progress
from imgfind.core.store import CATALOGUE_FILE, Store, checks
from imgfind.core.store.opening import checked_version, file_version

log = logging.getLogger(__name__)

BACKUPS_FOLDER = "backups"
KEPT = 3
"""How many rolling backups there are: enough to go behind damage that stayed unseen for two days of use."""
EVERY = dt.timedelta(days=1)

RESTORED = "restored"
"""The setting that differs once a catalogue was brought back: what a reader holds of it in memory is void."""

_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"catalog-(\d{8}T\d{6}Z)\.sqlite3")
_ASIDE = re.compile(re.escape(CATALOGUE_FILE) + r"\.(?:damaged|replaced)-(\d{8}T\d{6}Z)(?:-\d+)?")
_LOGS = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database; beside another one it would be taken for that one's own."""
_GRAPHS = "vectors/*.hnsw*"


@dataclass(frozen=True, slots=True)
class Backup:
    """A rolling backup and when it was made (UTC, from its name: file times do not survive copying)."""

    file: Path
    made_at: dt.datetime

    @property
    def age(self) -> str:
        """Return its age in words."""
        days = (now() - self.made_at).days
        return "today" if days < 1 else "1 day ago" if days == 1 else f"{days:,} days ago"


@dataclass(frozen=True, slots=True)
class Restored:
    """What bringing a catalogue back changed; counts are of photos and contents, None where nothing could be read.

    ``kept`` is where the catalogue from before is now, None where there was none.
    """

    source: Path
    kept: Path | None
    before: dict[str, int] | None
    after: dict[str, int]


def now() -> dt.datetime:
    """Return this moment in UTC."""
    return dt.datetime.now(dt.UTC)


def rolling(folder: Path) -> list[Backup]:
    """Return the rolling backups of a library, the newest first."""
    return [Backup(*pair) for pair in _dated(folder / BACKUPS_FOLDER, _NAME)]


def set_aside(folder: Path) -> list[tuple[Path, dt.datetime]]:
    """Return the catalogues that were replaced, and when, the newest first."""
    return _dated(folder, _ASIDE)


def _dated(folder: Path, pattern: re.Pattern[str]) -> list[tuple[Path, dt.datetime]]:
    found = []
    with contextlib.suppress(OSError):
        for file in folder.iterdir():
            if match := pattern.fullmatch(file.name):
                with contextlib.suppress(ValueError):  # digits that are no date
                    moment = dt.datetime.strptime(match[1], _STAMP).replace(tzinfo=dt.UTC)
                    found.append((file, moment))
    return sorted(found, key=lambda pair: (pair[1], pair[0]), reverse=True)


def keep_rolling(database: Database, folder: Path, job: Job, *, changed: bool) -> None:
    """Make a rolling backup where one is due: none yet, or none of the last day and something ``changed``.

    A backup that cannot be made is a warning: the run it follows was a success.
    """
    remove_unfinished(folder)
    newest = next(iter(rolling(folder)), None)
    # One from the future (a clock that was wrong) must not put off all others.
    recent = newest is not None and dt.timedelta(0) <= now() - newest.made_at < EVERY
    if newest is not None and (recent or not changed):
        return
    try:
        make_rolling(database, folder, job)
    except ImgfindError as error:
        log.warning("No backup of the catalogue was made: %s", error)


def make_rolling(database: Database, folder: Path, job: Job) -> Path:
    """Make a rolling backup now and drop those that are more than ``KEPT``. Raises :class:`LibraryError`."""
    backups_folder = folder / BACKUPS_FOLDER
    try:
        backups_folder.mkdir(exist_ok=True)
    except OSError as error:
        raise LibraryError(f"Cannot make {backups_folder} ({error.strerror}); check the permissions.") from error
    file = backups_folder / f"catalog-{now().strftime(_STAMP)}.sqlite3"
    copy(database, file, job, force=True)
    others = [backup.file for backup in rolling(folder) if backup.file != file]
    for old in others[KEPT - 1 :]:
        with contextlib.suppress(OSError):
            old.unlink()
    return file


def remove_unfinished(folder: Path) -> list[Path]:
    """Remove what a killed copy left in the library and return it."""
    found = unfinished(folder)
    for file in found:
        with contextlib.suppress(OSError):
            file.unlink()
    return found


def unfinished(folder: Path) -> list[Path]:
    """Return what killed copies left in the library."""
    return sorted([*folder.glob(f"*{UNFINISHED}*"), *(folder / BACKUPS_FOLDER).glob(f"*{UNFINISHED}*")])


def copy(database: Database, file: Path, job: Job, *, force: bool) -> None:
    """Write a checked copy of an opened catalogue to ``file``; raises :class:`ImgfindError` with no file left."""
    job.report(Progress("backing up"))
    with swapped_in(file, force=force) as unfinished_file:
        database.backup_to(unfinished_file, _progress(job, "backing up"))
        damage = problem_of(unfinished_file)
        if damage:
            raise DamagedDatabaseError(f"The copy {file} would be damaged ({damage}); run: imgfind doctor")


def backup(folder: Path, file: Path, job: Job, *, force: bool) -> None:
    """Write a copy of a library's catalogue to ``file``, also while it is being indexed, whatever its schema."""
    if checked_version(folder) == 0:
        raise LibraryError(f"There is no imgfind library in {folder}; there is nothing to back up.")
    if file.exists() and file.samefile(folder / CATALOGUE_FILE):
        raise UsageError(f"{file} is the catalogue itself; name another file.")
    with contextlib.closing(Database(folder / CATALOGUE_FILE, readonly=True)) as database:
        copy(database, file, job, force=force)


def problem_of(file: Path) -> str | None:
    """Say why a file is no catalogue that could be restored, or None where it is one."""
    try:
        if not file.is_file():
            return "there is no such file"
        if file_version(file) == 0:
            return "it is empty"
        with contextlib.closing(Database(file, readonly=True)) as database:
            return next(iter(checks.page_findings(database, quick=True)), None)
    except (ImgfindError, OSError) as error:
        return str(error)


def restore(folder: Path, file: Path, job: Job) -> Restored:
    """Make ``file`` the catalogue of a library; the present one is kept aside, sound or damaged.

    The catalogue is as before where this raises :class:`ImgfindError` or :class:`Cancelled`. The search graphs go: ids
    of vectors may be given out once more, and what a graph says of them would be about others.
    """
    problem = problem_of(file)
    if problem:
        raise LibraryError(f"{file} cannot be restored ({problem}); name a file that 'imgfind backup' made.")
    present = folder / CATALOGUE_FILE
    if present.exists() and file.samefile(present):
        raise UsageError(f"{file} is the catalogue itself; name a backup.")
    before, sound = _present_state(present, file)
    for graph in folder.glob(_GRAPHS):
        with contextlib.suppress(OSError):
            graph.unlink()
    kept = _replaced_within(present, file, job) if sound else _swapped(present, file, job)
    with contextlib.closing(Store.create(folder)) as store:
        store.set_setting(RESTORED, f"{now().isoformat()} from {file.name}")
        after = checks.counts(store.database)
    assert after is not None, "it was checked"
    return Restored(file, kept, before, after)


def _present_state(present: Path, file: Path) -> tuple[dict[str, int] | None, bool]:
    """Return what the present catalogue holds, and whether a copy can be written into it as it is."""
    if not present.exists():
        return None, False
    try:
        if file_version(present) == 0:
            return None, False
        with contextlib.closing(Database(present, readonly=True)) as database:
            counts = checks.counts(database)
            page_size = database.value("PRAGMA page_size")
            sound = counts is not None and not checks.page_findings(database, quick=True)
    except DamagedDatabaseError:
        return None, False
    with contextlib.closing(Database(file, readonly=True)) as source:
        return counts, sound and page_size == source.value("PRAGMA page_size")


def _replaced_within(present: Path, file: Path, job: Job) -> Path:
    """Write the copy into the present catalogue, as one transaction that its readers see whole or not at all."""
    kept = _free_name(present, "replaced")
    with contextlib.closing(Database(present)) as database:
        copy(database, kept, job, force=False)
        database.replace_with(file, _progress(job, "restoring"))
    return kept


def _swapped(present: Path, file: Path, job: Job) -> Path | None:
    """Put a copy in the place of a catalogue that is damaged or not there."""
    kept = _free_name(present, "damaged") if present.exists() else None
    with swapped_in(present, force=True) as unfinished_file:
        with contextlib.closing(Database(file, readonly=True)) as source:
            source.backup_to(unfinished_file, _progress(job, "restoring"))
        if kept is not None:
            for log_file, kept_log in zip(logs_of(present), logs_of(kept), strict=True):
                if log_file.exists():
                    os.replace(log_file, kept_log)
            try:
                os.link(present, kept)
            except OSError:  # a file system without links: there is no catalogue for a moment
                os.replace(present, kept)
    return kept


def logs_of(file: Path) -> list[Path]:
    """Return the names of the files that SQLite may keep beside a database."""
    return [file.with_name(file.name + suffix) for suffix in _LOGS]


def _free_name(present: Path, why: str) -> Path:
    base = present.with_name(f"{present.name}.{why}-{now().strftime(_STAMP)}")
    numbered = [base, *(base.with_name(f"{base.name}-{number}") for number in range(2, 100))]
    return next(name for name in numbered if not name.exists())


def _progress(job: Job, stage: str) -> Callable[[int, int], None]:
    return lambda done, total: job.report(Progress(stage, done, total))
