"""Looking through a library without ranking: by date, by folder, by what was marked; and marking.

What is shown as a list comes as a :class:`Listing`, what a thumbnail or a panel shows by photo id. A library that does
not exist yet has no photos; asking for them is no error. A :class:`Browsing` belongs to the thread of its
:class:`~imgfind.core.library.Library`. Its writes are short and do not mind an indexer at work.
"""

import os
from collections.abc import Sequence

from imgfind.core import collapsing
from imgfind.core.access import Access
from imgfind.core.duplicates import VERDICT_VERSION
from imgfind.core.errors import UsageError
from imgfind.core.filters import Filter
from imgfind.core.paths import displayed
from imgfind.core.query import parse
from imgfind.core.records import Card, IdArray, Listing, PhotoId
from imgfind.core.store import PhotoDetails, copies, listing, marks
from imgfind.core.store.listing import Counts, Folder
from imgfind.core.store.marks import SavedSearch

__all__ = ["Browsing", "Counts", "Folder", "SavedSearch"]


class Browsing:
    """The photos of a library as lists, folders, months and marks."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def prepare(self) -> None:
        """Bring a library that an earlier release left up to date, so that it can be read.

        Raises :class:`LibraryBusyError` where somebody is indexing it.
        """
        self._access.updated()

    def revision(self) -> object:
        """Return a value that differs once the library may have changed; to be compared with others of this one."""
        store = self._access.existing()
        return None if store is None else (self._access.openings, store.database.revision())

    def timeline(self, filters: Sequence[Filter] = ()) -> Listing:
        """Return the photos that ``filters`` leave, newest first, a section for each month, ``undated`` last.

        Hidden photos are left out unless ``is:hidden`` is asked for. Folders have to be absolute.
        """
        store = self._access.existing()
        return listing.EMPTY if store is None else listing.timeline(store.database, filters)

    def months(self) -> list[tuple[str, int]]:
        """Return the months (``2021-05``) photos were taken in and how many, newest first; ``undated`` last."""
        store = self._access.existing()
        return [] if store is None else listing.months(store.database)

    def subfolders(self, folder: str) -> list[Folder]:
        """Return the folders directly in ``folder`` that hold photos, at any depth, by name in any case."""
        store = self._access.existing()
        return [] if store is None else listing.subfolders(store.database, folder)

    def counts(self) -> Counts:
        """Count what each place lists."""
        store = self._access.existing()
        return Counts() if store is None else listing.counts(store.database)

    def cards(self, photo_ids: Sequence[int] | IdArray) -> list[Card]:
        """Return what thumbnails show of these photos, in this order; those that are gone are left out."""
        store = self._access.existing()
        return [] if store is None else listing.cards(store.database, photo_ids)

    def details(self, photo_id: int) -> PhotoDetails | None:
        """Return all that is known of a photo, None where it is gone."""
        store = self._access.existing()
        path = next(iter(self.paths([photo_id])), None)
        return None if store is None or path is None else store.photo(path)

    def near_copies(self, photo_id: PhotoId) -> list[str]:
        """Return where the picture of a photo lies in other bytes: with other metadata, in another size or format."""
        store = self._access.existing()
        content = None if store is None else copies.content_of(store.database, photo_id)
        if store is None or content is None:
            return []
        family = copies.family(store.database, VERDICT_VERSION, content)
        own = collapsing.families(family, collapsing.known(store.database, family))[0]
        return copies.paths_showing(store.database, [family[place] for place in own if place])

    def paths(self, photo_ids: Sequence[int] | IdArray) -> list[str]:
        """Return where these photos are, in this order; those that are gone are left out."""
        store = self._access.existing()
        return [] if store is None else listing.paths_of(store.database, photo_ids)

    def ids_of_paths(self, paths: Sequence[str]) -> list[PhotoId]:
        """Return the photos at these absolute paths, in this order; paths of no photo are left out."""
        store = self._access.existing()
        return [] if store is None else listing.ids_of(store.database, paths)

    def set_favourite(self, photo_ids: Sequence[int] | IdArray, on: bool) -> None:
        """Make these photos, with their copies, favourites, or no longer."""
        with self._access.noting() as store:
            marks.mark(store.database, "favourite", photo_ids, on=on)

    def set_hidden(self, photo_ids: Sequence[int] | IdArray, on: bool) -> None:
        """Leave these photos, with their copies, out of every list and search, or no longer."""
        with self._access.noting() as store:
            marks.mark(store.database, "hidden", photo_ids, on=on)

    def saved_searches(self) -> list[SavedSearch]:
        """Return the queries kept by name, by name."""
        store = self._access.existing()
        return [] if store is None else marks.saved_searches(store.database)

    def save_search(self, name: str, query: str) -> None:
        """Keep ``query`` as ``name``, in place of one of that name.

        Raises :class:`UsageError` for an empty name, :class:`QueryError` for what is no query.
        """
        parse(query)
        with self._access.noting() as store:
            marks.save_search(store.database, _checked_name(name), query)

    def rename_search(self, old: str, new: str) -> None:
        """Rename a saved search. Raises :class:`UsageError` where ``new`` is empty or taken."""
        new = _checked_name(new)
        with self._access.noting() as store:
            if not marks.rename_search(store.database, old, new):
                raise UsageError(f"There is a saved search '{new}' already; choose another name.")

    def remove_search(self, name: str) -> None:
        """Forget a saved search."""
        with self._access.noting() as store:
            marks.remove_search(store.database, name)

    def forget_problems(self, paths: Sequence[str]) -> None:
        """Forget that these files could not be read, so that the next index run tries them again."""
        with self._access.noting() as store:
            marks.forget_problems(store.database, [os.fsencode(path) for path in paths])

    def excludes(self) -> list[str]:
        """Return the patterns of files and folders that indexing leaves out."""
        store = self._access.existing()
        return [] if store is None else store.excludes()

    def set_excludes(self, patterns: Sequence[str]) -> None:
        """Replace the patterns of files and folders that indexing leaves out; the next run goes by them."""
        with self._access.noting() as store:
            marks.set_excludes(store.database, patterns)


def _checked_name(name: str) -> str:
    if not name.strip():
        raise UsageError("A saved search needs a name.")
    return displayed(name.strip())
