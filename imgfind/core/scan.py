r"""Folders -> a stream of :class:`FoundFile`, and of what could not be listed. Opens no file, knows no catalogue.

What is found, below one folder:

- Regular files whose suffix is asked for, whatever its case, and whatever bytes the name holds; empty ones too.
- Symbolic links to files are followed (git-annex and album folders are nothing but links), so two paths may lead to
  one (device, inode): whoever keeps the files keeps one of them. Links to folders and Windows junctions are not
  followed, and links that lead nowhere do not count as files.
- Not: hidden files and folders (leading dot; the hidden flag of Windows and macOS) and what ``_SKIPPED_FOLDERS`` names:
  trash, thumbnails and snapshots of NAS systems, leftovers of repairs and archives. The folder that was asked for is
  scanned whatever its own name.
- Not: what the user's exclude patterns match, files and whole folders. ``* ? [abc] [!abc]`` as in :mod:`fnmatch`, and
  ``*`` matches slashes too. A pattern without a slash is compared with the bare name at any depth (``*_thumb*``,
  ``Lightroom Previews``); one with a slash with the path below the scanned folder (``2019/raw``, ``*/raw``, and
  ``**/raw`` for any depth); an absolute one with the whole path. A slash at the end changes nothing. Case counts,
  except on Windows, where both slashes are the same as well.
- Libraries of Apple Photos are folders like any other: their previews come out beside the originals, and an exclude
  (``*.photoslibrary/resources``) leaves them out.

Safe on any thread. 100,000 empty files in 1,000 folders: 0.5 s on one core of a server (Linux, warm cache).
"""

import errno
import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from imgfind.core import paths
from imgfind.core.errors import ImgfindError
from imgfind.core.job import Job, Progress
from imgfind.core.paths import displayed
from imgfind.core.records import FoundFile

_REPORT_EVERY = 1000

_SKIPPED_FOLDERS = frozenset(
    {
        "$recycle.bin", "recycler", "system volume information",  # Windows
        "lost+found",  # ext2 to ext4, after a repair
        "@eadir", "#recycle", "#snapshot",  # Synology
        "@recycle", "@recently-snapshot",  # QNAP
        "__macosx",  # resource forks in archives packed on macOS
        "node_modules",
    }
)  # fmt: skip
"""Lower-case names; the trash of Linux and macOS (``.Trash-1000``, ``.Trashes``) is hidden anyway."""

# A link that leads nowhere: to nothing, below a file, or in a circle.
_LEADS_NOWHERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})

# [MS-FSCC] 2.1.2.1; `stat` has this name on Windows only. OneDrive folders carry other tags and are ordinary to us.
_REPARSE_TAG_MOUNT_POINT = 0xA0000003


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A folder that could not be listed to its end, or a file whose size and date could not be read.

    Nothing is known about ``path`` and everything below it, so nothing there may be taken for gone.
    """

    path: str
    reason: str


def scan(
    folder: str, *, suffixes: frozenset[str], excludes: Sequence[str] = (), base: str | None = None, job: Job
) -> Iterator[FoundFile | Unlisted]:
    """Walk ``folder`` (absolute) in the order of names, the files of a folder before its subfolders.

    ``suffixes`` are lower case with their dot. Relative ``excludes`` are paths below ``base``, by default ``folder``. A
    ``folder`` that is missing or no folder comes out as one :class:`Unlisted` with its own path. Reports the number of
    files found so far; raises :class:`Cancelled`.
    """
    return _Walk(suffixes, _exclusion(base or folder, excludes), job).run(folder)


def is_left_out(path: str, base: str, excludes: Sequence[str]) -> bool:
    """Tell whether a scan of ``base`` leaves out the file at ``path`` because it, or a folder above it, is excluded."""
    is_excluded = _exclusion(base, excludes)
    while is_excluded is not None and len(path) > len(base):
        if is_excluded(path):
            return True
        path = os.path.dirname(path)
    return False


def check_folder(path: str) -> str:
    """Return ``path`` absolute, without ``..``, and spelled as listed, if it is a folder that can be listed.

    Links are left as they are. Raises :class:`ImgfindError` otherwise.
    """
    shown = displayed(path)
    folder = as_listed(os.path.abspath(path)) if path else path  # an empty path is a mistake, not the current folder
    try:
        with os.scandir(folder) as entries:
            next(entries, None)
    except NotADirectoryError as error:
        if os.path.isfile(folder):
            raise ImgfindError(f"{shown} is a file; name the folder that holds it.") from error
        raise ImgfindError(f"{shown} is not a folder; check the spelling.") from error
    except FileNotFoundError as error:
        raise ImgfindError(f"The folder '{shown}' does not exist; check the spelling or connect the drive.") from error
    except PermissionError as error:
        raise ImgfindError(f"You may not list {shown}; change its permissions or name another folder.") from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise ImgfindError(f"{shown} cannot be listed ({_reason(error)}); check the path and the drive.") from error
    return folder


def as_listed(path: str) -> str:
    """Return an absolute path with every name spelled as its folder lists it; names that are not there stay.

    What people type may differ from it in the composition of accents (NFC, NFD: macOS and its shares list either), and
    on file systems that do not care in upper and lower case.
    """
    parent, name = os.path.split(path)
    if parent == path or "\0" in name:
        return path
    parent = as_listed(parent)
    spelled = os.path.join(parent, name)
    try:
        names = os.listdir(parent)
    except OSError:
        return spelled
    if name in names:
        return spelled
    for other in names:
        if paths.same_but_for_accents(other, name):
            return os.path.join(parent, other)
    for other in names:
        candidate = os.path.join(parent, other)
        if paths.same_but_for_case(other, name) and is_one_file(candidate, spelled):
            return candidate
    return spelled


def is_passed_over(path: str, base: str, excludes: Sequence[str]) -> bool:
    """Tell whether a scan of ``base`` never looks into the folder ``path`` below it, whatever it holds."""
    folder = path
    while len(folder) > len(base):
        name = os.path.basename(folder)
        if name.startswith(".") or name.lower() in _SKIPPED_FOLDERS or _is_closed_or_link(folder):
            return True
        folder = os.path.dirname(folder)
    return is_left_out(path, base, excludes)


def is_one_file(path: str, other: str) -> bool:
    """Tell whether two paths lead to one file or folder at this moment."""
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False


def _is_closed_or_link(folder: str) -> bool:
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISLNK(status.st_mode) or (_HAS_FLAGS and _is_hidden(status))


@dataclass(slots=True)
class _Listing:
    """What one folder holds that may be wanted."""

    files: list[os.DirEntry[str]] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    unlisted: list[Unlisted] = field(default_factory=list)


class _Walk:
    def __init__(self, suffixes: frozenset[str], is_excluded: Callable[[str], bool] | None, job: Job) -> None:
        self._suffixes = suffixes
        self._is_excluded = is_excluded
        self._job = job
        self._steps = 0
        self._found = 0

    def run(self, folder: str) -> Iterator[FoundFile | Unlisted]:
        pending = [folder]
        while pending:
            self._job.report()
            listing = self._list(pending.pop())
            yield from listing.unlisted
            for entry in sorted(listing.files, key=attrgetter("name")):
                self._step()
                result = _examine(entry)
                if result is not None:
                    self._found += isinstance(result, FoundFile)
                    yield result
            pending.extend(sorted(listing.folders, reverse=True))
        self._job.report(Progress("scanning", self._found))

    def _step(self) -> None:
        self._steps += 1
        if self._steps % _REPORT_EVERY == 0:
            self._job.report(Progress("scanning", self._found))

    def _list(self, folder: str) -> _Listing:
        """List one folder; the listing is closed before anything is yielded, so no handle outlives this call."""
        listing = _Listing()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._step()
                    self._sort_in(entry, listing)
        except OSError as error:
            listing.unlisted.append(Unlisted(folder, _reason(error)))
        return listing

    def _sort_in(self, entry: os.DirEntry[str], listing: _Listing) -> None:
        name = entry.name
        if name.startswith("."):
            return
        try:
            is_folder = entry.is_dir(follow_symlinks=False)
            # Suffix first: most of what lies around is no photo and needs no further look.
            if not is_folder and name[name.rfind(".") :].lower() not in self._suffixes:
                return
            if is_folder and (name.lower() in _SKIPPED_FOLDERS or _is_closed(entry)):
                return
        except OSError as error:
            listing.unlisted.append(Unlisted(entry.path, _reason(error)))
            return
        if self._is_excluded is not None and self._is_excluded(entry.path):
            return
        if is_folder:
            listing.folders.append(entry.path)
        else:
            listing.files.append(entry)


def _examine(entry: os.DirEntry[str]) -> FoundFile | Unlisted | None:
    """Look at one directory entry; None where it is no file, is hidden, or vanished since it was listed."""
    try:
        status = entry.stat()
    except OSError as error:
        return None if error.errno in _LEADS_NOWHERE else Unlisted(entry.path, _reason(error))
    if not stat.S_ISREG(status.st_mode) or _is_hidden(status):
        return None
    # Windows leaves st_dev and st_ino at 0 here, which is what FoundFile means by "none to offer".
    return FoundFile(entry.path, status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)


def _is_closed(folder: os.DirEntry[str]) -> bool:
    """Tell whether a flag of Windows or macOS says to stay out."""
    if not _HAS_FLAGS:
        return False
    status = folder.stat(follow_symlinks=False)
    return _is_hidden(status) or getattr(status, "st_reparse_tag", 0) == _REPARSE_TAG_MOUNT_POINT


def _is_hidden(status: os.stat_result) -> bool:
    return bool(
        getattr(status, "st_file_attributes", 0) & stat.FILE_ATTRIBUTE_HIDDEN  # Windows
        or getattr(status, "st_flags", 0) & stat.UF_HIDDEN  # macOS, BSD
    )


_HAS_FLAGS = hasattr(os.stat_result, "st_file_attributes") or hasattr(os.stat_result, "st_flags")
"""Elsewhere a folder's own status has nothing to say, and asking for it costs a system call."""


def _exclusion(folder: str, patterns: Sequence[str]) -> Callable[[str], bool] | None:
    """Return what tells whether a path below ``folder`` is excluded, or None where nothing is."""
    names, relatives, absolutes = [], [], []
    for pattern in patterns:
        normal = os.path.normcase(pattern).rstrip(os.sep)
        if os.sep not in normal:
            names.append(normal)
        elif os.path.isabs(normal):
            absolutes.append(normal)
        else:
            relatives.append(normal)
            if normal.startswith("**" + os.sep):  # "any depth" includes none
                relatives.append(normal[3:])
    if not (names or relatives or absolutes):
        return None
    matches_name, matches_relative, matches_absolute = map(_any_of, (names, relatives, absolutes))
    prefix_chars = len(os.path.join(folder, ""))

    def is_excluded(path: str) -> bool:
        path = os.path.normcase(path)
        return bool(
            matches_name(path[path.rfind(os.sep) + 1 :])
            or matches_relative(path[prefix_chars:])
            or matches_absolute(path)
        )

    return is_excluded


def _any_of(patterns: list[str]) -> Callable[[str], re.Match[str] | None]:
    never = r"(?!)"
    return re.compile("|".join(map(fnmatch.translate, patterns)) or never).match


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
