"""The grid of groups: a heading that says what they are, why the first is kept and what there is to gain.

All the rest is as in every grid (:class:`~imgfind.gui.thumb_grid.ThumbGrid`). GUI thread only.
"""

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPointF, QRect, Qt
from PySide6.QtGui import QPainter, QPalette
from PySide6.QtWidgets import QStyleOptionViewItem, QWidget

from imgfind.core.records import Card
from imgfind.gui import verdict_words
from imgfind.gui.groups_model import GroupsModel, Heading, MarkedRole, SpotRole
from imgfind.gui.thumb_delegate import ThumbDelegate, paint_badge
from imgfind.gui.thumb_grid import ThumbGrid

_Index = QModelIndex | QPersistentModelIndex

_GAP_PX = 12
_MARKED_OPACITY = 0.4
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class GroupsView(ThumbGrid):
    """Groups as lines of thumbnails under headings."""

    def __init__(self, model: GroupsModel, parent: QWidget | None = None) -> None:
        super().__init__(model, parent)
        self._model = model
        self._delegate = self._groups = GroupDelegate(self)
        self.setItemDelegate(self._delegate)
        self.setAccessibleName(self.tr("Groups of duplicates"))

    def _paint_headings(self, painter: QPainter, option: QStyleOptionViewItem, dirty: QRect) -> None:
        if not self._model.rowCount():
            return
        offset = self.verticalOffset()
        for section in self.grid_layout.sections_between(dirty.top() + offset, dirty.bottom() + offset + 1):
            option.rect = self.grid_layout.heading(section).translated(0, -offset)
            if option.rect.intersects(dirty):
                self._groups.paint_group(painter, option, self._model.heading(section))


class GroupDelegate(ThumbDelegate):
    """Paints the photos of groups, and the headings over them."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.captions = ("name", "facts", "standing")

    def paint_group(self, painter: QPainter, option: QStyleOptionViewItem, heading: Heading) -> None:
        """Paint what stands over a group into ``option.rect``."""
        rect, palette = option.rect, option.palette
        painter.setFont(self.heading_font)
        painter.setPen(palette.color(QPalette.ColorRole.Text))
        painter.drawText(rect, _LEFT, heading.title)
        title_px = painter.fontMetrics().horizontalAdvance(heading.title)
        painter.setFont(option.font)
        painter.drawText(rect, _RIGHT, heading.gain)
        metrics = painter.fontMetrics()
        room = rect.adjusted(title_px + _GAP_PX, 0, -metrics.horizontalAdvance(heading.gain) - _GAP_PX, 0)
        painter.setPen(palette.color(QPalette.ColorRole.PlaceholderText))
        why = metrics.elidedText(heading.why, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, _LEFT, why)

    def caption(self, kind: str, card: Card, index: _Index) -> str:
        if kind == "name":
            return super().caption(kind, card, index)
        spot = index.data(SpotRole)
        return verdict_words.facts(spot.photo) if kind == "facts" else verdict_words.standing(spot.member)

    def paint_signs(self, painter: QPainter, rect: QRect, card: Card, index: _Index) -> None:
        super().paint_signs(painter, rect, card, index)
        if index.data(SpotRole).member is None:
            paint_badge(painter, "check", QPointF(rect.topLeft()))
        elif index.data(MarkedRole):
            paint_badge(painter, "trash-2", QPointF(rect.topLeft()))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        if index.data(MarkedRole):
            painter.setOpacity(_MARKED_OPACITY)  # of the picture alone, which sets it back
        super().paint(painter, option, index)
