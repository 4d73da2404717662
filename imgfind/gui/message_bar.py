"""Messages above the grid: what was done, with *Undo*, and what went wrong. GUI thread.

The newest message is on top. Notes go by themselves; errors stay, and come back from below what covered them.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEasingCurve, QEvent, QPropertyAnimation, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QColor,
    QContextMenuEvent,
    QGuiApplication,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPalette,
)
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStyle,
    QToolButton,
    QWidget,
)

from imgfind.gui.icons import icon

NOTE_SHOWN_MS = 8000
"""Long enough to read two sentences and to reach *Undo*."""
_SLIDE_MS = 140
_ICON_PX = 18
_MOST = 20
_UNLIMITED_PX = 16_777_215
_BREAK_HERE = "\u200b"
"""Zero-width space: lets a long path go on in the next line."""
_LONG = re.compile(rf"{re.escape(os.sep)}|[^\s{re.escape(os.sep)}]{{40}}")
"""Where: behind each separator, and within names that may be longer than a line."""


@dataclass(frozen=True, slots=True)
class _Message:
    text: str
    is_error: bool
    action: str = ""
    on_action: Callable[[], None] | None = None


class MessageBar(QWidget):
    """One message at a time, the newest.

    Signals:
        closed(): the last message went.
    """

    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._messages: list[_Message] = []
        self._icon = QLabel()
        self._label = QLabel()
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setWordWrap(True)
        # Ignored: a word longer than the window must not make the window wider.
        self._label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._action = QPushButton()
        self._action.clicked.connect(self._act)
        self._close = QToolButton()
        self._close.setIcon(icon("x"))
        self._close.setAutoRaise(True)
        self._close.setToolTip(self.tr("Close this message (Esc)"))
        self._close.setAccessibleName(self.tr("Close this message"))
        self._close.clicked.connect(self.close_message)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(NOTE_SHOWN_MS)
        self._timer.timeout.connect(self._on_time_up)
        self._slide = QPropertyAnimation(self, b"maximumHeight", self)
        self._slide.setDuration(_SLIDE_MS)
        self._slide.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._slide.finished.connect(lambda: self.setMaximumHeight(_UNLIMITED_PX))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 6, 6)
        layout.setSpacing(8)
        layout.addWidget(self._icon)
        layout.addWidget(self._label, 1)
        layout.addWidget(self._action)
        layout.addWidget(self._close)
        self.hide()

    @property
    def text(self) -> str:
        """Return what is shown, empty where nothing is."""
        return self._messages[-1].text if self._messages else ""

    def show_note(self, text: str, *, action: str = "", on_action: Callable[[], None] | None = None) -> None:
        """Tell something that needs no answer; it goes by itself. ``action`` names a button, as in *Undo*."""
        self._messages = [message for message in self._messages if message.is_error]
        self._push(_Message(text, False, action, on_action))

    def show_error(self, text: str, *, action: str = "", on_action: Callable[[], None] | None = None) -> None:
        """Tell what went wrong; it stays until it is closed."""
        self._messages = [message for message in self._messages if message.text != text][-_MOST:]
        self._push(_Message(text, True, action, on_action))

    def close_message(self) -> None:
        """Take the message on top away; the one below it is seen again."""
        if self._messages:
            self._messages.pop()
        if self._messages:
            self._show_top()
        else:
            self._timer.stop()
            self._slide.stop()
            self.hide()
            self.closed.emit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._messages:
            self._draw_icon()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_message()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        text = self.text
        copy = menu.addAction(icon("copy"), self.tr("Copy message"))
        copy.triggered.connect(lambda _checked: QGuiApplication.clipboard().setText(text))
        menu.popup(event.globalPos())

    def paintEvent(self, event: QPaintEvent) -> None:
        palette = self.palette()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        tint = QColor(palette.color(QPalette.ColorRole.Highlight))
        tint.setAlphaF(0.16)
        painter.setBrush(tint)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(4, 2, -4, -2), 6, 6)

    def _push(self, message: _Message) -> None:
        was_empty = self.isHidden()
        self._messages.append(message)
        self._show_top()
        announcement = QAccessibleAnnouncementEvent(self, message.text)
        if message.is_error:
            announcement.setPoliteness(QAccessible.AnnouncementPoliteness.Assertive)
        QAccessible.updateAccessibility(announcement)
        if was_empty:
            self._slide_in()

    def _show_top(self) -> None:
        message = self._messages[-1]
        self._draw_icon()
        self._label.setText(_LONG.sub(lambda found: found[0] + _BREAK_HERE, message.text))
        self._label.setAccessibleName(message.text)
        self._action.setText(message.action)
        for button in (self._action, self._close):  # the bar slides over them and does not squash them
            button.setMinimumHeight(button.sizeHint().height())
        self._action.setVisible(bool(message.action))
        if message.is_error:
            self._timer.stop()
        else:
            self._timer.start()
        self.show()

    def _draw_icon(self) -> None:
        name = "triangle-alert" if self._messages[-1].is_error else "info"
        self._icon.setPixmap(icon(name).pixmap(QSize(_ICON_PX, _ICON_PX), self.devicePixelRatio()))

    def _slide_in(self) -> None:
        if self.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration, None, self) > 0:
            width = self.width()
            height = self.heightForWidth(width) if self.hasHeightForWidth() else self.sizeHint().height()
            self._slide.setStartValue(0)
            self._slide.setEndValue(height)
            self._slide.start()

    def _act(self) -> None:
        on_action = self._messages[-1].on_action
        self.close_message()
        if on_action is not None:
            on_action()

    def _on_time_up(self) -> None:
        focused = QApplication.focusWidget()
        if self.underMouse() or (focused is not None and self.isAncestorOf(focused)):
            self._timer.start()
        else:
            self.close_message()
