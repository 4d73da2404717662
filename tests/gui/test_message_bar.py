"""Messages above the grid."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QPushButton, QToolButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from imgfind.gui import message_bar
from imgfind.gui.message_bar import MessageBar


@pytest.fixture
def bar(qtbot: QtBot) -> MessageBar:
    window = QWidget()
    layout = QVBoxLayout(window)
    made = MessageBar()
    layout.addWidget(made)
    layout.addStretch(1)
    window.resize(500, 300)
    qtbot.addWidget(window)
    window.show()
    made.window_kept = window  # type: ignore[attr-defined]  # lives as long as the bar
    return made


@pytest.fixture
def short_notes(monkeypatch: pytest.MonkeyPatch, bar: MessageBar) -> None:
    bar._timer.setInterval(20)


def click(qtbot: QtBot, button: QWidget) -> None:
    qtbot.waitUntil(lambda: button.visibleRegion().boundingRect() == button.rect())  # the bar has slid in
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_an_action_is_done_once_and_takes_the_message_away(qtbot: QtBot, bar: MessageBar) -> None:
    done: list[str] = []
    bar.show_note("3 photos went to the trash.", action="Undo", on_action=lambda: done.append("undone"))
    button = bar.findChild(QPushButton)
    assert button.text() == "Undo"
    assert button.isVisible()
    with qtbot.waitSignal(bar.closed):
        click(qtbot, button)
    assert done == ["undone"]
    assert bar.isHidden()


def test_an_action_may_show_the_next_message(qtbot: QtBot, bar: MessageBar) -> None:
    bar.show_note("Gone.", action="Undo", on_action=lambda: bar.show_note("Put back."))
    click(qtbot, bar.findChild(QPushButton))
    assert bar.text == "Put back."
    assert bar.isVisible()
    assert not bar.findChild(QPushButton).isVisible()


@pytest.mark.usefixtures("short_notes")
def test_a_note_goes_by_itself(qtbot: QtBot, bar: MessageBar) -> None:
    with qtbot.waitSignal(bar.closed):
        bar.show_note("Saved.")
    assert bar.isHidden()


@pytest.mark.usefixtures("short_notes")
def test_a_note_stays_while_its_button_has_the_focus(qtbot: QtBot, bar: MessageBar) -> None:
    bar.window().activateWindow()
    bar.show_note("Gone.", action="Undo")
    button = bar.findChild(QPushButton)
    button.setFocus()
    qtbot.waitUntil(button.hasFocus)
    with qtbot.waitSignal(bar._timer.timeout):
        pass
    assert bar.isVisible()
    button.clearFocus()
    qtbot.waitUntil(bar.isHidden)


@pytest.mark.usefixtures("short_notes")
def test_an_error_stays_and_comes_back_from_below_a_note(qtbot: QtBot, bar: MessageBar) -> None:
    bar.show_error("The drive is full.")
    bar.show_note("Saved.")
    assert bar.text == "Saved."
    qtbot.waitUntil(lambda: bar.text == "The drive is full.")
    assert bar.isVisible()
    assert not bar._timer.isActive()


def test_the_newest_note_takes_the_place_of_an_older_one(bar: MessageBar) -> None:
    bar.show_note("One.")
    bar.show_note("Two.")
    bar.close_message()
    assert bar.isHidden()


def test_the_same_error_is_shown_once(bar: MessageBar) -> None:
    for _ in range(3):
        bar.show_error("The drive is full.")
    bar.close_message()
    assert bar.isHidden()


def test_a_storm_of_errors_ends(bar: MessageBar) -> None:
    for number in range(1000):
        bar.show_error(f"Error {number}.")
    assert bar.text == "Error 999."
    assert len(bar._messages) <= message_bar._MOST + 1


def test_escape_and_the_button_close_it(qtbot: QtBot, bar: MessageBar) -> None:
    bar.show_error("One.")
    bar.show_error("Two.")
    close = bar.findChild(QToolButton)
    qtbot.keyClick(close, Qt.Key.Key_Escape)
    assert bar.text == "One."
    click(qtbot, close)
    assert bar.isHidden()
    bar.close_message()


def test_a_long_path_wraps_and_its_copy_is_exact(qtbot: QtBot, bar: MessageBar) -> None:
    text = "Cannot read /" + "a-long-name/" * 60
    bar.show_error(text)
    qtbot.waitUntil(lambda: bar.maximumHeight() > 10_000)  # it has slid in
    assert bar.window().width() == 500
    label = next(label for label in bar.findChildren(QLabel) if label.text())
    qtbot.waitUntil(lambda: label.height() > 3 * label.fontMetrics().height())
    assert label.accessibleName() == text
    menu_of(qtbot, bar).actions()[0].trigger()
    assert QGuiApplication.clipboard().text() == text


def menu_of(qtbot: QtBot, bar: MessageBar) -> QMenu:
    """Open the context menu as the menu key does."""
    at = QPoint(5, 5)
    QApplication.sendEvent(bar, QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, at, bar.mapToGlobal(at)))
    return bar.findChild(QMenu)
