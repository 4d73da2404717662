"""Tells the user that long work is done, where imgfind is not what they look at. GUI thread only."""

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QApplication, QSystemTrayIcon

LONG_S = 60.0
"""Who waits for less is still looking."""
_SHOWN_MS = 10_000


class Notifier(QObject):
    """A notice of the desktop for work that took long; where the desktop shows none, the window asks for attention.

    Signals:
        clicked(): the user wants to see.
    """

    clicked = Signal()

    def __init__(
        self, icon: QIcon, parent: QObject | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(parent)
        self._icon = icon
        self._clock = clock
        self._began_at: float | None = None
        self._tray: QSystemTrayIcon | None = None
        self._hide = QTimer(self, singleShot=True, interval=_SHOWN_MS)
        self._hide.timeout.connect(self._on_over)

    @Slot()
    def begin(self) -> None:
        """Note that work begins, unless it is going on."""
        if self._began_at is None:
            self._began_at = self._clock()

    def end(self, text: str = "") -> None:
        """Note that it is over, and say ``text`` if it took long and nobody looks; nothing where there is no text."""
        began_at, self._began_at = self._began_at, None
        if text and began_at is not None and self._clock() - began_at >= LONG_S and not self._is_looked_at():
            self._tell(text)

    def _is_looked_at(self) -> bool:
        return QGuiApplication.applicationState() == Qt.ApplicationState.ApplicationActive

    def _tell(self, text: str) -> None:
        for window in QApplication.topLevelWidgets():
            if window.isVisible() and window.isWindow() and window.parentWidget() is None:
                QApplication.alert(window)
        if not (QSystemTrayIcon.isSystemTrayAvailable() and QSystemTrayIcon.supportsMessages()):
            return
        if self._tray is None:
            self._tray = QSystemTrayIcon(self._icon, self)
            self._tray.messageClicked.connect(self._on_clicked)
            self._tray.activated.connect(self._on_clicked)
        self._tray.show()
        self._tray.showMessage("imgfind", text, self._icon)
        self._hide.start()

    @Slot()
    def _on_clicked(self) -> None:
        self._on_over()
        self.clicked.emit()

    @Slot()
    def _on_over(self) -> None:
        if self._tray is not None:
            self._tray.hide()
