"""A picture that can be zoomed and moved, drawn from whichever of its versions is just sharp enough.

Knows nothing of photos and loads nothing: it asks for more pixels with a signal. GUI thread only.
"""

from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPalette, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

ZOOM_STEP = 1.25
_MOST_ZOOM = 16.0
"""Device pixels for each pixel of the picture."""
_LARGEST_FIT = 2.0
"""Small pictures are enlarged up to this to fill the window; more would only show their pixels."""
_PIXELS_SEEN_FROM = 3.0
"""From this zoom on pixels are drawn as squares, for that is what one zooms in for."""
_WHEEL_STEP = 120.0
_PAN_SHARE = 0.2


class Sight(NamedTuple):
    """What part of a picture is looked at: its centre, in pixels of the picture, and the zoom; None is all of it."""

    centre: QPointF
    zoom: float | None


class ImageCanvas(QWidget):
    """Shows one picture.

    Signals:
        zoom_changed(float): device pixels for each pixel of the picture.
        sight_changed(): the user looks at another part of it.
        detail_wanted(): the picture is shown larger than its sharpest version.
    """

    zoom_changed = Signal(float)
    sight_changed = Signal()
    detail_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._versions: list[QImage] = []
        self._size = QSize()
        self._zoom: float | None = None
        self._centre = QPointF()
        self._dragged_from: QPointF | None = None
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self.setAutoFillBackground(True)

    @property
    def zoom(self) -> float:
        """Return how many device pixels one pixel of the picture takes."""
        return self._fitted_zoom() if self._zoom is None else self._zoom

    @property
    def picture_size(self) -> QSize:
        """Return the size of the picture, all its pixels counted."""
        return self._size

    @property
    def is_fitted(self) -> bool:
        """Tell whether the picture follows the size of the window."""
        return self._zoom is None

    @property
    def sight(self) -> Sight:
        """Return what part of the picture is looked at."""
        return Sight(self._centre, self._zoom)

    def set_sight(self, sight: Sight) -> None:
        """Look at the same part as another canvas does, of a picture of the same size."""
        self._centre, self._zoom = sight
        self._show_sight()

    def show_picture(self, size: QSize, image: QImage | None) -> None:
        """Show another picture of ``size``, fitted into the window; ``image`` is what there is of it so far."""
        self._size, self._versions = size, []
        self._centre = QPointF(size.width() / 2, size.height() / 2)
        self._dragged_from = None
        self._zoom = None
        self._update_cursor()
        if image is not None:
            self.add_version(image)
        self.update()
        self.zoom_changed.emit(self.zoom)

    def add_version(self, image: QImage) -> None:
        """Add the same picture in another sharpness."""
        self._versions = sorted([*self._versions, image], key=QImage.width)
        self.update()

    def fit(self) -> None:
        """Show the whole picture."""
        self._zoom = None
        self._centre = QPointF(self._size.width() / 2, self._size.height() / 2)
        self._changed()

    def set_zoom(self, zoom: float, at: QPointF | None = None) -> None:
        """Zoom so that the pixel at ``at`` (the middle by default) stays where it is."""
        if self._size.isEmpty():
            return
        at = QRectF(self.rect()).center() if at is None else at
        pixel = self._pixel_at(at)
        self._zoom = max(min(self._fitted_zoom(), 1.0), min(zoom, _MOST_ZOOM))
        offset = (at - QRectF(self.rect()).center()) / self._scale()
        self._centre = self._inside(pixel - offset)
        self._changed()

    def zoom_by(self, steps: float, at: QPointF | None = None) -> None:
        """Zoom in by so many steps, out where they are negative."""
        self.set_zoom(self.zoom * ZOOM_STEP**steps, at)

    def pan(self, right: int, down: int) -> None:
        """Move the view by so many steps."""
        step = QPointF(right * self.width() * _PAN_SHARE, down * self.height() * _PAN_SHARE)
        self._centre = self._inside(self._centre + step / self._scale())
        self.update()
        self.sight_changed.emit()

    def _changed(self) -> None:
        self._show_sight()
        self.sight_changed.emit()

    def _show_sight(self) -> None:
        self._update_cursor()
        self.update()
        self.zoom_changed.emit(self.zoom)
        sharpest_px = self._versions[-1].width() if self._versions else 0
        if self._zoom is not None and self.zoom * self._size.width() > sharpest_px:
            self.detail_wanted.emit()

    def _fitted_zoom(self) -> float:
        if self._size.isEmpty():
            return 1.0
        ratio = self.devicePixelRatioF()
        across, down = self.width() / self._size.width(), self.height() / self._size.height()
        return min(min(across, down) * ratio, _LARGEST_FIT)

    def _scale(self) -> float:
        """Return logical pixels for each pixel of the picture."""
        return max(self.zoom / self.devicePixelRatioF(), 1e-6)

    def _pixel_at(self, position: QPointF) -> QPointF:
        return self._centre + (position - QRectF(self.rect()).center()) / self._scale()

    def _inside(self, centre: QPointF) -> QPointF:
        """Return the centre nearest to ``centre`` that leaves no needless empty space."""

        def clamped(value: float, size_px: int, shown_px: float) -> float:
            half = min(shown_px / self._scale(), size_px) / 2
            return max(half, min(value, size_px - half))

        return QPointF(
            clamped(centre.x(), self._size.width(), self.width()),
            clamped(centre.y(), self._size.height(), self.height()),
        )

    def _can_pan(self) -> bool:
        scale = self._scale()
        return self._size.width() * scale > self.width() + 1 or self._size.height() * scale > self.height() + 1

    def _update_cursor(self) -> None:
        if self._dragged_from is not None:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self._can_pan():
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        else:
            self.unsetCursor()

    def _version_for(self, width_px: float) -> QImage:
        """Return the smallest version that need not be enlarged to ``width_px``, else the largest."""
        return next((image for image in self._versions if image.width() >= width_px), self._versions[-1])

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._versions or self._size.isEmpty():
            return
        scale = self._scale()
        middle = QRectF(self.rect()).center()
        target = QRectF(
            middle.x() - self._centre.x() * scale,
            middle.y() - self._centre.y() * scale,
            self._size.width() * scale,
            self._size.height() * scale,
        )
        image = self._version_for(self.zoom * self._size.width())
        shown = target.intersected(QRectF(event.rect()))
        across, down = image.width() / target.width(), image.height() / target.height()
        source = QRectF(
            (shown.x() - target.x()) * across,
            (shown.y() - target.y()) * down,
            shown.width() * across,
            shown.height() * down,
        )
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self.zoom < _PIXELS_SEEN_FROM)
        painter.drawImage(shown, image, source)
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._centre = self._inside(self._centre)
        self._update_cursor()
        self.zoom_changed.emit(self.zoom)

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.zoom_by(event.angleDelta().y() / _WHEEL_STEP, event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._can_pan():
            self._dragged_from = event.position()
            self._update_cursor()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragged_from is None:
            event.ignore()
            return
        moved, self._dragged_from = event.position() - self._dragged_from, event.position()
        self._centre = self._inside(self._centre - moved / self._scale())
        self.update()
        self.sight_changed.emit()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._dragged_from = None
        self._update_cursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self.is_fitted:
            self.set_zoom(max(1.0, self.zoom * ZOOM_STEP), event.position())
        else:
            self.fit()
