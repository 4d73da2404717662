"""The whole window, searching: everything that leads to a query, and from one query to the next."""

import os
from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, QPointF, QRectF, Qt, QUrl
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtTest import QTest

from imgfind.gui.empty_page import EmptyState
from imgfind.gui.places import ALL_PHOTOS, FAVOURITES, Place, PlaceKind
from imgfind.gui.region_picker import RegionCanvas, RegionPicker
from tests.gui.conftest import COLOURS, MakeWindow, index
from tests.gui.person import LEFT, NO_MODIFIER, Person
from tests.pictures import paint

NAMES = [f"{name}.png" for name in COLOURS]


def test_all_photos_come_first_and_are_counted(person: Person) -> None:
    assert person.title == "All photos - 6 photos"
    assert person.window.count.text() == "6 photos"
    person.wait(lambda: person.count_of(ALL_PHOTOS) == 6)


def test_typing_finds_and_escape_clears(person: Person) -> None:
    person.searches("red")
    person.waits_for_title("red - ")
    assert person.photos[0] == "red.png"
    person.press("Escape")
    person.waits_for_title("All photos - 6 photos")
    assert person.words == ""


def test_escape_clears_from_the_photos_too(person: Person) -> None:
    person.searches("red")
    person.waits_for_title("red - ")
    person.press("Down", "Escape")
    person.waits_for_title("All photos - 6 photos")


def test_down_leads_from_the_search_to_the_photos(person: Person) -> None:
    person.searches("red")
    person.waits_for_title("red - ")
    person.press("Down")
    assert person.chosen == ["red.png"]
    person.press("Right")
    assert person.chosen == [person.photos[1]]


def test_a_dropped_file_becomes_a_chip_and_finds_its_like(person: Person, photos: Path) -> None:
    person.drops_files(photos / "blue.png")
    person.waits_for_title("image:blue.png - ")
    assert person.photos[0] == "blue.png"
    assert person.chips == [f"The picture {photos / 'blue.png'}"]
    person.press("Escape")
    person.waits_for_title("All photos - 6 photos")


def test_a_picture_dropped_onto_the_search_bar_joins_the_words(person: Person, photos: Path) -> None:
    person.searches("red")
    person.drops_files(photos / "pink.png", at=person.window.bar)
    person.waits_for_title("image:pink.png + red - ")
    assert person.photos[0] in ("red.png", "pink.png")


def test_several_pictures_dropped_at_once_are_several_chips(person: Person, photos: Path) -> None:
    person.drops_files(photos / "red.png", photos / "white.png")
    person.waits_for_title("image:red.png + image:white.png - ")
    assert len(person.chips) == 2
    assert person.photos[0] == "pink.png"


def test_a_bitmap_can_be_pasted_wherever_the_keyboard_is(person: Person, tmp_path: Path) -> None:
    mime = QMimeData()
    mime.setImageData(QImage(str(paint(tmp_path / "shot.png", COLOURS["green"]))))
    person.click("red.png")
    person.pastes(mime)
    person.waits_for_title("image:")
    assert person.photos[0] == "green.png"
    assert len(list((tmp_path / "library" / "queries").glob("*.png"))) == 1


def test_a_copied_file_can_be_pasted(person: Person, photos: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(photos / "navy.png")])
    person.press("Ctrl+F")
    person.pastes(mime)
    person.waits_for_title("image:navy.png - ")
    assert person.words == ""


def test_pasting_what_is_no_picture_is_answered(person: Person) -> None:
    mime = QMimeData()
    mime.setText("some words")
    person.click("red.png")
    person.pastes(mime)
    assert "no picture" in person.message


def test_an_empty_clipboard_is_answered_too(person: Person) -> None:
    QGuiApplication.clipboard().clear()
    person.press("Ctrl+F", "Ctrl+V")
    person.click("red.png")
    person.press("Ctrl+V")
    assert "no picture" in person.message


def test_text_is_pasted_into_the_search(person: Person) -> None:
    mime = QMimeData()
    mime.setText("green")
    person.press("Ctrl+F")
    person.pastes(mime)
    person.waits_for_title("green - ")
    assert person.photos[0] == "green.png"


def test_a_chip_is_made_not_by_key_and_by_menu(person: Person, photos: Path) -> None:
    person.drops_files(photos / "red.png")
    person.waits_for_title("image:red.png - ")
    person.searches("pink")
    person.waits_for_title("image:red.png + pink - ")
    person.press("Home", "Left", "-")
    person.waits_for_title("- image:red.png + pink - ")
    assert person.photos[-1] == "red.png"
    assert person.chips == [f"Not: The picture {photos / 'red.png'}"]
    QTest.mouseClick(person.chip(0), LEFT, NO_MODIFIER, QPoint(6, 6))
    person.picks("Leave out what matches")
    person.waits_for_title("image:red.png + pink - ")
    person.press("Delete")
    person.waits_for_title("pink - ")
    assert person.chips == []


def test_several_chips_are_removed_at_once(person: Person, photos: Path) -> None:
    person.drops_files(photos / "red.png", photos / "green.png", photos / "blue.png")
    person.wait(lambda: len(person.chips) == 3)
    person.press("Ctrl+F", "Left", "Shift+Left", "Delete")
    person.waits_for_title("image:red.png - ")
    assert len(person.chips) == 1


def test_a_part_of_a_picture_is_searched_by(person: Person, tmp_path: Path) -> None:
    half = QImage(200, 100, QImage.Format.Format_RGB32)
    half.fill(Qt.GlobalColor.blue)
    with QPainter(half) as painter:
        painter.fillRect(0, 0, 100, 100, Qt.GlobalColor.green)
    half.save(str(tmp_path / "half.png"))
    person.drops_files(tmp_path / "half.png")
    person.waits_for_title("image:half.png - ")
    QTest.mouseClick(person.chip(0), LEFT, NO_MODIFIER, QPoint(6, 6))
    person.picks("Search by a part of it…")
    person.wait(lambda: person.window.findChild(RegionPicker))
    picker = person.window.findChild(RegionPicker)
    canvas = picker.findChild(RegionCanvas)
    person.wait(lambda: canvas.has_picture)
    whole = QRectF(canvas.picture_rect())
    start, end = (
        QPointF(whole.left() + whole.width() * x, whole.top() + whole.height() * y).toPoint()
        for x, y in ((0.6, 0.2), (0.9, 0.8))
    )
    QTest.mousePress(canvas, LEFT, NO_MODIFIER, start)
    QTest.mouseMove(canvas, (start + end) / 2)
    QTest.mouseMove(canvas, end)
    QTest.mouseRelease(canvas, LEFT, NO_MODIFIER, end)
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    person.waits_for_title("image[")
    assert person.photos[0] == "blue.png"


def test_filters_become_chips_of_the_same_grammar(person: Person, photos: Path) -> None:
    paint(photos / "sub" / "olive.png", (120, 120, 0))
    person.searches("red in:photos/sub type:png ")
    person.press("Return")
    person.wait(lambda: len(person.chips) == 2)
    assert person.words == "red"
    person.press("Ctrl+F", "Home", "Left", "Delete")
    person.wait(lambda: len(person.chips) == 1)


def test_a_text_that_is_no_query_is_explained_and_leaves_the_photos_alone(person: Person) -> None:
    person.searches("date:tomorrow")
    person.press("Return")
    assert person.window.bar._complaint.isVisible()
    assert sorted(person.photos) == sorted(NAMES)
    person.press("Escape")
    assert not person.window.bar._complaint.isVisible()


def test_nothing_found_says_so_and_clears_with_a_button(person: Person) -> None:
    person.searches("date:1999")
    person.waits_for_title("date:1999")
    person.wait(person.window.photos.empty.isVisible)
    assert person.window.photos.empty.state is EmptyState.NOTHING_FOUND
    person.presses_button("Clear the search")
    person.waits_for(*NAMES)
    assert (person.chips, person.words) == ([], "")


def test_find_similar_from_the_context_menu(person: Person, photos: Path) -> None:
    person.chooses("red.png", "Find similar")
    person.waits_for_title("image:red.png - ")
    assert person.photos[:2] == ["red.png", "pink.png"]
    assert person.chips == [f"The picture {photos / 'red.png'}"]


def test_more_and_less_like_this_weigh_the_query(person: Person) -> None:
    person.searches("blue")
    person.waits_for_title("blue - ")
    person.chooses("navy.png", "More like this")
    person.waits_for_title("blue + 0.5*image:navy.png - ")
    assert person.photos[:2] == ["blue.png", "navy.png"]
    person.chooses("navy.png", "Less like this")
    person.waits_for_title("blue - 0.5*image:navy.png - ")
    assert person.chips[0].startswith("Not: The picture ")
    assert person.words == "blue"


def test_the_inspector_asks_as_well(person: Person) -> None:
    person.click("green.png")
    person.wait(lambda: "green.png" in person.inspected())
    person.presses_button("Find similar", person.window.inspector)
    person.waits_for_title("image:green.png - ")
    assert person.photos[0] == "green.png"


def test_less_like_this_needs_something_to_compare(person: Person) -> None:
    person.chooses("red.png", "Less like this")
    person.waits_for_message("Search for something first")


def test_back_and_forward_walk_through_what_was_shown(person: Person) -> None:
    person.searches("red")
    person.waits_for_title("red - ")
    person.press("Return")
    person.chooses("blue.png", "Find similar")
    person.waits_for_title("image:blue.png - ")
    person.press("Alt+Left")
    person.waits_for_title("red - ")
    assert (person.words, person.chips) == ("red", [])
    person.press("Alt+Left")
    person.waits_for_title("All photos - 6 photos")
    person.press("Alt+Right", "Alt+Right")
    person.waits_for_title("image:blue.png - ")
    assert len(person.chips) == 1


def test_back_leads_to_the_row_that_was_left(make_window: MakeWindow, tmp_path: Path) -> None:
    for number in range(80):
        paint(tmp_path / "many" / f"{number:02}.png", (number * 3, 90, 200), size=(16, 16))
    person = make_window(index(tmp_path / "large", tmp_path / "many"))
    person.waits_for_title("All photos - 80 photos")
    grid = person.window.photos.grid
    person.click(person.photos[0])
    person.press("PgDown", "PgDown")
    grid.verticalScrollBar().setValue(grid.verticalScrollBar().maximum() // 2)
    first = grid.visible_rows().start
    assert first > 0
    person.searches("red")
    person.waits_for_title("red - ")
    assert grid.verticalScrollBar().value() == 0
    person.press("Alt+Left")
    person.waits_for_title("All photos - 80 photos")
    assert grid.visible_rows().start == first
    person.press("Alt+Right")
    person.waits_for_title("red - ")
    person.press("Alt+Left")
    person.waits_for_title("All photos - 80 photos")
    assert grid.visible_rows().start == first, "it does not creep"


def test_a_search_is_saved_opened_renamed_and_removed(person: Person) -> None:
    person.searches("red")
    person.waits_for_title("red - ")
    person.press("Ctrl+S")
    person.answers("My reds")
    saved = Place(PlaceKind.SAVED, "red")
    person.wait(lambda: person.entry(saved).isValid())
    assert person.entry(saved).data() == "My reds"
    person.press("Ctrl+1")
    person.waits_for_title("All photos - ")
    person.goes_to(saved)
    person.waits_for_title("red - ")
    assert person.words == "red"
    person.chooses_of_place(saved, "Rename…")
    person.answers("Reds")
    person.wait(lambda: person.entry(saved).data() == "Reds")
    person.chooses_of_place(saved, "Remove saved search")
    person.wait(lambda: not person.entry(saved).isValid())
    assert person.title.startswith("red - "), "what is shown stays"


def test_places_of_the_sidebar_are_queries(person: Person, photos: Path) -> None:
    person.goes_to(Place(PlaceKind.FOLDER, str(photos)))
    person.waits_for_title("in:photos - 6 photos")
    assert person.chips == [f"In the folder {photos}"]
    person.searches("red")
    person.waits_for_title("red in:photos - ")
    person.goes_to(FAVOURITES)
    person.waits_for_title("is:favourite")
    assert person.window.photos.empty.state is EmptyState.NO_FAVOURITES


def test_names_that_are_no_text_are_dropped_searched_and_come_back(person: Person, photos: Path) -> None:
    odd = os.fsdecode(b"a\nb \xff.png")
    paint(photos / odd, COLOURS["green"])
    person.drops_files(photos / odd)
    person.waits_for_title("image:")
    assert person.photos[0] == "green.png"
    assert r"a\x0ab \xff.png" in person.chips[0]
    person.press("Escape")
    person.waits_for_title("All photos - ")
    person.press("Alt+Left")
    person.waits_for_title("image:")
    assert person.photos[0] == "green.png"
