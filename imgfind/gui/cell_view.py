"""A view that computes where everything is, so that a million rows are no more work than a hundred.

Owns the layout, the scroll bar, what stays in place when the layout changes, and painting. What keys and mouse do, and
what is loaded, is :class:`~imgfind.gui.thumb_grid.ThumbGrid`'s. GUI thread only.
"""

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QItemSelection, QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QRegion, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QStyle, QStyleOptionViewItem, QWidget

from imgfind.gui import theme
from imgfind.gui.grid_layout import NO_ROW, GridLayout, Measures
from imgfind.gui.preferences import CAPTIONS
from imgfind.gui.results_model import UNTITLED, ResultsModel
from imgfind.gui.thumb_delegate import ThumbDelegate

_Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()
_GAP_PX = 14
_SCROLL_STEP_PX = 40
_BAND_ALPHA = 50


@dataclass(frozen=True, slots=True)
class Anchor:
    """A row that stays where it is while all around it changes: ``part`` of its cell is at ``y`` of the viewport."""

    row: int
    part: float
    y: int


class CellView(QAbstractItemView):
    """Cells in lines under headings.

    Signals:
        layout_changed(): cells are somewhere else now.
        view_moved(): other rows may be in sight now.
    """

    layout_changed = Signal()
    view_moved = Signal()

    def __init__(self, results: ResultsModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._results = results
        self._thumb_px = 192
        self._is_bar_hidden = False
        self._anchor: Anchor | None = None
        self._band: QRect | None = None
        self._delegate = ThumbDelegate(self)
        self.grid_layout = GridLayout(Measures(0, self._thumb_px, _GAP_PX, 0, 0), 0)
        self.setItemDelegate(self._delegate)
        self.setFrameShape(QFrame.Shape.NoFrame)
        theme.quieten(self)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def set_captions(self, captions: frozenset[str]) -> None:
        """Show these of ``name``, ``date`` and ``score`` below each photo."""
        self._delegate.captions = tuple(kind for kind in CAPTIONS if kind in captions)
        self._lay_out(self._place())

    def set_bar_hidden(self, is_hidden: bool) -> None:
        """Leave the scroll bar out: something else beside the grid stands for it."""
        if is_hidden != self._is_bar_hidden:
            self._is_bar_hidden = is_hidden
            self._lay_out(self._place())

    def visible_rows(self) -> range:
        """Return the rows of which something is in sight."""
        top = self.verticalOffset()
        return self.grid_layout.rows_between(top, top + self.viewport().height())

    def _lay_out(self, anchor: Anchor | None) -> None:
        """Compute everything anew and scroll so that the anchor is where it was."""
        room = self.contentsRect()
        made = self._layout_for(room.width())
        needs_bar = made.height_px > room.height() and not self._is_bar_hidden
        if needs_bar:
            made = self._layout_for(room.width() - self._bar_px())
        # Decided here, not by Qt: cells grow with the width, so a bar of its own accord could come and go for ever.
        always, never = Qt.ScrollBarPolicy.ScrollBarAlwaysOn, Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(always if needs_bar else never)
        self.grid_layout = made
        self.updateGeometries()
        if anchor is not None:
            self._restore(anchor)
        self.viewport().update()
        self.layout_changed.emit()
        self.view_moved.emit()

    def _layout_for(self, width_px: int) -> GridLayout:
        caption_px, heading_px = self._delegate.caption_px(), self._delegate.heading_px()
        measures = Measures(width_px, self._thumb_px, _GAP_PX, caption_px, heading_px)
        sections = self._results.listing.sections
        titled = [section.key != UNTITLED for section in sections]
        return GridLayout(measures, self._results.rowCount(), [section.first for section in sections], titled)

    def _bar_px(self) -> int:
        style, bar = self.style(), self.verticalScrollBar()
        if style.styleHint(QStyle.StyleHint.SH_ScrollBar_Transient, None, bar):
            return 0
        return bar.sizeHint().width()

    def _place(self) -> Anchor | None:
        """Return what must stay where it is: the place last returned to, as long as nobody has scrolled since."""
        if self._anchor is None and (rows := self.visible_rows()) and self.verticalOffset() > 0:
            current = self.currentIndex().row()
            row = current if current in rows else rows.start
            self._anchor = Anchor(row, 0.0, self.visualRect(self._results.index(row)).top())
        return self._anchor

    def _place_at(self, point: QPoint) -> Anchor | None:
        """Return the photo that is at a point of the viewport, or near it."""
        row = self.grid_layout.row_near(point + QPoint(0, self.verticalOffset()))
        if row == NO_ROW:
            return None
        rect = self.visualRect(self._results.index(row))
        return Anchor(row, (point.y() - rect.top()) / rect.height(), point.y())

    def _restore(self, anchor: Anchor) -> None:
        if anchor.row < self.grid_layout.row_count:
            cell = self.grid_layout.cell(anchor.row)
            self.verticalScrollBar().setValue(cell.top() + round(anchor.part * cell.height()) - anchor.y)
            self._anchor = anchor

    # Qt's names from here on.

    def dataChanged(self, top_left: _Index, bottom_right: _Index, _roles: object = ()) -> None:
        visible = self.visible_rows()
        for row in range(max(top_left.row(), visible.start), min(bottom_right.row() + 1, visible.stop)):
            self.viewport().update(self._with_frame(row))

    def _with_frame(self, row: int) -> QRect:
        return self.visualRect(self._results.index(row)).adjusted(-_GAP_PX, -_GAP_PX, _GAP_PX, _GAP_PX)

    def horizontalOffset(self) -> int:
        return 0

    def verticalOffset(self) -> int:
        return self.verticalScrollBar().value()

    def isIndexHidden(self, _index: _Index) -> bool:
        return False

    def visualRect(self, index: _Index) -> QRect:
        if not index.isValid() or index.row() >= self.grid_layout.row_count:
            return QRect()
        return self.grid_layout.cell(index.row()).translated(0, -self.verticalOffset())

    def indexAt(self, point: QPoint) -> QModelIndex:
        row = self.grid_layout.row_at(point + QPoint(0, self.verticalOffset()))
        return self._results.index(row) if row != NO_ROW else QModelIndex()

    def visualRegionForSelection(self, _selection: QItemSelection) -> QRegion:
        # Asked for to know what to paint again; painting all costs less than looking through a long selection.
        return QRegion(self.viewport().rect())

    def scrollTo(
        self, index: _Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        if not index.isValid():
            return
        cell = self.grid_layout.cell(index.row()).adjusted(0, -_GAP_PX, 0, _GAP_PX)
        section = self.grid_layout.section_of(index.row())
        heading = self.grid_layout.heading(section)
        if cell.top() <= heading.bottom() + 2 * _GAP_PX:
            cell.setTop(heading.top() - _GAP_PX)
        top, height_px = self.verticalOffset(), self.viewport().height()
        highest, lowest = cell.bottom() + 1 - height_px, cell.top()
        places = {
            QAbstractItemView.ScrollHint.PositionAtTop: lowest,
            QAbstractItemView.ScrollHint.PositionAtBottom: highest,
            QAbstractItemView.ScrollHint.PositionAtCenter: (highest + lowest) // 2,
        }
        self.verticalScrollBar().setValue(places.get(hint, min(max(top, highest), lowest)))

    def updateGeometries(self) -> None:
        super().updateGeometries()
        bar, height_px = self.verticalScrollBar(), self.viewport().height()
        bar.setSingleStep(_SCROLL_STEP_PX)
        bar.setPageStep(max(1, height_px - self.grid_layout.line_px // 2))
        bar.setRange(0, max(0, self.grid_layout.height_px - height_px))

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self._anchor = None
        if self._band is not None:
            self.viewport().update()
        else:
            self.viewport().scroll(dx, dy)
        self.view_moved.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out(self._place())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._delegate.set_font(self.font())
            self._lay_out(self._place())

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._lay_out(self._place())
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        offset = self.verticalOffset()
        dirty = event.rect()
        option = QStyleOptionViewItem()
        self.initViewItemOption(option)
        self._paint_headings(painter, option, dirty)
        state = option.state & ~QStyle.StateFlag.State_HasFocus
        focused = self.currentIndex() if self.hasFocus() else _NO_INDEX
        selection = self.selectionModel()
        top, bottom = dirty.top() + offset - _GAP_PX, dirty.bottom() + offset + _GAP_PX
        for row in self.grid_layout.rows_between(top, bottom):
            index = self._results.index(row)
            option.rect = self.grid_layout.cell(row).translated(0, -offset)
            option.state = state
            if selection.isSelected(index):
                option.state |= QStyle.StateFlag.State_Selected
            if index == focused:
                option.state |= QStyle.StateFlag.State_HasFocus
            self._delegate.paint(painter, option, index)
        if self._band is not None:
            self._paint_band(painter, self._band.translated(0, -offset))

    def _paint_headings(self, painter: QPainter, option: QStyleOptionViewItem, dirty: QRect) -> None:
        if not self._results.listing.sections:
            return
        offset = self.verticalOffset()
        for section in self.grid_layout.sections_between(dirty.top() + offset, dirty.bottom() + offset + 1):
            option.rect = self.grid_layout.heading(section).translated(0, -offset)
            if option.rect.height() and option.rect.intersects(dirty):
                title, count = self._results.section_title(section), self._results.section_count(section)
                self._delegate.paint_heading(painter, option, title, count)

    def _paint_band(self, painter: QPainter, rect: QRect) -> None:
        colour = self.palette().color(QPalette.ColorRole.Highlight)
        painter.setPen(colour)
        colour.setAlpha(_BAND_ALPHA)
        painter.setBrush(colour)
        painter.drawRect(rect)
