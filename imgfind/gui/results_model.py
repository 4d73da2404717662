"""The photos of a listing as a Qt model: columns of ids and scores, rows made when they are asked for.

Knows no geometry and reads nothing itself: cards and pixmaps come from the :class:`ThumbLoader`. GUI thread only.
"""

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from PySide6.QtCore import (
    QAbstractListModel,
    QByteArray,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QUrl,
)
from PySide6.QtGui import QPixmap

from imgfind.core import paths
from imgfind.core.records import Card, Listing, PhotoId
from imgfind.gui import texts
from imgfind.gui.thumb_loader import ThumbLoader
from imgfind.gui.unfolding import Unfolded, unfolded

PhotoIdRole = Qt.ItemDataRole.UserRole
ScoreRole = Qt.ItemDataRole.UserRole + 1
CardRole = Qt.ItemDataRole.UserRole + 2
CopiesRole = Qt.ItemDataRole.UserRole + 3
"""The :class:`Standing` of a row, None where it is a picture without copies."""

UNTITLED = "strong"
"""The section that has no heading: nothing is said over the best matches."""

_Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()
_NO_PHOTOS = Listing(np.empty(0, np.int64))


class Standing(NamedTuple):
    """How many copies a row stands for, whether they are shown, and whether it is one of them itself."""

    copies: int
    is_open: bool
    is_copy: bool


def mime_data_of(photo_paths: Iterable[str]) -> QMimeData:
    """Return files as other programs take them, dropped or pasted; exact for any file name."""
    data = QMimeData()
    data.setUrls([QUrl.fromEncoded(QByteArray(paths.uri(path).encode())) for path in photo_paths])
    return data


class ResultsModel(QAbstractListModel):
    """The rows of one listing."""

    def __init__(self, loader: ThumbLoader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._loader = loader
        self._found = _NO_PHOTOS
        self._shown = Unfolded(_NO_PHOTOS)
        self._opened: set[PhotoId] = set()
        """The photos of pictures whose copies are shown."""
        self._wanted: dict[PhotoId, int] = {}
        self.keeps = False
        """Whether the listing being set is the one before, as the library is now: a view then stays where it is."""
        self._answers: dict[int, Callable[[int], object]] = {
            PhotoIdRole: self.photo_id,
            ScoreRole: self.score,
            CardRole: self._card,
            CopiesRole: self.standing,
            Qt.ItemDataRole.DecorationRole: self._pixmap,
            Qt.ItemDataRole.DisplayRole: self._name,
            Qt.ItemDataRole.ToolTipRole: self._path,
        }
        loader.loaded.connect(self._on_loaded)

    @property
    def listing(self) -> Listing:
        """The photos shown, in order."""
        return self._shown.listing

    @property
    def found(self) -> Listing:
        """The pictures that were found, each once; what is shown may hold copies of them as well."""
        return self._found

    @property
    def loader(self) -> ThumbLoader:
        """What the cards and pixmaps come from."""
        return self._loader

    def set_listing(self, listing: Listing, *, keep: bool = False) -> None:
        """Show ``listing``; with ``keep`` views keep selection and place, and all cards are read again."""
        if keep:
            self._loader.forget()
            shown = unfolded(listing, self._opened)
            if self._is_prolonged_by(shown.listing):
                self._append(listing, shown)
                return
        else:
            self._opened.clear()
            shown = Unfolded(listing)
        self.keeps = keep
        self.beginResetModel()
        self._found, self._shown = listing, shown
        self._wanted = {}
        self.endResetModel()

    def _append(self, found: Listing, shown: Unfolded) -> None:
        """Show what begins with what is shown now."""
        before, after = len(self.listing.photo_ids), len(shown.listing.photo_ids)
        if after > before:
            self.beginInsertRows(_NO_INDEX, before, after - 1)
        self._found, self._shown = found, shown
        if after > before:
            self.endInsertRows()
        if before:  # the scores may be others
            self.dataChanged.emit(self.index(0), self.index(before - 1))

    def standing(self, row: int) -> Standing | None:
        """Return what a row has to do with copies."""
        count = self._shown.count(row)
        if count:
            return Standing(count, self._shown.is_open(row), is_copy=False)
        is_copy = self._shown.is_copy is not None and bool(self._shown.is_copy[row])
        return Standing(0, is_open=True, is_copy=True) if is_copy else None

    def toggle_copies(self, row: int) -> int:
        """Show the copies of a picture as rows behind it, or no longer; return its row, nothing happens without."""
        row = self._shown.belongs_to(row)
        count = self._shown.count(row)
        family = {self.photo_id(row), *self._shown.copies(row)}
        if not count:
            return row
        if self._shown.is_open(row):
            self.beginRemoveRows(_NO_INDEX, row + 1, row + count)
            self._opened -= family
            self._shown = unfolded(self._found, self._opened)
            self.endRemoveRows()
        else:
            self.beginInsertRows(_NO_INDEX, row + 1, row + count)
            self._opened |= family
            self._shown = unfolded(self._found, self._opened)
            self.endInsertRows()
        self.dataChanged.emit(self.index(row), self.index(row))
        return row

    def picture_row(self, row: int) -> int:
        """Return the row of the picture that a row belongs to, which may be itself."""
        return self._shown.belongs_to(row)

    def copies_unseen(self, photo_ids: Collection[PhotoId]) -> int:
        """Return how many copies these photos stand for that are not shown."""
        rows = (row for part in self.rows_of(list(photo_ids)) for row in part)
        return sum(0 if self._shown.is_open(row) else self._shown.count(row) for row in rows)

    def photo_id(self, row: int) -> PhotoId:
        """Return the id of the photo in a row."""
        return PhotoId(int(self.listing.photo_ids[row]))

    def photo_ids(self, rows: Sequence[range]) -> list[PhotoId]:
        """Return the ids of the photos in ranges of rows."""
        if not rows:
            return []
        ids: list[PhotoId] = np.concatenate([self.listing.photo_ids[part.start : part.stop] for part in rows]).tolist()
        return ids

    def row_of(self, photo_id: PhotoId) -> int | None:
        """Return the row of a photo, or None where it is not shown."""
        rows = np.flatnonzero(self.listing.photo_ids == photo_id)
        return int(rows[0]) if len(rows) else None

    def rows_of(self, photo_ids: Sequence[PhotoId]) -> list[range]:
        """Return the rows of those photos that are shown, as ascending ranges."""
        rows = np.flatnonzero(np.isin(self.listing.photo_ids, np.asarray(photo_ids, np.int64)))
        if not len(rows):
            return []
        parts = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
        return [range(int(part[0]), int(part[-1]) + 1) for part in parts]

    def score(self, row: int) -> float | None:
        """Return how well a row answers the query, None where nothing was asked."""
        return float(self.listing.scores[row]) if self.listing.scores is not None else None

    def section_title(self, section: int) -> str:
        """Return what stands over a section; nothing over the best matches."""
        key = self._found.sections[section].key
        if key == UNTITLED:
            return ""
        if key == "weaker":
            return self.tr("Weaker matches")
        return texts.month(key)

    def section_count(self, section: int) -> int | None:
        """Return how many photos stand below a heading; None where more may come."""
        end = self._section_end(section)
        is_open = end == len(self._found.photo_ids) and not self._found.complete
        return None if is_open else end - self._found.sections[section].first

    def _section_end(self, section: int) -> int:
        sections = self._found.sections
        return sections[section + 1].first if section + 1 < len(sections) else len(self._found.photo_ids)

    def want(self, rows: Sequence[range]) -> None:
        """Have the photos in these rows loaded, the first ones first, and no others."""
        self._wanted = {self.photo_id(row): row for part in rows for row in part}
        self._loader.want(list(self._wanted))

    def _is_prolonged_by(self, listing: Listing) -> bool:
        ids, sections = self.listing.photo_ids, self.listing.sections
        same_ids = bool(len(ids)) and np.array_equal(ids, listing.photo_ids[: len(ids)])
        return same_ids and sections == listing.sections[: len(sections)]

    def _on_loaded(self, photo_ids: list[PhotoId]) -> None:
        rows = sorted(self._wanted[photo_id] for photo_id in photo_ids if photo_id in self._wanted)
        start = 0
        for position, row in enumerate(rows):
            if position + 1 == len(rows) or rows[position + 1] != row + 1:
                self.dataChanged.emit(self.index(rows[start]), self.index(row))
                start = position + 1

    # Qt's names from here on.

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self.listing.photo_ids)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        answer = self._answers.get(role)
        return answer(index.row()) if answer is not None and index.isValid() else None

    def _card(self, row: int) -> Card | None:
        return self._loader.card(self.photo_id(row))

    def _pixmap(self, row: int) -> QPixmap | None:
        return self._loader.pixmap(self.photo_id(row))

    def _name(self, row: int) -> str | None:
        card, standing = self._card(row), self.standing(row)
        if card is None:
            return None
        name = paths.displayed(os.path.basename(card.path))
        if standing is None:
            return name
        is_one = self.tr("a copy")
        counted = texts.counted(standing.copies, self.tr("copy"), self.tr("copies"))
        return f"{name}, {is_one if standing.is_copy else counted}"

    def _path(self, row: int) -> str | None:
        card = self._card(row)
        return texts.tip(paths.displayed(card.path)) if card is not None else None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsDragEnabled

    def mimeTypes(self) -> list[str]:
        return ["text/uri-list"]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        cards = (self._card(index.row()) for index in indexes)
        return mime_data_of(card.path for card in cards if card is not None)
