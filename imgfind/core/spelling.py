"""What people type -> the path as the library spells it: accents composed or not, and case where the disk ignores it.

Runs on the thread that opened the store.
"""

import os

from imgfind.core.errors import LibraryError
from imgfind.core.records import FileProblem
from imgfind.core.scan import as_listed
from imgfind.core.store import PhotoDetails, Store, roots


def known_as(store: Store, path: str) -> str:
    """Return the path, absolute, of the photo, problem or folder that is meant; as it was typed where none is known."""
    absolute = os.path.abspath(path)
    if _is_known(store, absolute):
        return absolute
    listed = as_listed(absolute)
    if listed != absolute and _is_known(store, listed):
        return listed
    return roots.known_spelling(store.database, absolute) or absolute


def looked_up(store: Store, path: str) -> PhotoDetails | FileProblem:
    """Return what is known of the photo at ``path``, or its problem. Raises :class:`LibraryError` for others."""
    absolute = known_as(store, path)
    found = store.photo(absolute) or store.problem(absolute)
    if found is None:
        if path and os.path.isdir(absolute):
            raise LibraryError(f"'{path}' is a folder; name one of its photos.")
        raise LibraryError(f"'{path}' is not in the library; index its folder first, or check the spelling.")
    return found


def existing(path: str) -> str:
    """Return ``path``, or what it is called on the disk where it is there under another spelling only."""
    if not path or os.path.lexists(path):
        return path
    listed = as_listed(os.path.abspath(path))
    return listed if os.path.lexists(listed) else path


def _is_known(store: Store, path: str) -> bool:
    return bool(store.photo(path) or store.problem(path)) or store.has_photos_below(path)
