"""The search bar as people use it: typing, dropping, pasting, clearing."""

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAction, QColor, QContextMenuEvent, QDragEnterEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from imgfind.core import query as language
from imgfind.core.filters import DateFilter
from imgfind.core.query import ImageTerm, Query, Region, TextTerm, parse
from imgfind.gui.chip_field import ChipField, Words
from imgfind.gui.chips import Chip
from imgfind.gui.region_picker import RegionCanvas, RegionPicker
from imgfind.gui.search_bar import SearchBar
from imgfind.gui.tasks import TaskRunner

PASTE = (Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)


class Listener:
    """Keeps what the bar tells, as text."""

    def __init__(self, bar: SearchBar) -> None:
        self.bar = bar
        self.told: list[str] = []
        self.typed: list[bool] = []
        bar.query_changed.connect(self.on_query)

    def on_query(self, query: Query | None) -> None:
        self.told.append(language.unparse(query) if query else "")
        self.typed.append(self.bar.is_typing)


@pytest.fixture
def bar(qtbot: QtBot, runner: TaskRunner, tmp_path: Path) -> SearchBar:
    made = SearchBar(runner, tmp_path / "library" / "queries")
    qtbot.addWidget(made)
    made.resize(800, 60)
    made.show()
    qtbot.waitExposed(made)
    made.activateWindow()
    made.setFocus()
    return made


@pytest.fixture
def told(bar: SearchBar) -> Listener:
    return Listener(bar)


def words_of(bar: SearchBar) -> Words:
    return bar.findChild(Words)


def labels(bar: SearchBar) -> list[str]:
    """Return what the chips say, read as a screen reader does."""
    return [chip.accessibleName() for chip in bar.findChildren(Chip) if not chip.isHidden()]


def files(*paths: str) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(path) for path in paths])
    return mime


def screenshot() -> QMimeData:
    image = QImage(60, 40, QImage.Format.Format_RGB32)
    image.fill(QColor("green"))
    mime = QMimeData()
    mime.setImageData(image)
    return mime


def drop(target: QWidget, mime: QMimeData) -> bool:
    """Drag ``mime`` over a widget and let it go there; tell whether it was taken."""
    actions, button, modifiers = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(5, 5), actions, mime, button, modifiers)
    enter.ignore()
    QApplication.sendEvent(target, enter)
    if not enter.isAccepted():
        return False
    QApplication.sendEvent(target, QDropEvent(QPointF(5, 5), actions, mime, button, modifiers))
    return True


def test_typing_tells_once_when_the_keys_rest(qtbot: QtBot, bar: SearchBar, told: Listener) -> None:
    with qtbot.waitSignal(bar.query_changed):
        qtbot.keyClicks(words_of(bar), "dog at the sea")
    assert told.told == ["dog at the sea"]
    assert told.typed == [True]


def test_of_fifty_fast_queries_only_the_newest_is_told(qtbot: QtBot, bar: SearchBar, told: Listener) -> None:
    for number in range(50):
        words_of(bar).selectAll()
        qtbot.keyClicks(words_of(bar), f"dog {number}")
    qtbot.waitUntil(lambda: bool(told.told))
    qtbot.wait(400)  # nothing may come behind
    assert told.told == ["dog 49"]


def test_spaces_at_the_end_are_no_new_query(qtbot: QtBot, bar: SearchBar, told: Listener) -> None:
    bar.set_query(parse("dog"))
    qtbot.keyClicks(words_of(bar), "  ")
    qtbot.keyClick(words_of(bar), Qt.Key.Key_Return)
    assert told.told == []


def test_enter_tells_at_once_and_makes_chips_of_what_is_finished(qtbot: QtBot, bar: SearchBar, told: Listener) -> None:
    qtbot.keyClicks(words_of(bar), "beach + dog - people date:2021-05")
    with qtbot.waitSignal(bar.entered):
        qtbot.keyClick(words_of(bar), Qt.Key.Key_Return)
    assert told.told == ["beach + dog - people date:2021-05"]
    assert told.typed == [False]
    assert labels(bar) == ["beach", "Not: people", "May 2021"]
    assert words_of(bar).text() == "dog"
    assert words_of(bar).cursorPosition() == 3


def test_typing_goes_on_behind_the_chips(qtbot: QtBot, bar: SearchBar, told: Listener) -> None:
    bar.set_query(parse("dog - people date:2021-05"))
    assert told.told == []
    with qtbot.waitSignal(bar.query_changed):
        qtbot.keyClicks(words_of(bar), " + sun")
    assert told.told == ["- people + dog + sun date:2021-05"]


def test_a_half_typed_query_keeps_the_last_good_one_and_says_why(qtbot: QtBot, bar: SearchBar, told: Listener) -> None:
    bar.set_query(parse("dog"))
    with qtbot.waitSignal(bar.message) as message:
        qtbot.keyClicks(words_of(bar), " date:")
    assert "date:" in message.args[0]
    assert told.told == []
    assert bar.query() == parse("dog")
    complaint = bar.findChild(QLabel)
    assert complaint.isVisible()
    assert words_of(bar).accessibleDescription() == complaint.text()
    qtbot.keyClicks(words_of(bar), "2021")
    assert not complaint.isVisible()
    qtbot.waitUntil(lambda: told.told == ["dog date:2021"])


def test_enter_says_at_once_what_is_wrong(qtbot: QtBot, bar: SearchBar, told: Listener) -> None:
    qtbot.keyClicks(words_of(bar), "- people")
    with qtbot.waitSignal(bar.message):
        qtbot.keyClick(words_of(bar), Qt.Key.Key_Return)
    assert "Everything has a minus" in bar.findChild(QLabel).text()
    assert words_of(bar).text() == "- people"
    assert told.told == []


def test_escape_clears_the_text_then_all_then_nothing(qtbot: QtBot, bar: SearchBar, told: Listener) -> None:
    bar.set_query(parse("image:/a.jpg dog"))
    qtbot.keyClick(words_of(bar), Qt.Key.Key_Escape)
    assert told.told == ["image:/a.jpg"]
    qtbot.keyClick(words_of(bar), Qt.Key.Key_Escape)
    assert told.told == ["image:/a.jpg", ""]
    qtbot.keyClick(words_of(bar), Qt.Key.Key_Escape)
    assert told.told == ["image:/a.jpg", ""]


def test_escape_is_not_lost_to_a_shortcut_of_the_window_while_there_is_something_to_clear(
    qtbot: QtBot, runner: TaskRunner, tmp_path: Path
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    bar = SearchBar(runner, tmp_path, window)
    pressed = []
    action = QAction(window, shortcut=Qt.Key.Key_Escape)
    action.triggered.connect(lambda: pressed.append(True))
    window.addAction(action)
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    bar.setFocus()
    bar.set_query(parse("dog"))
    qtbot.keyClick(window.windowHandle(), Qt.Key.Key_Escape)
    assert bar.query() is None
    assert not pressed
    qtbot.keyClick(window.windowHandle(), Qt.Key.Key_Escape)
    assert pressed


def test_down_leaves_for_the_photos(qtbot: QtBot, bar: SearchBar) -> None:
    with qtbot.waitSignal(bar.results_wanted):
        qtbot.keyClick(words_of(bar), Qt.Key.Key_Down)


def test_dropped_files_become_chips_and_one_query(qtbot: QtBot, bar: SearchBar, told: Listener, photos: Path) -> None:
    strange = photos / "caf\udce9 #1\n.png"
    (photos / "red.png").rename(strange)
    mime = QMimeData()
    mime.setData(
        "text/uri-list",
        f"file://{photos}/caf%E9%20%231%0A.png\r\nfile://{photos}/blue.png\r\nfile://{photos}\r\n".encode(),
    )
    assert bar.accepts(mime)
    assert drop(bar, mime)
    assert bar.query() == Query((ImageTerm(str(strange)), ImageTerm(str(photos / "blue.png"))))
    assert len(told.told) == 1
    assert words_of(bar).text() == ""
    assert language.parse(told.told[0]) == bar.query()


def test_a_drop_on_the_words_and_on_a_chip_is_a_drop_on_the_bar(qtbot: QtBot, bar: SearchBar, photos: Path) -> None:
    for widget in (words_of(bar), bar.findChild(ChipField).viewport()):
        assert not widget.acceptDrops()
    bar.set_query(parse("is:offline"))
    assert not bar.findChild(Chip).acceptDrops()


def test_a_folder_and_other_files_are_left_to_the_window(bar: SearchBar, told: Listener, photos: Path) -> None:
    for mime in (files(str(photos)), files("/a/notes.txt"), QMimeData()):
        assert not bar.accepts(mime)
        assert not drop(bar, mime)
        assert not bar.take(mime)
    assert told.told == []


def test_dropped_text_goes_to_the_words(qtbot: QtBot, bar: SearchBar, told: Listener) -> None:
    mime = QMimeData()
    mime.setText("dog")
    with qtbot.waitSignal(bar.query_changed):
        assert drop(bar, mime)
    assert told.told == ["dog"]


def test_a_pasted_screenshot_is_kept_and_searched_by(
    qtbot: QtBot, bar: SearchBar, told: Listener, tmp_path: Path
) -> None:
    QGuiApplication.clipboard().setMimeData(screenshot())
    with qtbot.waitSignal(bar.query_changed):
        qtbot.keyClick(words_of(bar), *PASTE)
    (kept,) = (tmp_path / "library" / "queries").iterdir()
    assert bar.query() == Query((ImageTerm(str(kept)),))
    with qtbot.assertNotEmitted(bar.query_changed, wait=300):
        qtbot.keyClick(words_of(bar), *PASTE)
    assert len(labels(bar)) == 1


def test_pasted_files_become_chips_and_pasted_text_text(
    qtbot: QtBot, bar: SearchBar, told: Listener, photos: Path
) -> None:
    QGuiApplication.clipboard().setMimeData(files(str(photos / "red.png")))
    with qtbot.waitSignal(bar.query_changed):
        bar.paste()
    QGuiApplication.clipboard().setText("dog")
    with qtbot.waitSignal(bar.query_changed):
        qtbot.keyClick(words_of(bar), *PASTE)
    assert bar.query() == Query((ImageTerm(str(photos / "red.png")), TextTerm("dog")))


def test_the_context_menu_pastes_pictures_too(qtbot: QtBot, bar: SearchBar, photos: Path) -> None:
    QGuiApplication.clipboard().setMimeData(files(str(photos / "red.png")))
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, QPoint(5, 5), words_of(bar).mapToGlobal(QPoint(5, 5)))
    QApplication.sendEvent(words_of(bar), event)
    qtbot.waitUntil(lambda: bool(words_of(bar).findChildren(QMenu)))
    menu = words_of(bar).findChildren(QMenu)[-1]
    with qtbot.waitSignal(bar.query_changed):
        menu.findChild(QAction, "edit-paste").trigger()
    menu.close()
    assert bar.query() == Query((ImageTerm(str(photos / "red.png")),))
    assert words_of(bar).text() == ""


def test_a_picture_that_cannot_be_kept_is_said_and_nothing_is_asked(
    qtbot: QtBot, runner: TaskRunner, tmp_path: Path
) -> None:
    (tmp_path / "queries").write_text("in the way")
    bar = SearchBar(runner, tmp_path / "queries")
    qtbot.addWidget(bar)
    with qtbot.waitSignal(bar.message) as message:
        assert bar.take(screenshot())
    assert "cannot be kept" in message.args[0]
    assert bar.query() is None


def test_picked_pictures_become_chips(
    qtbot: QtBot, bar: SearchBar, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bar, "ask_for_pictures", lambda: [str(photos / "red.png")])
    button = next(one for one in bar.findChildren(QToolButton) if one.accessibleName().startswith("Search by"))
    with qtbot.waitSignal(bar.query_changed):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert bar.query() == Query((ImageTerm(str(photos / "red.png")),))


def test_less_like_this_takes_the_place_of_more_like_this(bar: SearchBar, told: Listener) -> None:
    bar.set_query(parse("dog"))
    bar.add_term(ImageTerm("/a.jpg"))
    bar.add_term(ImageTerm("/a.jpg", -0.5))
    assert told.told == ["image:/a.jpg + dog", "- 0.5*image:/a.jpg + dog"]


def test_a_filter_takes_the_place_of_those_of_its_kind(bar: SearchBar, told: Listener) -> None:
    bar.set_query(parse("dog date:2019 date:2020 is:offline"))
    bar.set_filter(DateFilter("2021", "2021"), "date")
    bar.set_filter(None, "is")
    assert told.told == ["dog is:offline date:2021", "dog date:2021"]


def test_chips_can_be_made_not_and_removed_by_their_number(bar: SearchBar, told: Listener) -> None:
    bar.set_query(parse("image:/a.jpg dog is:offline"))
    bar.negate(1)
    bar.remove(0)
    assert told.told == ["image:/a.jpg + dog -is:offline", "dog -is:offline"]


def test_a_region_that_is_chosen_becomes_the_query(qtbot: QtBot, bar: SearchBar, told: Listener, photos: Path) -> None:
    path = str(photos / "red.png")
    bar.add_term(ImageTerm(path, -2.0), TextTerm("dog"))
    bar.findChild(ChipField).region_wanted.emit(0)
    picker = bar.findChild(RegionPicker)
    canvas = picker.findChild(RegionCanvas)
    qtbot.waitUntil(lambda: canvas.has_picture)
    canvas.set_region(Region(10, 10, 50, 50))
    with qtbot.waitSignal(bar.query_changed):
        picker.accept()
    assert bar.query() == Query((ImageTerm(path, -2.0, Region(10, 10, 50, 50)), TextTerm("dog")))


def test_showing_the_query_that_is_told_leaves_chips_and_text_alone(
    qtbot: QtBot, bar: SearchBar, told: Listener
) -> None:
    bar.query_changed.connect(bar.set_query)
    bar.add_term(TextTerm("beach"))
    assert labels(bar) == ["beach"]
    assert words_of(bar).text() == ""


def test_going_back_to_a_query_ends_what_was_being_typed(qtbot: QtBot, bar: SearchBar, told: Listener) -> None:
    bar.set_query(parse("dog"))
    qtbot.keyClicks(words_of(bar), " date:")
    bar.set_query(parse("dog"))
    assert words_of(bar).text() == "dog"
    bar.set_query(None)
    assert words_of(bar).text() == ""
    with qtbot.assertNotEmitted(bar.query_changed, wait=300):
        pass


def test_the_bar_offers_to_save_and_clear_only_what_is_there(qtbot: QtBot, bar: SearchBar) -> None:
    def offered() -> list[str]:
        return sorted(
            one.accessibleName()
            for one in bar.findChildren(QToolButton)
            if one.isVisible() and not isinstance(one.parent(), Chip)
        )

    assert offered() == ["Search by a picture…"]
    bar.set_query(parse("dog"))
    assert offered() == ["Clear the search (Escape)", "Save this search", "Search by a picture…"]
    save = next(one for one in bar.findChildren(QToolButton) if one.accessibleName() == "Save this search")
    with qtbot.waitSignal(bar.save_requested):
        qtbot.mouseClick(save, Qt.MouseButton.LeftButton)


def test_the_chips_stay_reachable_in_a_narrow_window(qtbot: QtBot, bar: SearchBar) -> None:
    bar.resize(260, 60)
    bar.set_query(parse("dog + image:/a.jpg - people date:2021 in:/home/me/a-folder-with-a-very-long-name-indeed"))
    qtbot.waitUntil(lambda: bar.sizeHint().height() > 80)
    assert words_of(bar).width() > 100
