"""What the pages of the settings have in common: a heading, room, and core calls that may fail. GUI thread only."""

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from imgfind.core import ImgfindError, Library
from imgfind.gui.tasks import Lane, TaskRunner

_T = TypeVar("_T")


class SettingsPage(QWidget):
    """One page; what is changed on it holds at once.

    Signals:
        failed(str): why something could not be done; an empty text when the next thing is tried.
    """

    failed = Signal(str)

    def __init__(self, runner: TaskRunner, heading: str) -> None:
        super().__init__()
        self._runner = runner
        title = QLabel(heading)
        font = title.font()
        font.setPointSizeF(1.3 * font.pointSizeF())
        font.setBold(True)
        title.setFont(font)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(20, 16, 20, 12)
        self.body.setSpacing(10)
        self.body.addWidget(title)

    def refresh(self) -> None:
        """Read anew what is shown; called whenever the page comes up."""

    def ask(
        self,
        lane: Lane,
        work: Callable[[Library], _T],
        done: Callable[[_T], None],
        failed: Callable[[], None] | None = None,
    ) -> None:
        """Have the core do something; failures are shown, and ``failed`` called behind that."""
        if lane != Lane.READ:
            self.failed.emit("")

        def tell(error: ImgfindError) -> None:
            self.failed.emit(str(error))
            if failed is not None:
                failed()

        self._runner.run(lane, work, done, failed=tell, owner=self)


def faint(text: str = "") -> QLabel:
    """Return a quiet explanation, as wide as there is room."""
    label = QLabel(text, wordWrap=True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setForegroundRole(label.palette().ColorRole.PlaceholderText)
    return label
