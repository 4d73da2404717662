"""Keeps a library current: waits until the system tells of changes, or some time has passed, and asks for an update.

:func:`system_changes` waits, :func:`updates` decides which folders have to be looked at again; neither reads a photo or
knows the catalogue. The system tells of folders on local disks; the others (network shares, drives that are away, or
all where the system has no watches left) are looked at now and then. Runs on the thread of its library.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from imgfind.core import formats, paths
from imgfind.core.errors import ImgfindError, LibraryBusyError
from imgfind.core.indexing import IndexSummary
from imgfind.core.job import Job
from imgfind.core.scan import is_passed_over
from imgfind.core.volumes import is_network

WATCH_INTERVAL_S = 600.0

_TICK_MS = 500
"""How long a wish to stop, or another indexer's end, may go unnoticed."""
_SETTLED_MS = 500
"""A change is passed on when nothing followed for this long, so that files are not read while they are written..."""
_LONGEST_MS = 10_000
"""...but after this long in any case."""

_MANY_FOLDERS = 50
"""More changed folders than this, and looking at everything is cheaper; and the system may have dropped some."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What may have changed since the last: these paths, or (``everything``) who knows what; often nothing at all."""

    changed: frozenset[str] = frozenset()
    everything: bool = False


def first_update(index: Callable[[], IndexSummary], job: Job, tell: Callable[[str], None]) -> IndexSummary:
    """Return what ``index`` returns, as soon as no other process indexes; ``tell`` is told once that it has to wait."""
    is_told = False
    while True:
        try:
            return index()
        except LibraryBusyError as error:
            if not is_told:
                tell(f"Waiting: {error}")
            is_told = True
        job.report()
        time.sleep(_TICK_MS / 1000)


def updates(
    changes: Iterable[Changes],
    *,
    roots: Callable[[], Sequence[str]],
    excludes: Callable[[], Sequence[str]],
    is_known: Callable[[str], bool],
    index: Callable[[Sequence[str]], IndexSummary],
) -> Iterator[IndexSummary]:
    """Yield the summary of each update that ``changes`` made necessary; ``index([])`` updates all roots.

    ``is_known`` tells whether the library knows a photo below a path; such a folder that went is of interest.
    While another process indexes, changes are kept until it is done.
    """
    pending = Changes()
    for more in changes:
        pending = Changes(pending.changed | more.changed, pending.everything or more.everything)
        known = list(roots()) if pending.changed or pending.everything else []
        folders = folders_to_scan(pending.changed, known, excludes(), is_known) if pending.changed else []
        everything = pending.everything or len(folders) > _MANY_FOLDERS
        if not (everything or folders) or not known:
            pending = Changes()
            continue
        try:
            summary = _indexed([] if everything else folders, index)
        except LibraryBusyError:
            continue
        pending = Changes()
        yield summary


def folders_to_scan(
    changed: Iterable[str], roots: Sequence[str], excludes: Sequence[str], is_known: Callable[[str], bool]
) -> list[str]:
    """Return the folders below ``roots`` that have to be looked at because these paths changed, none below another."""
    real_roots = {os.path.realpath(root): root for root in roots}
    folders = set()
    for path in changed:
        for start, root in [*zip(roots, roots, strict=True), *real_roots.items()]:
            if paths.is_below(path, start):
                # macOS tells the real path, however the root is spelled.
                known = os.path.normpath(os.path.join(root, os.path.relpath(path, start)))
                folder = known if os.path.isdir(known) else os.path.dirname(known)
                if not is_passed_over(folder, root, excludes) and (folder == known or _matters(known, is_known)):
                    folders.add(_nearest_folder(folder, root))
                break
    return sorted(f for f in folders if not any(f != other and paths.is_below(f, other) for other in folders))


def _matters(path: str, is_known: Callable[[str], bool]) -> bool:
    """Tell whether a change at a path that is no folder, or no longer, concerns a photo."""
    is_photo = os.path.splitext(path)[1].lower() in formats.suffixes()
    # The watcher puts a replacement character where a name is not UTF-8.
    return is_photo or "\ufffd" in path or is_known(path)


def _nearest_folder(folder: str, root: str) -> str:
    while len(folder) > len(root) and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder if paths.is_below(folder, root) else root


def system_changes(
    roots: Callable[[], Sequence[str]], *, interval_s: float, job: Job, tell: Callable[[str], None]
) -> Iterator[Changes]:
    """Yield changes as they come, and at least every half second an empty one, until ``job`` is cancelled.

    ``tell`` is given a sentence where the system refuses to watch.
    """
    can_watch = True
    due = time.monotonic() + interval_s
    while not job.cancelled:
        watched = _watchable(roots()) if can_watch else {}
        try:
            for number, changed in enumerate(_moments(list(watched), job)):
                is_due = time.monotonic() >= due
                if is_due:
                    due = time.monotonic() + interval_s
                # What happened before the watch began, and where none is.
                everything = number == 0 or (is_due and len(watched) < len(roots()))
                yield Changes(changed, everything)
                if (is_due or everything or changed) and can_watch and _watchable(roots()) != watched:
                    break  # a drive came or went, or a folder was added
        except OSError as error:
            # No more watches (fs.inotify.max_user_watches), or a folder vanished this very moment.
            if _watchable(roots()) == watched:
                can_watch = False
                tell(f"The system cannot watch the folders ({error}); looking every {interval_s / 60:g} min instead.")


def _indexed(folders: Sequence[str], index: Callable[[Sequence[str]], IndexSummary]) -> IndexSummary:
    try:
        return index(folders)
    except LibraryBusyError:
        raise
    except ImgfindError:
        if not folders:
            raise
        return index([])  # a folder went meanwhile, or its drive: the look at everything takes that into account


def _watchable(roots: Sequence[str]) -> dict[str, int]:
    """Return the roots the system tells about, each with its device: another one there is another watch."""
    devices = {}
    for root in roots:
        is_utf8 = not any("\udc80" <= char <= "\udcff" for char in root)  # the watcher takes nothing else
        if is_utf8 and not is_network(root) and os.path.isdir(root):
            devices[root] = os.stat(root).st_dev
    return devices


class _Stop:
    """A job's wish to stop, as watchfiles asks for it."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def is_set(self) -> bool:
        return self._job.cancelled


def _moments(folders: Sequence[str], job: Job) -> Iterator[frozenset[str]]:
    """Yield the paths that changed, at least every half second, until the job is cancelled."""
    if not folders:
        while not job.cancelled:
            yield frozenset()
            # Not a wait for the job's own event: a signal handler that sets it must not meet us inside.
            time.sleep(_TICK_MS / 1000)
        return
    import watchfiles

    changes = watchfiles.watch(
        *folders,
        watch_filter=None,
        debounce=_LONGEST_MS,
        step=_SETTLED_MS,
        rust_timeout=_TICK_MS,
        yield_on_timeout=True,
        stop_event=_Stop(job),
        force_polling=False,  # stat of every file several times a second is no help on a slow share
        ignore_permission_denied=True,
    )
    try:
        for batch in changes:
            # Windows tells of a folder with every file in it; those are told of themselves.
            yield frozenset(
                path for kind, path in batch if kind != watchfiles.Change.modified or not os.path.isdir(path)
            )
    except RuntimeError as error:  # WatchfilesRustInternalError
        raise OSError(str(error)) from error
