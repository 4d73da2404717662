"""Chips and the field they stand in: keys, menus, places."""

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from imgfind.core.filters import WordFilter
from imgfind.core.query import ImageTerm, Region, TextTerm
from imgfind.gui.chip_field import ChipField, flow
from imgfind.gui.chips import Chip
from imgfind.gui.tasks import TaskRunner

BEACH, PEOPLE, FOLDER = TextTerm("beach"), TextTerm("people", -1), WordFilter("in", "/home/me/Holidays")


@pytest.fixture
def field(qtbot: QtBot, runner: TaskRunner) -> ChipField:
    made = ChipField(runner, lambda _mime: False)
    qtbot.addWidget(made)
    made.resize(800, 40)
    made.show()
    qtbot.waitExposed(made)
    made.activateWindow()
    made.show_parts([BEACH, PEOPLE, FOLDER], "dog")
    made.words.setFocus()
    return made


def chips_of(field: ChipField) -> list[Chip]:
    """Return the chips from left to right, row by row."""
    shown = [chip for chip in field.findChildren(Chip) if not chip.isHidden()]
    return sorted(shown, key=lambda chip: (chip.y(), chip.x()))


def menu_of(qtbot: QtBot, chip: Chip) -> QMenu:
    qtbot.mouseClick(chip, Qt.MouseButton.LeftButton, pos=QPoint(10, chip.height() // 2))
    qtbot.waitUntil(lambda: bool(chip.findChildren(QMenu)))
    return chip.findChildren(QMenu)[-1]


def choose(menu: QMenu, words: str) -> None:
    next(action for action in menu.actions() if action.text().startswith(words)).trigger()
    menu.close()


def test_left_from_the_start_of_the_text_walks_over_the_chips_and_right_comes_back(
    qtbot: QtBot, field: ChipField
) -> None:
    field.words.home(False)
    qtbot.keyClick(field.words, Qt.Key.Key_Left)
    first, second, third = chips_of(field)
    assert third.hasFocus()
    qtbot.keyClick(third, Qt.Key.Key_Left)
    qtbot.keyClick(second, Qt.Key.Key_Left)
    qtbot.keyClick(first, Qt.Key.Key_Left)
    assert first.hasFocus()
    for chip in (first, second, third):
        qtbot.keyClick(chip, Qt.Key.Key_Right)
    assert field.words.hasFocus()
    assert field.words.cursorPosition() == 0


def test_left_inside_of_the_text_is_the_texts_own(qtbot: QtBot, field: ChipField) -> None:
    field.words.setCursorPosition(2)
    qtbot.keyClick(field.words, Qt.Key.Key_Left)
    assert field.words.cursorPosition() == 1


def test_minus_excludes_the_chip_with_the_keyboard_and_plus_takes_it_back(qtbot: QtBot, field: ChipField) -> None:
    chip = chips_of(field)[0]
    chip.setFocus()
    with qtbot.waitSignal(field.parts_changed):
        qtbot.keyClick(chip, Qt.Key.Key_Minus)
    assert field.parts[0] == TextTerm("beach", -1)
    assert chip.accessibleName() == "Not: beach"
    with qtbot.waitSignal(field.parts_changed):
        qtbot.keyClick(chip, Qt.Key.Key_Plus)
    assert field.parts[0] == BEACH


def test_delete_removes_and_the_keyboard_goes_to_the_next_chip(qtbot: QtBot, field: ChipField) -> None:
    chip = chips_of(field)[1]
    chip.setFocus()
    with qtbot.waitSignal(field.parts_changed):
        qtbot.keyClick(chip, Qt.Key.Key_Delete)
    assert field.parts == [BEACH, FOLDER]
    assert chips_of(field)[1].hasFocus()


def test_several_chips_are_excluded_and_removed_at_once(qtbot: QtBot, field: ChipField) -> None:
    first, second, third = chips_of(field)
    third.setFocus()
    qtbot.keyClick(third, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    qtbot.mouseClick(first, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, QPoint(5, 5))
    assert [chip.is_selected for chip in (first, second, third)] == [True, True, True]
    with qtbot.waitSignal(field.parts_changed):
        qtbot.keyClick(first, Qt.Key.Key_Minus)
    assert field.parts == [TextTerm("beach", -1), PEOPLE, WordFilter("in", "/home/me/Holidays", excluded=True)]
    with qtbot.waitSignal(field.parts_changed):
        qtbot.keyClick(first, Qt.Key.Key_Delete)
    assert field.parts == []


def test_typing_ends_a_selection_of_chips(qtbot: QtBot, field: ChipField) -> None:
    first = chips_of(field)[0]
    qtbot.mouseClick(first, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, QPoint(5, 5))
    with qtbot.waitSignal(field.edited):
        qtbot.keyClicks(first, "s")
    assert field.text == "dogs"
    assert field.words.hasFocus()
    assert not first.is_selected


def test_backspace_at_the_start_turns_the_last_chip_into_text(qtbot: QtBot, field: ChipField) -> None:
    field.words.home(False)
    with qtbot.waitSignal(field.parts_changed):
        qtbot.keyClick(field.words, Qt.Key.Key_Backspace)
    assert field.parts == [BEACH, PEOPLE]
    assert field.text == "in:/home/me/Holidays dog"
    assert field.words.cursorPosition() == len("in:/home/me/Holidays")


def test_backspace_at_the_start_removes_a_picture(qtbot: QtBot, field: ChipField, photos: Path) -> None:
    field.show_parts([BEACH, ImageTerm(str(photos / "red.png"))], "")
    with qtbot.waitSignal(field.parts_changed):
        qtbot.keyClick(field.words, Qt.Key.Key_Backspace)
    assert field.parts == [BEACH]
    assert field.text == ""


def test_the_menu_excludes_weighs_and_removes(qtbot: QtBot, field: ChipField) -> None:
    chip = chips_of(field)[0]
    choose(menu_of(qtbot, chip), "Counts double")
    assert field.parts[0] == TextTerm("beach", 2)
    choose(menu_of(qtbot, chip), "Leave out")
    assert field.parts[0] == TextTerm("beach", -2)
    choose(menu_of(qtbot, chip), "Remove")
    assert field.parts == [PEOPLE, FOLDER]


def test_the_menu_of_a_filter_has_no_weight(qtbot: QtBot, field: ChipField) -> None:
    menu = menu_of(qtbot, chips_of(field)[2])
    assert not [action for action in menu.actions() if action.text().startswith("Counts")]
    choose(menu, "Edit as text")
    assert field.text.startswith("in:/home/me/Holidays")


def test_the_cross_removes_a_chip(qtbot: QtBot, field: ChipField) -> None:
    chip = chips_of(field)[0]
    close = chip.childAt(chip.width() - 10, chip.height() // 2)
    assert close is not None
    assert close.accessibleName() == "Remove beach"
    with qtbot.waitSignal(field.parts_changed):
        qtbot.mouseClick(close, Qt.MouseButton.LeftButton)
    assert field.parts == [PEOPLE, FOLDER]


def test_a_picture_is_loaded_and_stays_while_its_chip_changes(qtbot: QtBot, field: ChipField, photos: Path) -> None:
    term = ImageTerm(str(photos / "red.png"))
    field.show_parts([term])
    chip = chips_of(field)[0]
    before = chip.sizeHint().width()
    qtbot.waitUntil(lambda: chip.sizeHint().width() != before)
    assert red_part(chip.grab().toImage()) > 100
    field.show_parts([BEACH, ImageTerm(term.path, -1.0)])
    assert chips_of(field)[1] is chip


def test_a_picture_that_cannot_be_read_says_so(qtbot: QtBot, field: ChipField) -> None:
    field.show_parts([ImageTerm("/gone/away.jpg")])
    chip = chips_of(field)[0]
    qtbot.waitUntil(lambda: "cannot be read" in chip.toolTip())


def test_a_region_can_be_taken_back(qtbot: QtBot, field: ChipField, photos: Path) -> None:
    field.show_parts([ImageTerm(str(photos / "red.png"), 1.0, Region(0, 0, 50, 50))])
    with qtbot.waitSignal(field.parts_changed):
        choose(menu_of(qtbot, chips_of(field)[0]), "Search by the whole picture")
    assert field.parts == [ImageTerm(str(photos / "red.png"))]


def test_asking_for_a_region_names_the_chip(qtbot: QtBot, field: ChipField, photos: Path) -> None:
    field.show_parts([BEACH, ImageTerm(str(photos / "red.png"))])
    with qtbot.waitSignal(field.region_wanted) as asked:
        choose(menu_of(qtbot, chips_of(field)[1]), "Search by a part")
    assert asked.args == [1]


def test_chips_never_leave_the_text_without_room(qtbot: QtBot, field: ChipField) -> None:
    field.resize(300, 40)
    field.show_parts([TextTerm(f"quite a long description {number}") for number in range(12)], "dog")
    qtbot.waitUntil(lambda: field.verticalScrollBar().maximum() > 0)
    room = field.viewport().rect()
    words = QRect(field.words.mapTo(field.viewport(), QPoint(0, 0)), field.words.size())
    assert room.contains(words)
    assert words.width() > 100
    assert all(chip.geometry().right() < room.width() for chip in chips_of(field))


@pytest.mark.parametrize("total", [0, 50, 120, 300, 1000])
def test_places_of_chips_never_overlap(total: int) -> None:
    places = flow([80, 200, 30, 30, 500, 10], 100, total, 20)
    assert len(places) == 7
    for index, place in enumerate(places):
        assert place.right() < max(total, 1)
        assert not any(place.intersects(other) for other in places[index + 1 :])


def red_part(image: QImage) -> int:
    """Return the number of red pixels."""
    colours = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    return sum(colour.red() > 200 and colour.green() < 100 for colour in colours)
