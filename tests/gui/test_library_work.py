"""The whole window, with the library behind it: the first start, indexing, what goes wrong, settings, the end."""

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QFileDialog, QMessageBox, QRadioButton

from imgfind.core import lock
from imgfind.gui import file_manager, theme
from imgfind.gui.empty_page import EmptyState
from imgfind.gui.places import PROBLEMS, Place, PlaceKind
from imgfind.gui.settings_dialog import SettingsDialog
from imgfind.gui.single_instance import SingleInstance
from tests.command_line import child_command
from tests.gui.conftest import COLOURS, MakeWindow, index
from tests.gui.person import LEFT, NO_MODIFIER, Person
from tests.gui.test_indexer import SLOW_ENCODER, StandIn
from tests.gui.test_single_instance import SECOND
from tests.pictures import paint

NAMES = [f"{name}.png" for name in COLOURS]
INDEXER = child_command()
SLOW_INDEXER = child_command(prelude=SLOW_ENCODER)


@pytest.fixture
def newcomer(make_window: MakeWindow, tmp_path: Path) -> Person:
    """Return a person who starts imgfind for the first time."""
    return make_window(tmp_path / "new", INDEXER)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Return a folder of a hundred small photos."""
    for number in range(100):
        paint(tmp_path / "many" / f"{number:02}.png", (number * 2, 80, 160), size=(16, 16))
    return tmp_path / "many"


def child_of(person: Person) -> int:
    """Return the number of the process that indexes."""
    child = person.window.work.indexer._child
    assert child is not None
    return child.pid


def waits_for_rest(person: Person) -> None:
    """Wait until nothing is being indexed."""
    person.wait(lambda: person.window.work.indexer.state == "idle")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# The first start


def test_an_empty_window_says_what_to_do(newcomer: Person) -> None:
    empty = newcomer.window.photos.empty
    newcomer.wait(empty.isVisible)
    assert empty.state is EmptyState.FIRST_LAUNCH
    assert newcomer.title == "All photos"
    assert not newcomer.window.work.offer.isVisible()
    assert not newcomer.window.work.line.isVisible()
    assert newcomer.message == ""
    assert newcomer.entry(PROBLEMS).isValid() is False


def test_a_dropped_folder_is_added_and_can_be_searched(newcomer: Person, photos: Path) -> None:
    said: list[str] = []
    newcomer.window.work.indexer.progressed.connect(lambda _: said.append(newcomer.window.work.line.text))
    newcomer.drops_files(photos)
    newcomer.wait(newcomer.window.work.line.isVisible)
    newcomer.wait(lambda: newcomer.window.photos.empty.state is EmptyState.INDEXING)
    newcomer.waits_for(*NAMES)
    newcomer.waits_for_message("6 photos added")
    waits_for_rest(newcomer)
    assert not newcomer.window.work.line.isVisible()
    assert any(text.startswith("Indexing") for text in said)
    newcomer.wait(lambda: newcomer.count_of(Place(PlaceKind.FOLDER, str(photos))) == 6)
    newcomer.searches("green")
    newcomer.waits_for_title("green - ")
    assert newcomer.photos[0] == "green.png"


def test_a_folder_is_added_with_the_button(newcomer: Person, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(photos))
    newcomer.presses_button("Add folder…", newcomer.window.photos.empty)
    newcomer.waits_for(*NAMES)


def test_folders_and_pictures_dropped_together_are_both_taken(newcomer: Person, photos: Path, tmp_path: Path) -> None:
    picture = paint(tmp_path / "else" / "where.png", COLOURS["blue"])
    newcomer.drops_files(photos, picture)
    newcomer.waits_for_title("image:where.png - ")
    newcomer.waits_for(*NAMES)
    assert newcomer.photos[0] == "blue.png"


def test_what_cannot_be_used_is_not_welcome(newcomer: Person, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(tmp_path / "notes.txt"), QUrl("https://example.org/a.jpg")])
    with pytest.raises(AssertionError, match="would be taken"):
        newcomer.drops(mime, newcomer.window.pages)


def test_what_only_looks_like_a_folder_is_told(newcomer: Person, tmp_path: Path) -> None:
    newcomer.drops_files(tmp_path / "no folder")
    newcomer.waits_for_message("Neither a picture nor a folder")


def test_a_folder_without_photos_is_told(newcomer: Person, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    newcomer.drops_files(tmp_path / "nothing")
    newcomer.waits_for_message("There is no picture in")
    waits_for_rest(newcomer)


def test_the_offer_of_a_better_model_is_quiet_and_can_be_declined(
    make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("IMGFIND_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name)
    person = make_window()
    offer = person.window.work.offer
    person.wait(offer.isVisible)
    assert "MB" in offer._label.text()
    assert "licence" in offer._label.text()
    person.waits_for(*NAMES)
    QTest.mouseClick(offer._dismiss, LEFT)
    assert not offer.isVisible()
    person.window.close()
    later = make_window()
    later.waits_for(*NAMES)
    waits_for_rest(later)
    assert not later.window.work.offer.isVisible()


# While photos are being indexed


def test_photos_come_in_without_moving_what_is_looked_at(
    make_window: MakeWindow, many: Path, library_folder: Path
) -> None:
    person = make_window(index(library_folder, many), SLOW_INDEXER)
    person.wait(lambda: len(person.photos) == 106)
    waits_for_rest(person)
    grid = person.window.photos.grid
    for number in range(30):
        paint(many / f"new-{number}-20300101.png", (200, 20, number), size=(16, 16))
    grid.verticalScrollBar().setValue(grid.verticalScrollBar().maximum() // 2)
    middle = person.photos[grid.visible_rows().start + 4]
    person.click(middle)
    top = person.cell(middle).top()
    person.press("F5")
    person.wait(lambda: len(person.photos) > 106)
    assert person.chosen == [middle]
    assert person.cell(middle).top() == top, "even where the date scale comes and takes room"
    person.wait(lambda: len(person.photos) == 136)
    assert (person.chosen, person.cell(middle).top()) == ([middle], top)


def test_a_search_is_answered_while_photos_are_indexed(make_window: MakeWindow, many: Path, tmp_path: Path) -> None:
    person = make_window(tmp_path / "new", SLOW_INDEXER)
    person.drops_files(many)
    person.wait(lambda: 0 < len(person.photos) < 100)
    person.searches("blue")
    person.waits_for_title("blue - ")
    assert person.window.work.is_indexing
    person.wait(lambda: len(person.photos) == 100)
    assert person.words == "blue"


def test_pause_resume_and_cancel(make_window: MakeWindow, many: Path, tmp_path: Path) -> None:
    person = make_window(tmp_path / "new", SLOW_INDEXER)
    line = person.window.work.line
    person.drops_files(many)
    person.wait(lambda: len(person.photos) > 0)
    QTest.mouseClick(line._pause, LEFT)
    assert "paused" in line.text
    person.wait(lambda: lock.holder(tmp_path / "new") is None)
    QTest.mouseClick(line._resume, LEFT)
    person.wait(lambda: line.state == "running")
    person.wait(lambda: lock.holder(tmp_path / "new") is not None)
    QTest.mouseClick(line._cancel, LEFT)
    person.wait(lambda: not line.isVisible())
    assert lock.holder(tmp_path / "new") is None


def test_closing_while_indexing_leaves_no_process_and_goes_on_at_the_next_start(
    make_window: MakeWindow, many: Path, tmp_path: Path
) -> None:
    person = make_window(tmp_path / "new", SLOW_INDEXER)
    person.drops_files(many)
    person.wait(lambda: len(person.photos) > 0)
    pid = child_of(person)
    person.press("Ctrl+Q")
    assert not person.window.isVisible()
    person.window.shut_down()
    assert not is_running(pid)
    assert lock.holder(tmp_path / "new") is None
    later = make_window(tmp_path / "new", INDEXER)
    later.wait(lambda: len(later.photos) == 100)


def test_a_child_that_is_killed_is_replaced_and_then_given_up_with_a_message(
    make_window: MakeWindow, library_folder: Path, tmp_path: Path
) -> None:
    stand_in = StandIn(tmp_path)
    stand_in.act("crash")
    person = make_window(library_folder, stand_in.command)
    person.waits_for_message("ended twice by the system")
    assert len(stand_in.runs) == 2
    assert not person.window.work.line.isVisible()
    person.waits_for(*NAMES)


def test_a_child_that_is_killed_midway_is_not_noticed(make_window: MakeWindow, many: Path, tmp_path: Path) -> None:
    person = make_window(tmp_path / "new", SLOW_INDEXER)
    person.drops_files(many)
    person.wait(lambda: len(person.photos) > 0)
    os.kill(child_of(person), signal.SIGKILL)
    person.wait(lambda: len(person.photos) == 100)
    assert "ended" not in person.message


def test_a_folder_is_taken_out_when_that_is_confirmed(person: Person, photos: Path) -> None:
    folder = Place(PlaceKind.FOLDER, str(photos))
    for answer, left in (("Cancel", 6), ("Take out", 0)):
        person.chooses_of_place(folder, "Remove from the library…")
        person.wait(lambda: person.window.findChild(QMessageBox))
        box = person.window.findChild(QMessageBox)
        person.presses_button(answer, box)
        person.wait(lambda: person.window.findChild(QMessageBox) is None)
        person.wait(lambda left=left: len(person.photos) == left)
    assert len(list(photos.iterdir())) == 6
    person.wait(lambda: person.window.photos.empty.state is EmptyState.FIRST_LAUNCH)


# Problems and duplicates


def test_problems_are_listed_shown_and_tried_again(
    make_window: MakeWindow, library_folder: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(file_manager, "show_in_folder", shown.append)
    broken = photos / os.fsdecode(b"bro\nken \xff.png")
    broken.write_bytes(b"no picture")
    person = make_window(index(library_folder, photos), INDEXER)
    person.wait(lambda: person.count_of(PROBLEMS) == 1)
    waits_for_rest(person)
    person.goes_to(PROBLEMS)
    assert person.title == "Problems"
    view = person.window.problems._view
    person.wait(lambda: view.model().rowCount() == 1)
    QTest.mouseClick(view.viewport(), LEFT, NO_MODIFIER, view.visualRect(view.model().index(0, 0)).center())
    person.presses_button("Show in folder", person.window.problems)
    person.wait(lambda: shown == [str(broken)])
    person.window.controller._refresh()
    paint(broken, COLOURS["blue"])
    person.presses_button("Try again", person.window.problems)
    person.wait(lambda: person.count_of(PROBLEMS) is None)
    person.wait(lambda: view.model().rowCount() == 0)
    assert person.title == "Problems", "one stays where one is"
    person.press("Alt+Left")
    person.wait(lambda: len(person.photos) == 7)
    assert person.title == "All photos - 7 photos"


# Settings, and what outlives the window


def test_settings_hold_at_once_and_at_the_next_start(
    person: Person, make_window: MakeWindow, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied: list[str] = []
    monkeypatch.setattr(theme, "apply", applied.append)
    heights = person.window.photos.grid.grid_layout.line_px
    person.press("Ctrl+,")
    person.wait(lambda: person.window.findChild(SettingsDialog))
    settings = person.window.findChild(SettingsDialog)
    settings.choose("Appearance")
    for kind, name in ((QCheckBox, "File name"), (QRadioButton, "Dark")):
        button = next(found for found in settings.findChildren(kind) if found.text() == name)
        QTest.mouseClick(button, LEFT, NO_MODIFIER, QPoint(8, button.height() // 2))
    assert applied == ["dark"]
    assert person.window.photos.grid.grid_layout.line_px > heights
    QTest.keyClick(settings, Qt.Key.Key_Escape)
    person.press("Ctrl++")
    zoomed = person.window.zoom.value()
    assert person.window.photos.grid.thumb_px() == zoomed > 192
    person.press("F9", "Ctrl+I")
    person.window.close()
    later = make_window()
    later.waits_for(*NAMES)
    assert later.window.photos.grid.thumb_px() == zoomed
    assert later.window.photos.grid._delegate.captions == ("name",)
    assert later.window._preferences.theme == "dark"
    assert later.window.sidebar.isHidden()
    assert later.window.inspector.isHidden()


def test_a_second_start_brings_the_window_back(person: Person) -> None:
    key = f"imgfind-test-{uuid.uuid4().hex[:16]}"
    instance = SingleInstance(key, person.window)
    instance.raised.connect(person.window.come_forward)
    person.window.showMinimized()
    assert person.window.isMinimized()
    second = subprocess.Popen([sys.executable, "-c", SECOND, key])
    person.wait(lambda: second.poll() is not None)
    person.wait(lambda: not person.window.isMinimized())
    assert second.returncode == 0
    assert person.window.isVisible()
    instance.close()
