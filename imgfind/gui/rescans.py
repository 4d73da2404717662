"""Decides when the library is brought up to date without being asked: at the start, by and by, and on coming back.

GUI thread only.
"""

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication

from imgfind.gui.indexer import Indexer

EVERY_S = 30 * 60
"""Between two looks while the window is open."""
ON_RETURN_S = 10 * 60
"""Without a look for so long, coming back to the window is a reason for one: photos may have been copied meanwhile."""


class Rescans(QObject):
    """Asks an :class:`Indexer` for a look at all folders when one is due; it declines where the user wants none."""

    def __init__(
        self, indexer: Indexer, parent: QObject | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``clock`` is the indexer's."""
        super().__init__(parent)
        self._indexer = indexer
        self._clock = clock
        self._timer = QTimer(self, interval=EVERY_S * 1000)
        self._timer.timeout.connect(indexer.rescan)
        indexer.state_changed.connect(self._on_state_changed)
        app = QGuiApplication.instance()
        assert isinstance(app, QGuiApplication), "there is no window without one"
        app.applicationStateChanged.connect(self._on_application_state_changed)

    def begin(self) -> None:
        """Have the first look, and others from now on, as after any other run."""
        self._timer.start()
        self._indexer.rescan()

    @Slot(str)
    def _on_state_changed(self, _state: str) -> None:
        self._timer.start()  # counts from the end of the last run

    @Slot(Qt.ApplicationState)
    def _on_application_state_changed(self, state: Qt.ApplicationState) -> None:
        ended_at = self._indexer.ended_at
        is_due = ended_at is not None and self._clock() - ended_at >= ON_RETURN_S
        if state == Qt.ApplicationState.ApplicationActive and self._timer.isActive() and is_due:
            self._indexer.rescan()
