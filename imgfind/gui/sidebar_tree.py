"""How the sidebar's rows look: icon, name, state and count on one line, headings small. Paints; decides nothing.

GUI thread.
"""

from collections.abc import Iterator

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QMouseEvent, QPainter, QPalette
from PySide6.QtWidgets import QFrame, QStyledItemDelegate, QStyleOptionViewItem, QTreeView

from imgfind.gui import texts, theme
from imgfind.gui.icons import paint_icon
from imgfind.gui.places import Place
from imgfind.gui.sidebar_model import Entry, EntryRole, SidebarModel

_INDENT_PX = 18
_MARGIN_PX = 6
"""Between the row's background and the edge of the sidebar, and between the background and what is on it."""
_GAP_PX = 6
_ICON_PX = 16
_BADGE_PX = 13
_CHEVRON_PX = 12
_ROUNDING_PX = 5
_ABOVE_AND_BELOW_PX = 5

_Index = QModelIndex | QPersistentModelIndex


class SidebarTree(QTreeView):
    """The tree of a :class:`SidebarModel`."""

    def __init__(self, model: SidebarModel) -> None:
        super().__init__()
        self._known_headings: set[str] = set()
        self._hovered = QPersistentModelIndex()
        self.setModel(model)
        self.setItemDelegate(_Rows(self))
        self.setHeaderHidden(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        theme.quieten(self)
        self.setIndentation(_INDENT_PX)
        self.setUniformRowHeights(True)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.viewport().setAutoFillBackground(False)
        self.entered.connect(self._hover)
        self.viewportEntered.connect(lambda: self._hover(QModelIndex()))

    def expand_new_headings(self) -> None:
        """Expand the headings that were not there before."""
        model = self.model()
        for row in range(model.rowCount()):
            index = model.index(row, 0)
            entry: Entry = index.data(EntryRole)
            if entry.place is None and entry.key not in self._known_headings:
                self._known_headings.add(entry.key)
                self.expand(index)

    def expanded_places(self, above: QModelIndex | None = None) -> Iterator[Place]:
        """Return the places whose rows are expanded and seen."""
        model, above = self.model(), above or QModelIndex()
        for row in range(model.rowCount(above)):
            index = model.index(row, 0, above)
            if self.isExpanded(index):
                entry: Entry = index.data(EntryRole)
                if entry.place is not None:
                    yield entry.place
                yield from self.expanded_places(index)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.RightButton:  # who asks what can be done with a place need not go there
            super().mousePressEvent(event)

    def leaveEvent(self, event: object) -> None:
        self._hover(QModelIndex())

    def drawRow(self, painter: QPainter, options: QStyleOptionViewItem, index: _Index) -> None:
        entry: Entry = index.data(EntryRole)
        row = QRect(_MARGIN_PX, options.rect.y(), self.viewport().width() - 2 * _MARGIN_PX, options.rect.height())
        is_selected = self.selectionModel().isSelected(index)
        has_focus = self.hasFocus()
        palette = self.palette()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        text = palette.color(QPalette.ColorRole.WindowText)
        if is_selected:
            highlight = palette.color(QPalette.ColorRole.Highlight)
            if has_focus:
                text = palette.color(QPalette.ColorRole.HighlightedText)
            else:
                highlight.setAlphaF(0.25)
            _fill(painter, row, highlight)
        elif self._hovered == index and entry.place is not None:
            _fill(painter, row, _faded(text, 0.07))
        if has_focus and index == self.currentIndex() and not is_selected:
            painter.setPen(palette.color(QPalette.ColorRole.Highlight))
            painter.drawRoundedRect(QRectF(row).adjusted(0.5, 0.5, -0.5, -0.5), _ROUNDING_PX, _ROUNDING_PX)
        self._draw_chevron(painter, index, row, _faded(text, 0.6))
        _draw_entry(painter, entry, self._left_of(index, row), row, text, self.font())

    def _draw_chevron(self, painter: QPainter, index: _Index, row: QRect, colour: QColor) -> None:
        if self.model().hasChildren(index):
            middle = QPointF(self._left_of(index, row) - _INDENT_PX / 2 + 3, QRectF(row).center().y())
            corner = middle - QPointF(_CHEVRON_PX / 2, _CHEVRON_PX / 2)
            name = "chevron-down" if self.isExpanded(index) else "chevron-right"
            paint_icon(painter, name, QRectF(corner.x(), corner.y(), _CHEVRON_PX, _CHEVRON_PX), colour)

    def _left_of(self, index: _Index, row: QRect) -> int:
        """Return where a row begins; however deep it is, its name has half of the sidebar."""
        return min(self.visualRect(index).left(), row.center().x())

    def _hover(self, index: _Index) -> None:
        self._hovered = QPersistentModelIndex(index)
        self.viewport().update()


class _Rows(QStyledItemDelegate):
    """Gives rows their height; the tree paints them, background, branch and all."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(0, option.fontMetrics.height() + 2 * _ABOVE_AND_BELOW_PX)


def _draw_entry(painter: QPainter, entry: Entry, left: int, row: QRect, text: QColor, font: QFont) -> None:
    """Draw what a row says into ``row``, from ``left`` on; on the right its count, and its state left of that."""
    muted = _faded(text, 0.65)
    right = row.right() - _MARGIN_PX
    if entry.count is not None:
        count = texts.number(entry.count)
        small = _scaled(font, 0.9)
        painter.setFont(small)
        painter.setPen(muted)
        painter.drawText(_between(row, left, right), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, count)
        right -= QFontMetrics(small).horizontalAdvance(count) + _GAP_PX
    if entry.badge:
        paint_icon(painter, entry.badge, _square(right - _BADGE_PX, row, _BADGE_PX), muted)
        right -= _BADGE_PX + _GAP_PX
    if entry.icon:
        paint_icon(painter, entry.icon, _square(left + 2, row, _ICON_PX), muted if entry.offline else text)
        left += 2 + _ICON_PX + _GAP_PX
    is_heading = entry.place is None
    font = _scaled(font, 0.9, bold=True) if is_heading else font
    painter.setFont(font)
    painter.setPen(muted if is_heading or entry.offline else text)
    place = _between(row, left + 2, right)
    shown = QFontMetrics(font).elidedText(entry.text, Qt.TextElideMode.ElideRight, place.width())
    painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)


def _between(row: QRect, left: int, right: int) -> QRect:
    return QRect(left, row.y(), max(0, right - left), row.height())


def _square(left: int, row: QRect, edge_px: int) -> QRectF:
    return QRectF(left, row.y() + (row.height() - edge_px) / 2, edge_px, edge_px)


def _fill(painter: QPainter, row: QRect, colour: QColor) -> None:
    painter.setBrush(colour)
    painter.drawRoundedRect(QRectF(row), _ROUNDING_PX, _ROUNDING_PX)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _faded(colour: QColor, alpha: float) -> QColor:
    faded = QColor(colour)
    faded.setAlphaF(alpha)
    return faded


def _scaled(font: QFont, factor: float, *, bold: bool = False) -> QFont:
    scaled = QFont(font)
    scaled.setPointSizeF(factor * font.pointSizeF())
    scaled.setBold(bold)
    return scaled
