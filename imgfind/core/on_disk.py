"""What only the disk says of photos that may be removed: whether a film belongs to one, whether its file has two names.

Looks at names and numbers, opens no file. Safe on any thread.
"""

import os
import stat
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from imgfind.core import pairs
from imgfind.core.store.rows import GroupedPhoto


def looked_at(photos: Iterable[GroupedPhoto]) -> list[GroupedPhoto]:
    """Return photos with what the disk says of them; of those that are offline, or not there, it says nothing."""
    names = cache(_names_in)

    def looked(photo: GroupedPhoto) -> GroupedPhoto:
        if photo.offline:
            return photo
        has_film = pairs.has_film(photo.path, names(os.path.dirname(photo.path)))
        is_linked = _is_linked(photo.path)
        return replace(photo, has_film=has_film, is_linked=is_linked) if has_film or is_linked else photo

    return [looked(photo) for photo in photos]


def _names_in(folder: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))
    except OSError:
        return frozenset()


def _is_linked(path: str) -> bool:
    """Tell whether removing the path frees nothing: it is a link, or one of several names of its file."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISLNK(status.st_mode) or status.st_nlink > 1
