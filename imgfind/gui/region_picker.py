"""Choosing a region of a query picture: the picture large, a rectangle on it.

Owns the dialog; the region is per cent of the upright picture, as the query language writes it. GUI thread only.
"""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPalette,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QSizePolicy, QVBoxLayout, QWidget

from imgfind.core.query import ImageTerm, Region
from imgfind.gui import query_pictures, theme
from imgfind.gui.tasks import Lane, TaskRunner

WHOLE = Region(0.0, 0.0, 100.0, 100.0)
SMALLEST_PERCENT = 2.0
"""A smaller region of a picture says nothing to an encoder, and its handles would lie on each other."""

_PICTURE_PX = 1200
_FIRST_SIZE = QSize(760, 600)
_REACH_PX = 12
_HANDLE_PX = 8
_STEP_PERCENT = 1.0
_SHADE = QColor(0, 0, 0, 130)

Grip = tuple[int, int]
"""Which edges are dragged, across and down: -1 the left or upper, 1 the right or lower, 0 none; both 0 is the whole."""

_CURSORS: dict[Grip | None, Qt.CursorShape] = {
    (0, 0): Qt.CursorShape.SizeAllCursor,
    (-1, 0): Qt.CursorShape.SizeHorCursor,
    (1, 0): Qt.CursorShape.SizeHorCursor,
    (0, -1): Qt.CursorShape.SizeVerCursor,
    (0, 1): Qt.CursorShape.SizeVerCursor,
    (-1, -1): Qt.CursorShape.SizeFDiagCursor,
    (1, 1): Qt.CursorShape.SizeFDiagCursor,
    (1, -1): Qt.CursorShape.SizeBDiagCursor,
    (-1, 1): Qt.CursorShape.SizeBDiagCursor,
}


class RegionPicker(QDialog):
    """Asks for a region of the picture of ``term``; ``accepted`` when there is one."""

    def __init__(self, runner: TaskRunner, term: ImageTerm, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Search by a part of a picture"))
        self._canvas = RegionCanvas()
        if term.region:
            self._canvas.set_region(term.region)
        self._hint = QLabel(self.tr("Drag a rectangle around what you are looking for."), wordWrap=True)
        self._hint.setTextFormat(Qt.TextFormat.PlainText)  # it may tell of a file
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._search = self._buttons.button(QDialogButtonBox.StandardButton.Ok)
        self._search.setText(self.tr("Search"))
        self._search.setEnabled(False)
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        self._canvas.region_changed.connect(self._on_region_changed)
        self._canvas.chosen.connect(self._on_chosen)
        column = QVBoxLayout(self)
        column.addWidget(self._canvas, 1)
        column.addWidget(self._hint)
        column.addWidget(self._buttons)
        theme.without_icons(self)
        self.resize(_FIRST_SIZE)
        self._canvas.setFocus()
        runner.run(
            Lane.PICTURES,
            lambda _library: query_pictures.large(term.path, _PICTURE_PX),
            self._show_picture,
            failed=lambda error: self._hint.setText(self.tr("This picture cannot be read: {}.").format(error)),
            owner=self,
        )

    def region(self) -> Region | None:
        """Return what was chosen; None for the whole picture."""
        chosen = self._canvas.region()
        return None if chosen == WHOLE else chosen

    def _show_picture(self, image: QImage) -> None:
        self._canvas.show_picture(image)
        self._on_region_changed()

    def _on_region_changed(self) -> None:
        self._search.setEnabled(self._canvas.has_picture)

    def _on_chosen(self) -> None:
        if self._search.isEnabled():
            self.accept()


class RegionCanvas(QWidget):
    """The picture and the rectangle: draw it anew, move it, drag its edges and corners, or use the arrow keys.

    Arrows move, with Shift they move the right and the lower edge. All arithmetic is in per cent of the picture.

    Signals:
        region_changed(): the rectangle is another one.
        chosen(): Enter, or a double click into the rectangle.
    """

    region_changed = Signal()
    chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pixmap = QPixmap()
        self._area = as_rect(WHOLE)
        self._grip: Grip | None = None
        self._start = QPointF()
        self._before = QRectF()
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(240, 180)
        self.setAccessibleName(self.tr("Part of the picture"))
        self.setAccessibleDescription(self.tr("Arrow keys move the rectangle, with Shift they resize it"))

    @property
    def has_picture(self) -> bool:
        """Tell whether there is a picture to choose from."""
        return not self._pixmap.isNull()

    def show_picture(self, image: QImage) -> None:
        """Show the upright picture."""
        self._pixmap = QPixmap.fromImage(image)
        self.update()

    def region(self) -> Region:
        """Return the rectangle in per cent, to a tenth."""
        edges = (self._area.left(), self._area.top(), self._area.right(), self._area.bottom())
        return Region(*(round(edge, 1) for edge in edges))

    def set_region(self, region: Region) -> None:
        """Put the rectangle there."""
        self._set_area(as_rect(region))

    def picture_rect(self) -> QRectF:
        """Return where the whole picture lies in the widget."""
        room = QRectF(self.rect()).adjusted(_HANDLE_PX, _HANDLE_PX, -_HANDLE_PX, -_HANDLE_PX)
        if not self.has_picture:
            return room
        size = self._pixmap.size().toSizeF().scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRectF(QPointF(), size)
        place.moveCenter(room.center())
        return place

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of the rectangle, or begin another."""
        if event.button() != Qt.MouseButton.LeftButton or not self.has_picture:
            return
        self._before = QRectF(self._area)
        self._start = self._percent(event.position())
        self._grip = self._grip_at(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag; without a button show what would be dragged."""
        if not event.buttons() & Qt.MouseButton.LeftButton or not self.has_picture:
            self.setCursor(_CURSORS.get(self._grip_at(event.position()), Qt.CursorShape.CrossCursor))
            return
        now = self._percent(event.position())
        if self._grip is None:
            drawn = QRectF(self._start, now).normalized()
            if min(drawn.width(), drawn.height()) >= SMALLEST_PERCENT:
                self._set_area(drawn)
        else:
            self._set_area(moved(self._before, self._grip, now - self._start))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Take the rectangle as it is."""
        self.chosen.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the rectangle with the arrows, with Shift its lower right corner."""
        steps = {
            Qt.Key.Key_Left: (-_STEP_PERCENT, 0.0),
            Qt.Key.Key_Right: (_STEP_PERCENT, 0.0),
            Qt.Key.Key_Up: (0.0, -_STEP_PERCENT),
            Qt.Key.Key_Down: (0.0, _STEP_PERCENT),
        }
        if (key := Qt.Key(event.key())) in steps:
            grip = (1, 1) if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else (0, 0)
            self._set_area(moved(self._area, grip, QPointF(*steps[key])))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the picture, dark around the rectangle."""
        if not self.has_picture:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        whole, area = self.picture_rect(), self._area_px()
        painter.drawPixmap(whole, self._pixmap, QRectF(self._pixmap.rect()))
        outside = QPainterPath()
        outside.addRect(whole)
        outside.addRect(area)
        painter.fillPath(outside, _SHADE)
        for colour, width in ((Qt.GlobalColor.black, 3), (Qt.GlobalColor.white, 1)):  # seen on every photo
            painter.setPen(QPen(colour, width))
            painter.drawRect(area)
        painter.setPen(QPen(Qt.GlobalColor.black, 1))
        painter.setBrush(
            self.palette().color(QPalette.ColorRole.Highlight if self.hasFocus() else QPalette.ColorRole.Base)
        )
        for x in (area.left(), area.center().x(), area.right()):
            for y in (area.top(), area.center().y(), area.bottom()):
                if QPointF(x, y) != area.center():
                    painter.drawRect(QRectF(x - _HANDLE_PX / 2, y - _HANDLE_PX / 2, _HANDLE_PX, _HANDLE_PX))

    def _set_area(self, area: QRectF) -> None:
        if area != self._area:
            self._area = area
            self.region_changed.emit()
            self.update()

    def _area_px(self) -> QRectF:
        whole = self.picture_rect()
        return QRectF(
            whole.left() + self._area.left() * whole.width() / 100,
            whole.top() + self._area.top() * whole.height() / 100,
            self._area.width() * whole.width() / 100,
            self._area.height() * whole.height() / 100,
        )

    def _percent(self, point: QPointF) -> QPointF:
        """Return a point of the widget in per cent of the picture, the nearest one inside of it."""
        whole = self.picture_rect()
        x = (point.x() - whole.left()) / whole.width() * 100
        y = (point.y() - whole.top()) / whole.height() * 100
        return QPointF(min(max(x, 0.0), 100.0), min(max(y, 0.0), 100.0))

    def _grip_at(self, point: QPointF) -> Grip | None:
        grip = grip_at(self._area_px(), point)
        # Inside of the whole picture there is nothing to move: a new rectangle is meant.
        return None if grip == (0, 0) and self.region() == WHOLE else grip


def as_rect(region: Region) -> QRectF:
    """Return a region as a rectangle, in per cent."""
    return QRectF(QPointF(region.left, region.top), QPointF(region.right, region.bottom))


def grip_at(area: QRectF, point: QPointF) -> Grip | None:
    """Return what a press at ``point`` takes hold of; None outside."""
    if not area.adjusted(-_REACH_PX, -_REACH_PX, _REACH_PX, _REACH_PX).contains(point):
        return None
    return (_side(point.x(), area.left(), area.right()), _side(point.y(), area.top(), area.bottom()))


def _side(at: float, low: float, high: float) -> int:
    reach = min(_REACH_PX, (high - low) / 3)  # a small rectangle can still be moved
    return -1 if at < low + reach else 1 if at > high - reach else 0


def moved(area: QRectF, grip: Grip, by: QPointF) -> QRectF:
    """Return ``area`` after a drag, inside of 0..100 and not smaller than it may be."""
    left, right = _dragged(area.left(), area.right(), grip[0], by.x(), whole=grip == (0, 0))
    top, bottom = _dragged(area.top(), area.bottom(), grip[1], by.y(), whole=grip == (0, 0))
    return QRectF(QPointF(left, top), QPointF(right, bottom))


def _dragged(low: float, high: float, side: int, by: float, *, whole: bool) -> tuple[float, float]:
    if whole:
        by = min(max(by, -low), 100 - high)
        return low + by, high + by
    if side < 0:
        return min(max(low + by, 0.0), high - SMALLEST_PERCENT), high
    if side > 0:
        return low, max(min(high + by, 100.0), low + SMALLEST_PERCENT)
    return low, high
