"""The whole window, with the photos themselves: what is chosen, looked at, marked, handed on and thrown away."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt

from imgfind.gui import file_manager, query_pictures
from imgfind.gui.drops import copied
from imgfind.gui.empty_page import EmptyState
from imgfind.gui.match_bars import MatchBars
from imgfind.gui.places import ALL_PHOTOS, FAVOURITES, HIDDEN, Place, PlaceKind
from imgfind.gui.results_model import CardRole
from tests.gui.conftest import COLOURS, MakeWindow, index
from tests.gui.person import Person
from tests.pictures import paint

NAMES = [f"{name}.png" for name in COLOURS]
SHIFT, CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def handed_on(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Return what other programs were asked to do, of whom there are none here."""
    asked: list[tuple[str, str]] = []
    for name in ("open_file", "show_in_folder"):
        monkeypatch.setattr(file_manager, name, lambda path, name=name: asked.append((name, path)))
    return asked


def is_favourite(person: Person, name: str) -> bool:
    row = person.photos.index(name)
    card = person.window.photos.model.index(row).data(CardRole)
    return bool(card is not None and card.favourite)


def reasons(person: Person) -> list[str]:
    """Return what the inspector says of why a photo was found."""
    bars = person.window.inspector.findChild(MatchBars)
    return [row.accessibleName() for row in bars.children() if row.isWidgetType() and row.isVisible()]


# Chosen


def test_click_shift_and_ctrl_choose(person: Person) -> None:
    shown = person.photos
    person.click(shown[1])
    assert person.chosen == [shown[1]]
    person.click(shown[3], SHIFT)
    assert person.chosen == shown[1:4]
    person.click(shown[2], CTRL)
    assert person.chosen == [shown[1], shown[3]]
    person.press("Ctrl+A")
    assert person.chosen == shown
    assert "6 photos chosen" in person.inspected()


def test_a_rubber_band_chooses_and_one_photo_of_it_can_be_looked_at(person: Person) -> None:
    cell = person.cell(person.photos[0])
    person.draws_band(cell.bottomRight() + QPoint(7, 7), cell.center())
    assert person.chosen == [person.photos[0]]
    person.wait(lambda: person.photos[0] in person.inspected())
    person.press("Space")
    assert person.window.viewer.isVisible()
    assert person.window.viewer.row == 0, "the one that is chosen"


def test_the_inspector_follows_the_choice_and_the_query(person: Person) -> None:
    assert "Choose a photo" in person.inspected()
    person.click("red.png")
    person.wait(lambda: "red.png" in person.inspected())
    assert reasons(person) == []
    person.press("Right")
    person.wait(lambda: person.chosen[0] in person.inspected())
    person.searches("blue")
    person.waits_for_title("blue - ")
    person.press("Down")
    person.wait(lambda: "blue.png" in person.inspected())
    person.wait(lambda: len(reasons(person)) == 1)
    assert reasons(person)[0].startswith("blue")
    person.press("Ctrl+F", "Escape")
    person.waits_for_title("All photos - ")
    person.wait(lambda: not reasons(person))


def test_the_folder_in_the_inspector_leads_there(person: Person, photos: Path) -> None:
    person.click("red.png")
    person.wait(lambda: "red.png" in person.inspected())
    person.window.inspector._folder.link_clicked.emit(str(photos))
    person.waits_for_title("in:photos - 6 photos")


# Marked


def test_a_favourite_shows_in_grid_inspector_and_sidebar(person: Person) -> None:
    person.click("red.png")
    person.press("F")
    person.wait(lambda: is_favourite(person, "red.png"))
    person.wait(lambda: person.count_of(FAVOURITES) == 1)
    assert person.chosen == ["red.png"], "the choice stays"
    person.goes_to(FAVOURITES)
    person.waits_for("red.png")
    person.click("red.png")
    person.press("F")
    person.wait(person.window.photos.empty.isVisible)
    assert person.window.photos.empty.state is EmptyState.NO_FAVOURITES
    person.wait(lambda: person.count_of(FAVOURITES) is None)


def test_several_become_favourites_at_once(person: Person) -> None:
    person.press("Ctrl+F", "Down", "Ctrl+A", "F")
    person.wait(lambda: person.count_of(FAVOURITES) == 6)
    person.wait(lambda: all(is_favourite(person, name) for name in NAMES))
    person.press("F")
    person.wait(lambda: person.count_of(FAVOURITES) is None)


def test_a_hidden_photo_goes_and_comes_back_with_undo(person: Person) -> None:
    person.click("red.png")
    person.press("H")
    person.waits_for(*(name for name in NAMES if name != "red.png"))
    person.waits_for_message("1 photo hidden")
    person.wait(lambda: person.count_of(HIDDEN) == 1)
    person.presses_button("Undo")
    person.waits_for(*NAMES)
    person.wait(lambda: person.count_of(HIDDEN) is None)


def test_hidden_photos_are_shown_again_from_their_place(person: Person) -> None:
    person.chooses("blue.png", "Hide")
    person.goes_to(HIDDEN)
    person.waits_for("blue.png")
    person.chooses("blue.png", "Show again")
    person.wait(lambda: person.photos == [])
    person.goes_to(ALL_PHOTOS)
    person.waits_for(*NAMES)


# Thrown away


def test_delete_moves_to_the_trash_and_the_message_takes_it_back(person: Person, photos: Path, own_home: Path) -> None:
    person.click("green.png")
    row = person.photos.index("green.png")
    person.press("Del")
    person.waits_for(*(name for name in NAMES if name != "green.png"))
    person.waits_for_message("1 photo moved to the trash")
    assert not (photos / "green.png").exists()
    assert (own_home / ".local/share/Trash/files/green.png").exists()
    assert person.chosen == [person.photos[row]], "the next one takes its place"
    person.presses_button("Undo")
    person.waits_for(*NAMES)
    assert (photos / "green.png").exists()
    person.waits_for_message("1 photo back in place")


def test_delete_of_several_is_undone_with_a_key_even_after_a_new_start(
    person: Person, make_window: MakeWindow, photos: Path
) -> None:
    person.click("red.png")
    person.click("blue.png", CTRL)
    person.press("Del")
    person.wait(lambda: len(person.photos) == 4)
    person.wait(lambda: person.count_of(ALL_PHOTOS) == 4)
    person.press("Ctrl+Z")
    person.waits_for(*NAMES)
    person.press("Ctrl+A", "Del")
    person.wait(lambda: person.photos == [])
    assert list(photos.iterdir()) == []
    person.window.close()
    person.window.shut_down()
    later = make_window()
    later.press("Ctrl+Z")
    later.waits_for(*NAMES)
    later.press("Ctrl+Z")
    later.waits_for_message("nothing to undo")


def test_what_has_changed_since_is_not_thrown_away(person: Person, photos: Path) -> None:
    paint(photos / "red.png", COLOURS["green"], size=(80, 80))
    person.click("red.png")
    person.press("Del")
    person.waits_for_message("was left where it is")
    assert (photos / "red.png").exists()
    assert len(person.photos) == 6


def test_undo_takes_back_what_was_done_last(person: Person, photos: Path) -> None:
    person.click("red.png")
    person.press("Del")
    person.wait(lambda: len(person.photos) == 5)
    person.click("blue.png")
    person.press("H")
    person.wait(lambda: len(person.photos) == 4)
    person.press("Ctrl+Z")
    person.wait(lambda: "blue.png" in person.photos)
    assert not (photos / "red.png").exists()
    person.press("Ctrl+Z")
    person.waits_for(*NAMES)


# Handed on


def test_copied_photos_are_files_for_other_programs(person: Person, photos: Path) -> None:
    person.click("red.png")
    person.click("blue.png", CTRL)
    person.press("Ctrl+C")
    person.waits_for_message("2 photos copied")
    urls = {url.toLocalFile() for url in copied().urls()}
    assert urls == {str(photos / "red.png"), str(photos / "blue.png")}


def test_paths_are_copied_as_text(person: Person, photos: Path) -> None:
    person.chooses("red.png", "Copy path")
    person.wait(lambda: copied().text() == str(photos / "red.png"))


def test_open_and_show_in_folder_hand_the_file_on(
    person: Person, photos: Path, handed_on: list[tuple[str, str]]
) -> None:
    person.click("red.png")
    person.press("Return")
    person.wait(lambda: len(handed_on) == 1)
    person.press("Ctrl+Return")
    person.wait(lambda: len(handed_on) == 2)
    person.chooses("blue.png", "Open")
    person.wait(lambda: len(handed_on) == 3)
    red, blue = str(photos / "red.png"), str(photos / "blue.png")
    assert handed_on == [("open_file", red), ("show_in_folder", red), ("open_file", blue)]


def test_what_is_gone_cannot_be_opened_and_says_so(
    person: Person, photos: Path, handed_on: list[tuple[str, str]]
) -> None:
    person.click("red.png")
    (photos / "red.png").unlink()
    person.press("Return")
    person.waits_for_message("is not there")
    assert handed_on == []


@pytest.mark.parametrize("key", ["Ctrl+C", "Del", "Return", "S", "F", "H"])
def test_keys_for_photos_leave_the_search_alone(key: str, person: Person, photos: Path) -> None:
    person.click("red.png")
    person.searches("ab")
    person.press("Home", key)
    assert person.chosen in (["red.png"], [])
    assert len(list(photos.iterdir())) == 6
    assert person.message == ""
    assert not person.window.viewer.isVisible()


# Looked at


def opens_with_space(person: Person) -> None:
    person.press("Space")


def opens_with_a_double_click(person: Person) -> None:
    person.double_click(person.photos[1])


def opens_from_the_menu(person: Person) -> None:
    person.chooses(person.photos[1], "View")


@pytest.mark.parametrize("opens", [opens_with_space, opens_with_a_double_click, opens_from_the_menu])
def test_the_viewer_walks_and_leaves_where_it_is(person: Person, opens: Callable[[Person], None]) -> None:
    shown, viewer = person.photos, person.window.viewer
    person.click(shown[1])
    opens(person)
    assert viewer.isVisible()
    assert viewer.geometry() == person.window.rect()
    person.waits_for_title(shown[1])
    person.press("Right", "Right")
    person.waits_for_title(shown[3])
    person.press("Left", "Escape")
    assert not viewer.isVisible()
    assert person.chosen == [shown[2]]
    assert person.title == "All photos - 6 photos"
    person.press("Right")
    assert person.chosen == [shown[3]], "the grid has the keyboard again"


def test_the_title_names_a_photo_that_the_grid_has_not_read(make_window: MakeWindow, tmp_path: Path) -> None:
    for number in range(300):
        paint(tmp_path / "many" / f"{number:03}.png", COLOURS["red"], size=(16, 16))
    person = make_window(index(tmp_path / "large", tmp_path / "many"))
    person.waits_for_title("All photos - 300 photos")
    last = person.photos[-1]
    person.click(person.photos[0])
    person.press("Space", "End")
    assert person.window.photos.loader.card(person.window.photos.model.photo_id(299)) is None
    person.waits_for_title(last)


def test_marks_and_trash_work_in_the_viewer(person: Person, photos: Path) -> None:
    shown, viewer = person.photos, person.window.viewer
    person.click(shown[0])
    person.press("Space", "F")
    person.wait(lambda: person.count_of(FAVOURITES) == 1)
    person.waits_for_title(shown[0])
    person.press("Ctrl+C")
    person.wait(lambda: [url.toLocalFile() for url in copied().urls()] == [str(photos / shown[0])])
    person.press("Del")
    person.wait(lambda: not (photos / shown[0]).exists())
    person.wait(lambda: len(person.photos) == 5)
    assert viewer.isVisible()
    person.waits_for_title(shown[1])
    person.press("Escape")
    assert person.chosen == [shown[1]]
    person.press("Ctrl+Z")
    person.waits_for(*NAMES)


def test_the_viewer_closes_behind_the_last_photo(person: Person, photos: Path) -> None:
    person.press("Ctrl+F", "Down", "Space")
    for left in range(5, -1, -1):
        person.press("Del")
        person.wait(lambda left=left: len(person.photos) == left)
    person.wait(lambda: not person.window.viewer.isVisible())
    assert list(photos.iterdir()) == []


# Names that are no text


def test_names_that_are_no_text_go_all_the_way(
    make_window: MakeWindow, tmp_path: Path, handed_on: list[tuple[str, str]]
) -> None:
    folder = tmp_path / os.fsdecode(b"new\nline \xff")
    path = str(paint(folder / os.fsdecode(b"a\n\xfe b.png"), COLOURS["red"]))
    index(tmp_path / "odd", folder)
    person = make_window(tmp_path / "odd")
    person.waits_for(os.path.basename(path))
    person.press("Ctrl+F", "Down")
    person.wait(lambda: r"a\x0a\xfe b.png" in person.inspected())
    person.press("Ctrl+C")
    person.waits_for_message("1 photo copied")
    assert query_pictures.paths_in(copied()) == [path]
    person.press("Return", "Ctrl+Return")
    person.wait(lambda: handed_on == [("open_file", path), ("show_in_folder", path)])
    person.press("S")
    person.waits_for_title("image:")
    person.press("Ctrl+S")
    person.answers("Odd")
    person.press("Ctrl+1")
    person.waits_for_title("All photos - 1 photo")
    person.wait(person.library.photos.saved_searches)
    (saved,) = person.library.photos.saved_searches()
    assert saved.name == "Odd"
    person.goes_to(Place(PlaceKind.SAVED, saved.query))
    person.waits_for_title("image:")
    assert len(person.photos) == 1
    person.goes_to(Place(PlaceKind.FOLDER, str(folder)))
    person.waits_for_title(r"new\x0aline \xff")
    assert len(person.photos) == 1
    person.press("Ctrl+F", "Down", "Del")
    person.waits_for_message("1 photo moved to the trash")
    assert not os.path.exists(path)
    person.press("Ctrl+Z")
    person.wait(lambda: os.path.exists(path))
