"""A listing with some of its pictures unfolded: their copies are rows of their own, right behind them.

Pure functions over columns; no Qt. A row stands for a picture or is a copy of the row before it.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from imgfind.core.records import Copies, Listing, PhotoId

_Number = TypeVar("_Number", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Unfolded:
    """What is shown of a listing: its rows, in which the copies are counted at the row they belong to."""

    listing: Listing
    is_copy: NDArray[np.bool_] | None = None
    """Which rows are copies that were unfolded, None where none are."""

    def count(self, row: int) -> int:
        """Return how many copies a row stands for, whether they are shown or not."""
        copies = self.listing.copies
        return 0 if copies is None else int(copies.offsets[row + 1] - copies.offsets[row])

    def copies(self, row: int) -> list[PhotoId]:
        """Return the copies that a row stands for."""
        copies = self.listing.copies
        ids: list[PhotoId] = (
            [] if copies is None else copies.photo_ids[copies.offsets[row] : copies.offsets[row + 1]].tolist()
        )
        return ids

    def belongs_to(self, row: int) -> int:
        """Return the row of the picture that a row belongs to, which may be itself."""
        while self.is_copy is not None and self.is_copy[row]:
            row -= 1
        return row

    def is_open(self, row: int) -> bool:
        """Tell whether the copies of a row are shown."""
        return self.is_copy is not None and row + 1 < len(self.is_copy) and bool(self.is_copy[row + 1])


def unfolded(found: Listing, opened: Collection[PhotoId]) -> Unfolded:
    """Return ``found`` with the copies of those pictures shown of which one photo is in ``opened``."""
    copies = found.copies
    if copies is None or not opened:
        return Unfolded(found)
    ids = np.fromiter(opened, np.int64, len(opened))
    counts = np.diff(copies.offsets)
    hits = np.concatenate(([0], np.cumsum(np.isin(copies.photo_ids, ids))))[copies.offsets]
    is_open = (counts > 0) & (np.isin(found.photo_ids, ids) | (np.diff(hits) > 0))
    added = np.where(is_open, counts, 0)
    places = np.arange(len(counts)) + np.cumsum(added) - added
    is_copy = np.ones(len(counts) + int(added.sum()), bool)
    is_copy[places] = False
    shown = np.repeat(is_open, counts)

    def merged(rows: NDArray[_Number], others: NDArray[_Number]) -> NDArray[_Number]:
        both: NDArray[_Number] = np.empty(len(is_copy), rows.dtype)
        both[places], both[is_copy] = rows, others[shown]
        return both

    counted = np.zeros(len(is_copy), np.int64)
    counted[places] = counts
    listing = replace(
        found,
        photo_ids=merged(found.photo_ids, copies.photo_ids),
        scores=None if found.scores is None else merged(found.scores, copies.scores),
        sections=tuple(section._replace(first=int(places[section.first])) for section in found.sections),
        copies=Copies(np.concatenate(([0], np.cumsum(counted))), copies.photo_ids, copies.scores),
    )
    return Unfolded(listing, is_copy if is_copy.any() else None)
