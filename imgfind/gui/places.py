"""Where one can go in the sidebar, and the query each place stands for. Pure data and functions, safe on every thread.

A place is a query of the one grammar (:mod:`imgfind.core.query`), except for duplicates and problems, which are pages
of their own.
"""

import enum
import re
from dataclasses import dataclass

from imgfind.core import QueryError
from imgfind.core.filters import DateFilter, Filter, WordFilter
from imgfind.core.query import Query, parse, unparse

UNDATED = "undated"
"""The month of photos whose date nobody knows, as ``Library.photos.months`` calls it."""

_NO_DATE = DateFilter("0001", None, excluded=True)
"""What is not known is never excluded, so this leaves the photos without a date."""
_MONTH = re.compile(r"\d{4}(-\d\d)?", re.ASCII)


class PlaceKind(enum.StrEnum):
    """What a place is; its value is what ``Place.value`` holds for it."""

    ALL = "all"
    MONTH = "month"
    """``2021-05``, ``2021`` for the whole year, or ``undated``."""
    FOLDER = "folder"
    """An absolute path."""
    FAVOURITES = "favourites"
    HIDDEN = "hidden"
    SAVED = "saved"
    """The query that was saved."""
    DUPLICATES = "duplicates"
    PROBLEMS = "problems"


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the sidebar."""

    kind: PlaceKind
    value: str = ""

    def query(self) -> str | None:
        """Return the query that shows this place, or None where it is a page of its own."""
        match self.kind:
            case PlaceKind.ALL:
                return ""
            case PlaceKind.SAVED:
                return self.value
            case PlaceKind.DUPLICATES | PlaceKind.PROBLEMS:
                return None
            case _:
                return unparse(Query((), (self._filter(),)))

    def _filter(self) -> Filter:
        match self.kind:
            case PlaceKind.MONTH:
                return _NO_DATE if self.value == UNDATED else DateFilter(self.value, self.value)
            case PlaceKind.FOLDER:
                return WordFilter("in", self.value)
            case PlaceKind.FAVOURITES:
                return WordFilter("is", "favourite")
            case _:
                return WordFilter("is", "hidden")


ALL_PHOTOS = Place(PlaceKind.ALL)
FAVOURITES = Place(PlaceKind.FAVOURITES)
HIDDEN = Place(PlaceKind.HIDDEN)
DUPLICATES = Place(PlaceKind.DUPLICATES)
PROBLEMS = Place(PlaceKind.PROBLEMS)


def place_of(query: str) -> Place | None:
    """Return the place that a query shows, or None where it shows more, less or something else.

    Saved searches are not known here; see :meth:`imgfind.gui.sidebar.Sidebar.select_query`.
    """
    if not query.strip():
        return ALL_PHOTOS
    try:
        parsed = parse(query)
    except QueryError:
        return None
    if parsed.terms or len(parsed.filters) != 1:
        return None
    return _place_of_filter(parsed.filters[0])


def _place_of_filter(item: Filter) -> Place | None:
    match item:
        case DateFilter() if item == _NO_DATE:
            return Place(PlaceKind.MONTH, UNDATED)
        case DateFilter(first=str(first), last=last, excluded=False) if first == last and _MONTH.fullmatch(first):
            return Place(PlaceKind.MONTH, first)
        case WordFilter(name="in", excluded=False):
            return Place(PlaceKind.FOLDER, item.value)
        case WordFilter(name="is", value="favourite", excluded=False):
            return FAVOURITES
        case WordFilter(name="is", value="hidden", excluded=False):
            return HIDDEN
        case _:
            return None
