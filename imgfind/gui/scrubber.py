"""The date scale beside the grid: years as high as they have photos, dragged to jump. GUI thread only."""

from dataclasses import dataclass
from itertools import groupby

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QMouseEvent, QPainter, QPaintEvent, QPalette, QWheelEvent
from PySide6.QtWidgets import QApplication, QLabel, QSizePolicy, QWidget

from imgfind.gui import texts
from imgfind.gui.places import UNDATED
from imgfind.gui.results_model import ResultsModel
from imgfind.gui.thumb_grid import ThumbGrid

_MARGIN_PX = 8
_HANDLE_PX = 4
_TICK_PX = 12
_TEXT_SIZE = 0.85


@dataclass(frozen=True, slots=True)
class _Mark:
    """A year and where it begins in the content."""

    text: str
    top_px: int


class Scrubber(QWidget):
    """A scale of years for a grid that lists by date; it hides where the grid does not, or has nothing to scroll.

    It stands for the grid's scroll bar, which is left out as long as the scale is there.
    """

    def __init__(self, grid: ThumbGrid, results: ResultsModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid, self._results = grid, results
        self._marks: list[_Mark] = []
        self._hovered_y: int | None = None
        self._bubble = QLabel(self, Qt.WindowType.ToolTip | Qt.WindowType.FramelessWindowHint)
        self._bubble.setMargin(_MARGIN_PX // 2)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Dates"))
        self.hide()
        grid.layout_changed.connect(self._on_layout_changed)
        grid.verticalScrollBar().valueChanged.connect(self.update)

    def _on_layout_changed(self) -> None:
        sections, cells = self._results.listing.sections, self._grid.grid_layout
        by_date = bool(sections) and len(sections[0].key) == len("2021-05")
        is_useful = by_date and cells.height_px > self._grid.viewport().height()
        self._marks = self._years() if is_useful else []
        if is_useful == self.isHidden():
            self.setVisible(is_useful)
            self._grid.set_bar_hidden(is_useful)
        self.update()

    def _years(self) -> list[_Mark]:
        sections, cells = self._results.listing.sections, self._grid.grid_layout
        dated = [number for number, section in enumerate(sections) if section.key != UNDATED]
        groups = groupby(dated, lambda number: sections[number].key[:4])
        return [_Mark(year, cells.section_top(next(numbers))) for year, numbers in groups]

    def _track_px(self) -> int:
        return max(1, self.height() - 2 * _MARGIN_PX)

    def _y_of(self, scrolled_px: int) -> float:
        """Return where on the scale the grid is when it is scrolled so far."""
        return _MARGIN_PX + self._track_px() * min(1.0, scrolled_px / max(1, self._grid.verticalScrollBar().maximum()))

    def _scrolled_px(self, y: float) -> int:
        part = min(1.0, max(0.0, (y - _MARGIN_PX) / self._track_px()))
        return round(part * self._grid.verticalScrollBar().maximum())

    def _point_at(self, y: int) -> None:
        """Name the month at a height of the scale, beside it."""
        self._hovered_y = min(max(y, _MARGIN_PX), self.height() - _MARGIN_PX)
        section = self._grid.grid_layout.section_at(self._scrolled_px(y) + 1)
        self._bubble.setText(texts.month(self._results.listing.sections[section].key))
        self._bubble.adjustSize()
        size = self._bubble.size()
        corner = QPoint(-size.width() - _MARGIN_PX, self._hovered_y - size.height() // 2)
        self._bubble.move(self.mapToGlobal(corner))
        self._bubble.show()
        self.update()

    def _font(self) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(_TEXT_SIZE * font.pointSizeF())
        return font

    # Qt's names from here on.

    def sizeHint(self) -> QSize:
        return QSize(QFontMetrics(self._font()).horizontalAdvance("0000") + _TICK_PX + _MARGIN_PX, 0)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.mouseMoveEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        y = event.position().toPoint().y()
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._grid.verticalScrollBar().setValue(self._scrolled_px(y))
        self._point_at(y)

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered_y = None
        self._bubble.hide()
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        QApplication.sendEvent(self._grid.verticalScrollBar(), event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font, palette = self._font(), self.palette()
        painter.fillRect(self.rect(), palette.color(QPalette.ColorRole.Base))
        painter.setFont(font)
        painter.setPen(palette.color(QPalette.ColorRole.PlaceholderText))
        line_px = QFontMetrics(font).height()
        free_from = 0.0
        for mark in self._marks:
            # A year of few photos has no room for its name.
            top = min(max(0.0, self._y_of(mark.top_px) - line_px / 2), self.height() - line_px)
            if top >= free_from:
                place = QRectF(_TICK_PX, top, self.width() - _TICK_PX, line_px)
                painter.drawText(place, Qt.AlignmentFlag.AlignCenter, mark.text)
                free_from = top + line_px
        if self._hovered_y is not None:
            self._paint_line(painter, self._hovered_y, QPalette.ColorRole.Mid)
        self._paint_line(painter, self._y_of(self._grid.verticalScrollBar().value()), QPalette.ColorRole.Highlight)

    def _paint_line(self, painter: QPainter, y: float, role: QPalette.ColorRole) -> None:
        line = QRectF(0, y - _HANDLE_PX / 2, _TICK_PX, _HANDLE_PX)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.palette().color(role))
        painter.drawRoundedRect(line, _HANDLE_PX / 2, _HANDLE_PX / 2)
