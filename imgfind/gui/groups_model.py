"""The photos of the groups under review as a Qt model: a section for each group, the kept photo first.

Cards and pixmaps come from the loader, as in every grid; what a photo is in its group comes from the
:class:`~imgfind.gui.review.Review`. GUI thread only.
"""

from typing import NamedTuple

from PySide6.QtCore import QObject, Qt

from imgfind.core import paths
from imgfind.core.records import Listing, Section
from imgfind.gui import texts, verdict_words
from imgfind.gui.results_model import ResultsModel
from imgfind.gui.review import Review
from imgfind.gui.thumb_loader import ThumbLoader

SpotRole = Qt.ItemDataRole.UserRole + 10
"""The :class:`~imgfind.gui.review.Spot` of a row."""
MarkedRole = Qt.ItemDataRole.UserRole + 11
"""Whether the photo is marked to go."""

_GROUP = "group"


class Heading(NamedTuple):
    """What stands over a group: what it is, why the first is kept, what there is to gain."""

    title: str
    why: str
    gain: str


class GroupsModel(ResultsModel):
    """The rows of the groups that are shown."""

    def __init__(self, loader: ThumbLoader, review: Review, parent: QObject | None = None) -> None:
        super().__init__(loader, parent)
        self.review = review
        self._headings: dict[int, Heading] = {}
        self._answers |= {
            SpotRole: review.at,
            MarkedRole: self._is_marked,
            Qt.ItemDataRole.DisplayRole: self._in_words,
            Qt.ItemDataRole.ToolTipRole: self._in_full,
        }

    def show_review(self, *, keep: bool) -> None:
        """Show what the review holds now; with ``keep`` views keep selection and place."""
        self._headings.clear()
        sections = tuple(Section(_GROUP, first) for first in self.review.firsts)
        self.set_listing(Listing(self.review.photo_ids, sections), keep=keep)

    def heading(self, section: int) -> Heading:
        """Return what stands over a group; made once, for a group may have thousands of members."""
        if section not in self._headings:
            group = self.review.groups[section]
            made = Heading(verdict_words.title(group), verdict_words.why_kept(group), verdict_words.gain(group))
            self._headings[section] = made
        return self._headings[section]

    def tell_marks(self) -> None:
        """Tell the views that marks have changed."""
        if self.rowCount():
            self.dataChanged.emit(self.index(0), self.index(self.rowCount() - 1), [MarkedRole])

    def _is_marked(self, row: int) -> bool:
        return self.review.at(row).member is not None and self.review.is_marked(self.photo_id(row))

    def _in_words(self, row: int) -> str:
        spot = self.review.at(row)
        name = paths.displayed(spot.photo.path.rpartition("/")[2])
        words = f"{name}, {verdict_words.standing(spot.member)}"
        return self.tr("{}, to be removed").format(words) if self._is_marked(row) else words

    def _in_full(self, row: int) -> str:
        spot = self.review.at(row)
        return texts.tip(verdict_words.in_full(spot.group, spot.member))
