"""What the search bar looks like around its contents: the frame of a text field, and the sign at its head.

GUI thread only.
"""

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QSizePolicy, QStyle, QStyleOptionFrame, QWidget

from imgfind.gui import chips
from imgfind.gui.icons import paint_icon

_BUSY_DELAY_MS = 250
"""Answers that come sooner need no sign that they are awaited."""
_TURN_MS = 60
_TURN_DEGREES = 24
_ARC_DEGREES = 270


class SearchFrame(QWidget):
    """Draws the style's own text field around several widgets; its focus is that of ``words``."""

    def __init__(self, words: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words = words
        self._is_drop_target = False
        words.installEventFilter(self)
        self.setCursor(Qt.CursorShape.ArrowCursor)

    def set_drop_target(self, yes: bool) -> None:
        """Show that what is dragged can be dropped here."""
        self._is_drop_target = yes
        self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the focus."""
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self.update()
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the field."""
        option = QStyleOptionFrame()
        option.initFrom(self)
        option.lineWidth = self.style().pixelMetric(QStyle.PixelMetric.PM_DefaultFrameWidth, option, self._words)
        option.state |= QStyle.StateFlag.State_Sunken
        if self._words.hasFocus() or self._is_drop_target:
            option.state |= QStyle.StateFlag.State_HasFocus
        self.style().drawPrimitive(QStyle.PrimitiveElement.PE_PanelLineEdit, option, QPainter(self), self)


class SearchSign(QWidget):
    """A lens; a turning arc while an answer is awaited, a warning where the text is no query."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._error = False
        self._angle = 0
        self._turning = QTimer(self, interval=_TURN_MS)
        self._turning.timeout.connect(self._turn)
        self._delay = QTimer(self, singleShot=True, interval=_BUSY_DELAY_MS)
        self._delay.timeout.connect(self._turning.start)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    @property
    def is_busy(self) -> bool:
        """Tell whether an answer is awaited, whether that shows yet or not."""
        return self._delay.isActive() or self._turning.isActive()

    def set_busy(self, busy: bool) -> None:
        """Turn, when it takes a while."""
        if busy and not self.is_busy:
            self._delay.start()
        elif not busy:
            self._delay.stop()
            self._turning.stop()
            self.update()

    def set_error(self, error: bool) -> None:
        """Show the warning or take it away."""
        self._error = error
        self.update()

    def sizeHint(self) -> QSize:
        """Return the size of a chip's end."""
        edge = chips.height_px(self.fontMetrics())
        return QSize(edge, edge)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the sign."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = self.palette().color(QPalette.ColorRole.PlaceholderText)
        edge = self.fontMetrics().height()
        place = QRectF((self.width() - edge) / 2, (self.height() - edge) / 2, edge, edge)
        if self._turning.isActive():
            painter.setPen(QPen(colour, 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawArc(place.adjusted(2, 2, -2, -2), -self._angle * 16, _ARC_DEGREES * 16)
        elif self._error:
            paint_icon(painter, "circle-alert", place, self.palette().color(QPalette.ColorRole.Text))
        else:
            paint_icon(painter, "search", place, colour)

    def _turn(self) -> None:
        self._angle = (self._angle + _TURN_DEGREES) % 360
        self.update()
