"""The one unobtrusive line that tells what is being worked on. Knows no process; shows what it is told. GUI thread."""

from PySide6.QtCore import QCoreApplication, QSize, Qt, Signal, SignalInstance
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QToolButton, QVBoxLayout, QWidget

from imgfind.core import Progress, wording
from imgfind.gui import texts
from imgfind.gui.icons import icon

_BAR_PX = 3
_STEPS = 1000


class WorkLine(QWidget):
    """What goes on, how far it is, how fast and how long still; pause, resume and cancel.

    Signals:
        pause_requested(), resume_requested(), cancel_requested(): the buttons.
    """

    pause_requested = Signal()
    resume_requested = Signal()
    cancel_requested = Signal()

    def __init__(self, parent: QWidget | None = None, *, can_pause: bool = True) -> None:
        super().__init__(parent)
        self._can_pause = can_pause
        self._state = "idle"
        self._what = ""
        self._label = _OneLine()
        self._bar = _ThinBar()
        self._bar.setRange(0, _STEPS)
        self._bar.setAccessibleName(self.tr("Progress"))
        self._pause = _button("pause", self.tr("Pause"), self.pause_requested)
        self._resume = _button("play", self.tr("Resume"), self.resume_requested)
        self._cancel = _button("x", self.tr("Cancel"), self.cancel_requested)
        line = QHBoxLayout()
        line.setContentsMargins(10, 2, 6, 2)
        line.setSpacing(2)
        line.addWidget(self._label, 1)
        for button in (self._pause, self._resume, self._cancel):
            line.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._bar)
        layout.addLayout(line)
        self.set_state("idle")

    @property
    def state(self) -> str:
        """Return ``idle``, ``running``, ``paused`` or ``waiting``."""
        return self._state

    @property
    def text(self) -> str:
        """Return what the line says."""
        return self._label.text()

    def set_state(self, state: str, what: str = "") -> None:
        """Show one of the states of :attr:`state`; ``what`` names the work (``Indexing``) where it is another one."""
        self._state = state
        self._what = what or self._what
        self._pause.setVisible(state == "running" and self._can_pause)
        self._resume.setVisible(state == "paused")
        self._cancel.setVisible(state in ("running", "paused"))
        self._bar.setEnabled(state == "running")
        self.setVisible(state != "idle")
        match state:
            case "idle":
                self._bar.reset()
            case "running":
                self._label.setText(self._what)
            case "paused":
                self._label.setText(self.tr("{} paused").format(self._what))
            case "waiting":
                self._label.setText(self.tr("Another program works on this library; this window waits for it"))

    def show_progress(self, progress: Progress, what: str, *, in_bytes: bool = False) -> None:
        """Show a moment of running work; ``in_bytes`` where it counts bytes, not photos."""
        if self._state != "running" or self._what != what:
            self.set_state("running", what)
        self._label.setText(told(progress, what, in_bytes=in_bytes))
        self._bar.setValue(round(_STEPS * min(1.0, progress.done / progress.total)) if progress.total else 0)


class _OneLine(QLabel):
    """A label that gives way: what does not fit is elided, and stands in the tool tip."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setToolTip(text)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, shown)


class _ThinBar(QProgressBar):
    """A progress bar of a few pixels, for which styles have no picture."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(_BAR_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.palette().color(QPalette.ColorRole.Midlight))
        done = self.rect()
        done.setWidth(self.width() * max(0, self.value()) // self.maximum())
        role = QPalette.ColorRole.Highlight if self.isEnabled() else QPalette.ColorRole.Mid
        painter.fillRect(done, self.palette().color(role))


def told(progress: Progress, what: str, *, in_bytes: bool = False) -> str:
    """Return a moment of work in words: what, how many of how many, how fast, how long still."""
    parts = [_how_far(progress, what, in_bytes=in_bytes)]
    if progress.per_s and in_bytes:
        parts.append(f"{texts.size(round(progress.per_s))}/s")
    elif progress.per_s:
        parts.append(_tr("{} photos/s").format(wording.rate(progress.per_s)))
    if progress.eta_s is not None:
        parts.append(texts.time_left(progress.eta_s))
    return " · ".join(parts)


def _how_far(progress: Progress, what: str, *, in_bytes: bool) -> str:
    shown = texts.size if in_bytes else texts.number
    done, total = shown(progress.done), shown(progress.total or 0)
    stages = {
        "scanning": _tr("Looking for photos: {done} found"),
        "loading the model": _tr("{what}: getting ready"),
        "building the search index": _tr("{what}: making the search fast"),
        "connecting": _tr("{what}: connecting"),
        "checking": _tr("{what}: checking what was fetched"),
        "looking for candidates": _tr("{what}: finding what may be alike"),
        "comparing": _tr("{what}: {done} of {total} pairs compared"),
    }
    usual = _tr("{what} {done} of {total}") if progress.total else "{what} {done}" if progress.done else "{what}"
    return stages.get(progress.stage, usual).format(what=what, done=done, total=total)


def _button(name: str, text: str, signal: SignalInstance) -> QToolButton:
    button = QToolButton()
    button.setIcon(icon(name))
    button.setToolTip(text)
    button.setAccessibleName(text)
    button.setAutoRaise(True)
    button.clicked.connect(lambda _checked: signal.emit())
    return button


def _tr(text: str) -> str:
    return QCoreApplication.translate("WorkLine", text)
