"""What a person does who is unlucky or rough: odd libraries, files that go, and the window has an answer to it."""

import itertools
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QRect
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from imgfind.core import trash
from imgfind.core.library import Library
from imgfind.gui.message_bar import MessageBar
from imgfind.gui.places import HIDDEN, Place, PlaceKind
from imgfind.gui.preferences import Preferences
from imgfind.gui.sidebar_model import Entry, SidebarModel
from imgfind.gui.sidebar_tree import SidebarTree
from tests.fake_encoder import FakeEncoder
from tests.gui.conftest import MakeWindow
from tests.gui.person import Person
from tests.pictures import paint


def test_a_library_that_cannot_be_read_has_a_window_with_a_title_and_one_reason(
    make_window: MakeWindow, library_folder: Path
) -> None:
    (library_folder / "catalog.sqlite3").write_bytes(b"no database" * 1000)
    person = make_window()
    person.waits_for_message("is damaged")
    assert person.title
    assert not person.window.bar._complaint.isVisible()


def test_showing_a_folder_that_is_gone_is_told(person: Person, tmp_path: Path) -> None:
    person.window.sidebar.show_folder_requested.emit(str(tmp_path / "gone"))
    person.waits_for_message("is not there")


def test_work_that_was_paused_before_can_be_resumed(make_window: MakeWindow, tmp_path: Path) -> None:
    Preferences(tmp_path / "window.ini").paused = True
    person = make_window()
    assert person.window.work.line.isVisible()
    assert "paused" in person.window.work.line.text


def test_a_message_with_a_very_long_name_is_shown_whole(qtbot: QtBot) -> None:
    around = QWidget()
    qtbot.addWidget(around)
    bar = MessageBar(around)
    bar.show_error("/photos/" + "x" * 250 + ".jpg was left where it is")
    label = bar._label
    width = 400
    needed = label.fontMetrics().horizontalAdvance(label.text())
    assert label.heightForWidth(width) >= label.fontMetrics().height() * (needed // width)


def test_everything_hidden_can_still_be_reached(person: Person) -> None:
    person.press("Ctrl+F", "Down", "Ctrl+A", "H")
    person.waits_for()
    person.wait(lambda: person.count_of(HIDDEN) == 6)


def test_a_library_that_is_deleted_is_not_shown_on(person: Person, library_folder: Path) -> None:
    shutil.rmtree(library_folder)
    person.window.work.changed.emit()
    person.waits_for()


@pytest.fixture
def sixty(tmp_path: Path) -> Path:
    for number in range(60):
        paint(tmp_path / "sixty" / f"{number:02}.png", (number, 0, 0), size=(16, 16))
    with Library(tmp_path / "other", load_encoder=FakeEncoder) as library:
        library.index([str(tmp_path / "sixty")])
    return tmp_path / "other"


@pytest.fixture
def slow_trash(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Let ten files go into the trash, and the next ones when the event is set."""
    goes_on, moved, move = threading.Event(), itertools.count(1), trash.move

    def slow(path: str) -> str:
        if next(moved) > 10:
            goes_on.wait(60)
        return move(path)

    monkeypatch.setattr(trash, "move", slow)
    yield goes_on
    goes_on.set()


def test_many_photos_on_their_way_to_the_trash_are_watched_stopped_and_brought_back(
    make_window: MakeWindow, sixty: Path, slow_trash: threading.Event
) -> None:
    person = make_window(sixty)
    person.waits_for_title("60 photos")
    person.press("Ctrl+F", "Down", "Ctrl+A", "Delete")
    line = person.window.removal_line
    person.wait(lambda: line.isVisible() and " of 60" in line.text)
    line.cancel_requested.emit()
    slow_trash.set()
    person.waits_for_message(" moved to the trash")
    left = 60 - int(person.message.split()[0])
    assert 49 <= left < 60
    person.waits_for_title(f"{left} photos")
    assert not line.isVisible()
    person.press("Ctrl+Z")
    person.waits_for_title("60 photos")


def test_closing_stops_what_goes_into_the_trash(
    make_window: MakeWindow, sixty: Path, slow_trash: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = make_window(sixty)
    person.waits_for_title("60 photos")
    person.press("Ctrl+F", "Down", "Ctrl+A", "Delete")
    folder = sixty.parent / "sixty"
    person.wait(lambda: len(list(folder.iterdir())) < 60)
    close = person.window.work.close
    monkeypatch.setattr(person.window.work, "close", lambda: (slow_trash.set(), close()))
    person.window.close()
    person.window.shut_down()
    assert 49 <= len(list(folder.iterdir())) < 60


def test_a_folder_deep_down_still_has_its_name_in_the_sidebar(qtbot: QtBot) -> None:
    entry = Entry("30", "level 30", place=Place(PlaceKind.FOLDER, "30"))
    for level in reversed(range(30)):
        entry = Entry(str(level), f"level {level}", place=Place(PlaceKind.FOLDER, str(level)), children=(entry,))
    model = SidebarModel()
    model.show([entry])
    tree = SidebarTree(model)
    qtbot.addWidget(tree)
    tree.resize(220, 1000)
    tree.expandAll()
    deepest = tree.visualRect(model.index_of(Place(PlaceKind.FOLDER, "30")))
    row = tree.viewport().grab(QRect(0, deepest.top(), 220, deepest.height())).toImage()
    assert len({row.pixel(x, y) for x in range(110, 220) for y in range(row.height())}) > 2
