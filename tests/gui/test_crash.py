"""Bugs are written down and shown, once, wherever they happen."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from imgfind.gui import crash
from imgfind.gui.crash import CrashDialog, CrashReporter


@pytest.fixture
def reporter(qapp: QApplication, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[CrashReporter]:
    made = CrashReporter(tmp_path / "imgfind.log")
    yield made
    if made._dialog is not None:
        made._dialog.reject()


def bug(text: str) -> tuple[type[BaseException], BaseException, object]:
    try:
        raise ZeroDivisionError(text)
    except ZeroDivisionError:
        return sys.exc_info()


def shown(qtbot: QtBot, reporter: CrashReporter) -> CrashDialog:
    qtbot.waitUntil(lambda: reporter._dialog is not None)
    assert reporter._dialog is not None
    return reporter._dialog


def test_a_bug_is_logged_and_shown_with_its_traceback(
    qtbot: QtBot, reporter: CrashReporter, caplog: pytest.LogCaptureFixture
) -> None:
    reporter.report(*bug("the first"))
    report = shown(qtbot, reporter).report()
    assert "ZeroDivisionError: the first" in report
    assert "imgfind 0." in report
    assert "ZeroDivisionError: the first" in caplog.text


def test_more_bugs_are_counted_and_not_stacked(qtbot: QtBot, reporter: CrashReporter, qapp: QApplication) -> None:
    reporter.report(*bug("the first"))
    dialog = shown(qtbot, reporter)
    for number in range(100):
        reporter.report(*bug(f"number {number}"))
    qtbot.waitUntil(lambda: dialog._more == 100)
    assert "the first" in dialog.report()
    assert [widget for widget in qapp.topLevelWidgets() if isinstance(widget, CrashDialog)] == [dialog]


def test_after_closing_the_next_bug_is_shown_again(qtbot: QtBot, reporter: CrashReporter) -> None:
    reporter.report(*bug("the first"))
    shown(qtbot, reporter).reject()
    assert reporter._dialog is None
    reporter.report(*bug("the second"))
    assert "the second" in shown(qtbot, reporter).report()


def test_a_bug_in_a_thread_is_shown_on_the_gui_thread(
    qtbot: QtBot, reporter: CrashReporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", reporter.report_thread)
    thread = threading.Thread(target=lambda: 1 // 0)
    thread.start()
    thread.join()
    assert "ZeroDivisionError" in shown(qtbot, reporter).report()


def test_the_report_can_be_copied(qtbot: QtBot, reporter: CrashReporter) -> None:
    reporter.report(*bug("to be copied"))
    dialog = shown(qtbot, reporter)
    next(button for button in dialog.findChildren(QPushButton) if "Copy" in button.text()).click()
    assert QGuiApplication.clipboard().text() == dialog.report()


PROGRAM = """
import gc, logging, sys, threading
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from imgfind.gui import crash
app = QApplication([])
reporter = crash.install(app, Path(sys.argv[1]))
class Odd:
    def __del__(self):
        raise RuntimeError("while it was thrown away")
def end():
    print("went on", reporter._dialog._more)
    app.quit()
def slot():
    Odd()
    threading.Thread(target=lambda: [][1]).start()
    QTimer.singleShot(300, end)
    raise ValueError("in a slot")
logging.getLogger("imgfind.somewhere").warning("careful")
QTimer.singleShot(0, slot)
app.exec()
"""


def test_a_program_with_bugs_goes_on_and_its_log_tells_of_all(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "imgfind.log"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(log)], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "went on 1\n"
    written = log.read_text("utf-8")
    for line in ("careful", "ValueError: in a slot", "IndexError", "RuntimeError: while it was thrown away"):
        assert line in written


def test_a_log_that_cannot_be_written_is_no_reason_not_to_start(qapp: QApplication, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    before = list(logging.getLogger().handlers)
    crash._log_to(tmp_path / "file" / "imgfind.log")
    assert logging.getLogger().handlers == before
