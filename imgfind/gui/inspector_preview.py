"""The small picture on top of the inspector. GUI thread only."""

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy, QWidget

from imgfind.gui.icons import paint_icon

_MOST_HEIGHT_PX = 280
_ICON_PX = 32


class InspectorPreview(QWidget):
    """A photo, as wide as there is room.

    Signals:
        view_requested(): it was double-clicked.
    """

    view_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._size = QSize(4, 3)
        self._content_hash = b""
        self._image: QImage | None = None
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setToolTip(self.tr("Double click to see it large"))

    def expect(self, name: str, size: QSize, content_hash: bytes) -> None:
        """Make room for a picture of ``size``; what is shown stays where it is the same one."""
        self.setAccessibleName(name)
        if content_hash != self._content_hash:
            self._size, self._content_hash, self._image = size, content_hash, None
            self.updateGeometry()
            self.update()

    def show_image(self, content_hash: bytes, image: QImage) -> None:
        """Show the picture that was expected; a null image is shown as a sign that there is none."""
        if content_hash == self._content_hash:
            self._image = image
            self.update()

    def _room(self) -> QRect:
        size = self._size.scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        if self._image is not None and not self._image.isNull():
            size = size.boundedTo(self._size)  # small pictures are not enlarged
        return QRect((self.width() - size.width()) // 2, (self.height() - size.height()) // 2, *size.toTuple())

    # Qt's names from here on.

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        room = QSize(min(width, self._size.width()), min(_MOST_HEIGHT_PX, self._size.height()))
        return max(_ICON_PX, self._size.scaled(room, Qt.AspectRatioMode.KeepAspectRatio).height())

    def sizeHint(self) -> QSize:
        return QSize(200, self.heightForWidth(200))

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._image is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if self._image.isNull():
            colour = self.palette().color(QPalette.ColorRole.PlaceholderText)
            sign = QRect(0, 0, _ICON_PX, _ICON_PX)
            sign.moveCenter(self.rect().center())
            paint_icon(painter, "image", sign.toRectF(), colour)
        else:
            painter.drawImage(self._room(), self._image)
        painter.end()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.view_requested.emit()
