"""The photos of a listing as a Qt model: columns of ids and scores, rows made when they are asked for.

Knows no geometry and reads nothing itself: cards and pixmaps come from the :class:`ThumbLoader`. GUI thread only.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

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

PhotoIdRole = Qt.ItemDataRole.UserRole
ScoreRole = Qt.ItemDataRole.UserRole + 1
CardRole = Qt.ItemDataRole.UserRole + 2

UNTITLED = "strong"
"""The section that has no heading: nothing is said over the best matches."""

_Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()
_NO_PHOTOS = Listing(np.empty(0, np.int64))


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
        self._listing = _NO_PHOTOS
        self._wanted: dict[PhotoId, int] = {}
        self.keeps = False
        """Whether the listing being set is the one before, as the library is now: a view then stays where it is."""
        self._answers: dict[int, Callable[[int], object]] = {
            PhotoIdRole: self.photo_id,
            ScoreRole: self.score,
            CardRole: self._card,
            Qt.ItemDataRole.DecorationRole: self._pixmap,
            Qt.ItemDataRole.DisplayRole: self._name,
            Qt.ItemDataRole.ToolTipRole: self._path,
        }
        loader.loaded.connect(self._on_loaded)

    @property
    def listing(self) -> Listing:
        """The photos shown, in order."""
        return self._listing

    @property
    def loader(self) -> ThumbLoader:
        """What the cards and pixmaps come from."""
        return self._loader

    def set_listing(self, listing: Listing, *, keep: bool = False) -> None:
        """Show ``listing``; with ``keep`` views keep selection and place, and all cards are read again."""
        if keep:
            self._loader.forget()
            if self._is_prolonged_by(listing):
                self.append(listing)
                return
        self.keeps = keep
        self.beginResetModel()
        self._listing = listing
        self._wanted = {}
        self.endResetModel()

    def append(self, listing: Listing) -> None:
        """Show ``listing``, which begins with what is shown now."""
        before, after = len(self._listing.photo_ids), len(listing.photo_ids)
        if after > before:
            self.beginInsertRows(_NO_INDEX, before, after - 1)
            self._listing = listing
            self.endInsertRows()
        else:
            self._listing = listing
        if before:  # the scores may be others
            self.dataChanged.emit(self.index(0), self.index(before - 1))

    def photo_id(self, row: int) -> PhotoId:
        """Return the id of the photo in a row."""
        return PhotoId(int(self._listing.photo_ids[row]))

    def photo_ids(self, rows: Sequence[range]) -> list[PhotoId]:
        """Return the ids of the photos in ranges of rows."""
        if not rows:
            return []
        ids: list[PhotoId] = np.concatenate([self._listing.photo_ids[part.start : part.stop] for part in rows]).tolist()
        return ids

    def row_of(self, photo_id: PhotoId) -> int | None:
        """Return the row of a photo, or None where it is not shown."""
        rows = np.flatnonzero(self._listing.photo_ids == photo_id)
        return int(rows[0]) if len(rows) else None

    def rows_of(self, photo_ids: Sequence[PhotoId]) -> list[range]:
        """Return the rows of those photos that are shown, as ascending ranges."""
        rows = np.flatnonzero(np.isin(self._listing.photo_ids, np.asarray(photo_ids, np.int64)))
        if not len(rows):
            return []
        parts = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
        return [range(int(part[0]), int(part[-1]) + 1) for part in parts]

    def score(self, row: int) -> float | None:
        """Return how well a row answers the query, None where nothing was asked."""
        return float(self._listing.scores[row]) if self._listing.scores is not None else None

    def section_title(self, section: int) -> str:
        """Return what stands over a section; nothing over the best matches."""
        key, first = self._listing.sections[section]
        if key == UNTITLED:
            return ""
        if key == "weaker":
            return self.tr("Weaker matches")
        if key == "copies":
            return self.tr("{} identical photos").format(texts.number(self._section_end(section) - first))
        return texts.month(key)

    def section_count(self, section: int) -> int | None:
        """Return how many photos stand below a heading; None where it says so itself, or more may come."""
        key, first = self._listing.sections[section]
        end = self._section_end(section)
        is_open = end == len(self._listing.photo_ids) and not self._listing.complete
        return None if is_open or key == "copies" else end - first

    def _section_end(self, section: int) -> int:
        sections = self._listing.sections
        return sections[section + 1].first if section + 1 < len(sections) else len(self._listing.photo_ids)

    def want(self, rows: Sequence[range]) -> None:
        """Have the photos in these rows loaded, the first ones first, and no others."""
        self._wanted = {self.photo_id(row): row for part in rows for row in part}
        self._loader.want(list(self._wanted))

    def _is_prolonged_by(self, listing: Listing) -> bool:
        ids, sections = self._listing.photo_ids, self._listing.sections
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
        return 0 if parent.isValid() else len(self._listing.photo_ids)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        answer = self._answers.get(role)
        return answer(index.row()) if answer is not None and index.isValid() else None

    def _card(self, row: int) -> Card | None:
        return self._loader.card(self.photo_id(row))

    def _pixmap(self, row: int) -> QPixmap | None:
        return self._loader.pixmap(self.photo_id(row))

    def _name(self, row: int) -> str | None:
        card = self._card(row)
        return paths.displayed(os.path.basename(card.path)) if card is not None else None

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
