"""Roots that move: which one is meant, whether a folder is plausibly the same one, where it is mounted now.

Looks at the catalogue and at the files' sizes and times; opens no photo and changes nothing itself
(:mod:`imgfind.core.store.roots` does). Runs on the thread that opened the store.
"""

import os
from collections.abc import Sequence

from imgfind.core import paths, volumes
from imgfind.core.errors import ImgfindError
from imgfind.core.paths import displayed
from imgfind.core.scan import check_folder, is_one_file
from imgfind.core.spelling import known_as
from imgfind.core.store import Root, Store, roots

_SAMPLE_PHOTOS = 200
"""A few hundredths of a second on a disk, a second or two on a slow share."""


def find_root(store: Store, folder: str) -> Root:
    """Return the root that ``folder`` names. Raises :class:`ImgfindError` where there is none."""
    absolute = os.path.abspath(folder)
    known = store.roots()
    for same in (str.__eq__, paths.same_but_for_accents, is_one_file):
        for root in known:
            if folder and same(root.path, absolute):
                return root
    above = next((root for root in known if paths.is_below(absolute, root.path)), None)
    if folder and above:
        raise ImgfindError(
            f"{displayed(absolute)} is only a part of {displayed(above.path)}; name that one, or leave the part out"
            " with: imgfind index --exclude"
        )
    raise ImgfindError(f"'{displayed(folder)}' is no folder of the library; see: imgfind roots")


def add(store: Store, folders: Sequence[str]) -> None:
    """Make roots of folders that were checked; their photos come with the next index run."""
    for folder in folders:
        store.add_root(folder, volume=volumes.volume_identity(folder))


def remove(store: Store, folder: str) -> Root:
    """Forget the root that ``folder`` names with its photos; return it as it was."""
    root = find_root(store, folder)
    roots.remove(store.database, root.root_id)
    return root


def forget_offline(store: Store, folder: str) -> int:
    """Forget the offline photos below ``folder``, return how many; :class:`ImgfindError` where there are none."""
    forgotten = roots.forget_offline(store.database, known_as(store, folder)) if folder else 0
    if not forgotten:
        raise ImgfindError(
            f"No photo below '{displayed(folder)}' is offline; 'imgfind index' finds out what is away, 'imgfind roots'"
            " lists it."
        )
    return forgotten


def relocate(store: Store, old: str, new: str, *, force: bool) -> int:
    """Put root ``old`` with all that is known of it at ``new``; return how many photos it has.

    Raises :class:`ImgfindError` where ``new`` cannot be it: missing, part of another root or above one, or (unless
    ``force``) without most of the photos.
    """
    root, folder = find_root(store, old), check_folder(new)
    if folder == root.path:
        raise ImgfindError(f"{displayed(folder)} is where the library has it already; there is nothing to do.")
    for other in store.roots():
        if other.root_id != root.root_id and (paths.is_below(folder, other.path) or paths.is_below(other.path, folder)):
            raise ImgfindError(
                f"{displayed(folder)} is in the library already, through {displayed(other.path)}; take one of the two"
                f" out with: imgfind roots remove FOLDER"
            )
    found, sampled = _found_in(store, root, folder)
    if not force and not _is_plausible(found, sampled):
        raise ImgfindError(
            f"Of {sampled:,} photos of {displayed(root.path)} that were looked for, {found:,} are in"
            f" {displayed(folder)} with the same size and time; check the folder, or add --force."
        )
    return roots.relocate(store.database, root.root_id, root.path, folder, volumes.volume_identity(folder))


def folder_elsewhere(store: Store, root: Root) -> str | None:
    """Return where a missing root plausibly is now, because its drive is mounted at another place."""
    if root.volume is None:
        return None
    for mounted_at in volumes.folders_of(root.volume):
        for tail in _tails(root.path):
            folder = os.path.join(mounted_at, tail) if tail else mounted_at
            if folder != root.path and os.path.isdir(folder):
                found, sampled = _found_in(store, root, folder)
                if found and _is_plausible(found, sampled):
                    return folder
    return None


def check_moved(store: Store, folders: Sequence[str]) -> None:
    """Raise :class:`ImgfindError` for a folder that is missing because its drive seems to be at another place."""
    for folder in folders:
        absolute = os.path.abspath(folder)
        if folder and not os.path.lexists(absolute):
            root = next((root for root in store.roots() if paths.is_below(absolute, root.path)), None)
            elsewhere = folder_elsewhere(store, root) if root else None
            if root and elsewhere:
                raise ImgfindError(hint(root.path, elsewhere))


def hint(root: str, elsewhere: str) -> str:
    """Return the sentence that tells of a drive that is at another place."""
    return (
        f"The drive of {displayed(root)} seems to be at {displayed(elsewhere)} now; if so, run: imgfind roots relocate"
        f" '{displayed(root)}' '{displayed(elsewhere)}'"
    )


def _found_in(store: Store, root: Root, folder: str) -> tuple[int, int]:
    """Return how many of a sample of the root's photos are in ``folder`` as well, and how many were looked for."""
    sample = roots.sample(store.database, root.root_id, _SAMPLE_PHOTOS)
    found = 0
    for photo in sample:
        try:
            status = os.stat(os.path.join(folder, os.path.relpath(photo.path, root.path)))
        except OSError:
            continue
        found += (status.st_size, status.st_mtime_ns) == (photo.size_bytes, photo.mtime_ns)
    return found, len(sample)


def _is_plausible(found: int, sampled: int) -> bool:
    # Some may have been deleted or edited while the drive was elsewhere.
    return 2 * found >= sampled


def _tails(path: str) -> list[str]:
    """Return the ends of a path, the longest first: what it may be called below another mount point."""
    names = os.path.splitdrive(path)[1].strip(os.sep).split(os.sep)
    return [os.sep.join(names[start:]) for start in range(len(names) + 1)]
