"""The page that stands where photos would be."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from imgfind.gui.empty_page import EmptyPage, EmptyState


@pytest.fixture
def page(qtbot: QtBot) -> EmptyPage:
    made = EmptyPage()
    qtbot.addWidget(made)
    return made


def words(page: EmptyPage) -> list[str]:
    return [label.text() for label in page.findChildren(QLabel) if label.text()]


@pytest.mark.parametrize("state", list(EmptyState))
def test_every_state_says_what_and_why(page: EmptyPage, state: EmptyState) -> None:
    page.show_state(state)
    assert page.state is state
    assert len(words(page)) == 2


def test_the_first_launch_says_what_to_do_and_does_it(qtbot: QtBot, page: EmptyPage) -> None:
    page.show()
    assert words(page)[0] == "Add a folder of photos, or drop one here"
    (button,) = [button for button in page.findChildren(QPushButton) if button.isVisible()]
    with qtbot.waitSignal(page.add_folder_requested):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_a_search_without_hits_can_be_cleared(qtbot: QtBot, page: EmptyPage) -> None:
    page.show_state(EmptyState.NOTHING_FOUND, "Nothing is like that.")
    page.show()
    assert words(page)[1] == "Nothing is like that."
    (button,) = [button for button in page.findChildren(QPushButton) if button.isVisible()]
    with qtbot.waitSignal(page.clear_requested):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.mark.parametrize("width_px", [260, 1400])
def test_no_sentence_is_clipped(qtbot: QtBot, page: EmptyPage, width_px: int) -> None:
    page.show_state(EmptyState.EMPTY_FOLDER)
    page.resize(width_px, 600)
    page.show()
    qtbot.waitExposed(page)
    for label in page.findChildren(QLabel):
        if label.text():
            assert label.height() >= label.heightForWidth(label.width())
