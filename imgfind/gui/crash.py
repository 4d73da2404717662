"""What happens when imgfind has a bug: it is written to a log file and shown, and the program goes on.

``install`` is called once, on the GUI thread; errors of every thread arrive there. What the user or the machine can
mend is an ``ImgfindError`` and never comes here.
"""

import contextlib
import logging
import platform
import sys
import threading
import traceback
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

import platformdirs
from PySide6.QtCore import QObject, Qt, QUrl, Signal, Slot, qVersion
from PySide6.QtGui import QDesktopServices, QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from imgfind import __version__
from imgfind.gui import theme

log = logging.getLogger(__name__)

_LOG_BYTES = 1_000_000
_OLD_LOGS = 2


def log_file() -> Path:
    """Return where the window writes what it has to say."""
    return Path(platformdirs.user_log_dir("imgfind", appauthor=False)) / "imgfind.log"


def install(app: QApplication, file: Path | None = None) -> "CrashReporter":
    """Write warnings and bugs to ``file`` from now on, and show bugs; return what does so."""
    file = file or log_file()
    _log_to(file)
    reporter = CrashReporter(file, app)
    sys.excepthook = reporter.report
    threading.excepthook = reporter.report_thread
    sys.unraisablehook = _log_unraisable
    return reporter


class CrashReporter(QObject):
    """Writes bugs down and shows the first one of a series, wherever they happen."""

    _happened = Signal(str)

    def __init__(self, file: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._file = file
        self._dialog: CrashDialog | None = None
        self._happened.connect(self._show, Qt.ConnectionType.QueuedConnection)

    def report(self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        """Take the place of ``sys.excepthook``."""
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        text = "".join(traceback.format_exception(kind, error, trace))
        log.critical("%s", text)
        with contextlib.suppress(RuntimeError):  # the application is gone already
            self._happened.emit(text)

    def report_thread(self, what: threading.ExceptHookArgs) -> None:
        """Take the place of ``threading.excepthook``."""
        if what.exc_type is not SystemExit:
            self.report(what.exc_type, what.exc_value, what.exc_traceback)

    @Slot(str)
    def _show(self, text: str) -> None:
        if self._dialog is not None:
            self._dialog.add(text)
            return
        self._dialog = CrashDialog(text, self._file, QApplication.activeWindow())
        self._dialog.finished.connect(self._on_closed)
        self._dialog.show()

    @Slot()
    def _on_closed(self) -> None:
        if self._dialog is not None:
            self._dialog.deleteLater()
        self._dialog = None


class CrashDialog(QDialog):
    """Says that imgfind made a mistake, with all that is needed to report it."""

    def __init__(self, text: str, file: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("imgfind has a bug"))
        self._text, self._more, self._file = text, 0, file
        explanation = QLabel(
            self.tr(
                "Something went wrong that is not your fault. Your photos and the library are not affected. You can go"
                " on; if it happens again, start imgfind anew. A report with the text below helps to mend it."
            ),
            wordWrap=True,
        )
        self._count = QLabel()
        self._count.hide()
        self._report = QPlainTextEdit(self.report(), readOnly=True)
        self._report.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._report.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._report.setAccessibleName(self.tr("Report"))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        copy = QPushButton(self.tr("&Copy"))
        copy.clicked.connect(self._copy)
        buttons.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
        open_log = QPushButton(self.tr("Open &log"))
        open_log.clicked.connect(self._open_log)
        buttons.addButton(open_log, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(explanation)
        layout.addWidget(self._report, 1)
        layout.addWidget(self._count)
        layout.addWidget(buttons)
        theme.quieten(self._report)
        theme.without_icons(self)
        self.resize(640, 400)

    def report(self) -> str:
        """Return the text to be reported."""
        return (
            f"imgfind {__version__}, Python {platform.python_version()}, Qt {qVersion()}, {platform.platform()}\n\n"
            f"{self._text}"
        )

    def add(self, _text: str) -> None:
        """Count another one: it is in the log."""
        self._more += 1
        self._count.setText(self.tr("%n more since then; see the log.", "", self._more))
        self._count.show()

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.report())

    @Slot()
    def _open_log(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._file)))


def _log_to(file: Path) -> None:
    with contextlib.suppress(OSError):  # no room, no permission: bugs are still shown
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(file, maxBytes=_LOG_BYTES, backupCount=_OLD_LOGS, encoding="utf-8", delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logging.getLogger().addHandler(handler)


def _log_unraisable(what: "sys.UnraisableHookArgs") -> None:
    """Write down what went wrong while something was thrown away: nothing the user did has failed."""
    trace = "".join(traceback.format_exception(what.exc_type, what.exc_value, what.exc_traceback))
    log.error("%s: %r\n%s", what.err_msg or "Ignored", what.object, trace)
