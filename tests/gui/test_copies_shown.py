"""Copies of a picture in the grid: one hit with a number, unfolded by click, key or menu, and what acts on it."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from imgfind.core.library import Library
from imgfind.core.records import Copies, Listing, PhotoId, Section
from imgfind.gui.preferences import Preferences
from imgfind.gui.results_model import CardRole, CopiesRole, ResultsModel, Standing
from imgfind.gui.tasks import TaskRunner
from imgfind.gui.thumb_loader import ThumbLoader
from imgfind.gui.unfolding import unfolded
from tests.fake_encoder import FakeEncoder
from tests.gui.conftest import MakeWindow
from tests.gui.person import LEFT, NO_MODIFIER, Person
from tests.pictures import paint


def listing_of(*families: tuple[int, ...], weaker: int | None = None) -> Listing:
    """Return a listing of pictures, each given as its photo and the copies of it."""
    ids = np.array([family[0] for family in families], np.int64)
    copies = np.array([copy for family in families for copy in family[1:]], np.int64)
    offsets = np.cumsum([0, *(len(family) - 1 for family in families)])
    sections = () if weaker is None else (Section("strong", 0), Section("weaker", weaker))
    scores = np.linspace(0.9, 0.5, len(ids), dtype=np.float32)
    return Listing(ids, sections, scores, copies=Copies(offsets, copies, np.full(len(copies), 0.4, np.float32)))


FOUND = listing_of((1,), (2, 20, 21), (3, 30), (4,), (5, 50), weaker=2)


# The rows


def test_unfolded_copies_stand_behind_their_picture() -> None:
    shown = unfolded(FOUND, {PhotoId(2), PhotoId(50)})
    assert shown.listing.photo_ids.tolist() == [1, 2, 20, 21, 3, 4, 5, 50]
    assert [shown.count(row) for row in range(8)] == [0, 2, 0, 0, 1, 0, 1, 0]
    assert [shown.is_open(row) for row in (1, 4, 6)] == [True, False, True]
    assert [shown.belongs_to(row) for row in range(8)] == [0, 1, 1, 1, 4, 5, 6, 6]
    assert shown.listing.sections == (Section("strong", 0), Section("weaker", 4))
    assert shown.listing.scores is not None
    assert shown.listing.scores[[2, 7]].tolist() == pytest.approx([0.4, 0.4])
    assert unfolded(FOUND, ()).listing is FOUND


@pytest.fixture
def model(runner: TaskRunner) -> ResultsModel:
    """Return a model of five pictures, three of them with copies."""
    made = ResultsModel(ThumbLoader(runner))
    made.set_listing(FOUND)
    return made


def rows(model: ResultsModel) -> list[int]:
    return [model.photo_id(row) for row in range(model.rowCount())]


def test_the_model_keeps_qts_rules_while_copies_come_and_go(model: ResultsModel, qtmodeltester: object) -> None:
    for row in (1, 4, 1):
        model.toggle_copies(row)
        qtmodeltester.check(model)  # type: ignore[attr-defined] # pytest-qt tells no type
    assert rows(model) == [1, 2, 3, 30, 4, 5]


def test_a_row_tells_what_it_has_to_do_with_copies(model: ResultsModel) -> None:
    assert model.index(0).data(CopiesRole) is None
    assert model.index(1).data(CopiesRole) == Standing(2, is_open=False, is_copy=False)
    assert model.toggle_copies(1) == 1
    assert model.index(1).data(CopiesRole) == Standing(2, is_open=True, is_copy=False)
    assert model.index(3).data(CopiesRole) == Standing(0, is_open=True, is_copy=True)
    assert model.toggle_copies(3) == 1, "from a copy the picture is folded again"
    assert rows(model) == [1, 2, 3, 4, 5]
    assert model.toggle_copies(0) == 0
    assert rows(model) == [1, 2, 3, 4, 5], "there is nothing to show"


def test_headings_count_pictures_whatever_is_unfolded(model: ResultsModel) -> None:
    model.toggle_copies(2)
    assert model.section_count(1) == 3
    assert model.found is FOUND


def test_what_is_unfolded_stays_so_when_the_library_changes_and_not_for_another_query(model: ResultsModel) -> None:
    model.toggle_copies(1)
    model.set_listing(listing_of((1,), (21, 20), (3, 30)), keep=True)
    assert rows(model) == [1, 21, 20, 3], "another photo stands for the picture now"
    model.set_listing(listing_of((1,), (21, 20), (3, 30), (6, 60)), keep=True)
    assert rows(model) == [1, 21, 20, 3, 6]
    model.set_listing(FOUND)
    assert rows(model) == [1, 2, 3, 4, 5]


def test_copies_that_are_not_shown_are_counted(model: ResultsModel) -> None:
    assert model.copies_unseen([PhotoId(1), PhotoId(2), PhotoId(3)]) == 3
    model.toggle_copies(1)
    assert model.copies_unseen([PhotoId(2), PhotoId(20), PhotoId(3)]) == 1


# The window


@pytest.fixture
def library_folder(tmp_path: Path, skimage_photos: Path) -> Path:
    """Return a library of a photo in three sizes, one of these twice, and of two others."""
    photos = tmp_path / "photos"
    for name, colour in {"green": (0, 255, 0), "blue": (0, 0, 255)}.items():
        paint(photos / f"{name}.png", colour)
    with Image.open(skimage_photos / "astronaut.png") as image:
        picture = image.convert("RGB")
    for name, edge_px in {"large": 500, "medium": 400, "small": 300}.items():
        picture.resize((edge_px, edge_px)).save(photos / f"{name}.jpg", quality=90)
    shutil.copyfile(photos / "small.jpg", photos / "twice.jpg")
    with Library(tmp_path / "library", load_encoder=FakeEncoder) as library:
        library.index([str(photos)])
        library.duplicates.update()
    return tmp_path / "library"


ALL = ["blue.png", "green.png", "large.jpg", "medium.jpg", "small.jpg", "twice.jpg"]
ONCE = ["blue.png", "green.png", "large.jpg"]
COPIES = ["medium.jpg", "small.jpg", "twice.jpg"]


@pytest.fixture
def searching(make_window: MakeWindow) -> Person:
    """Return a person who has searched, and has the photos before them."""
    person = make_window()
    person.waits_for(*ALL)
    person.searches("red")
    person.press("Return")
    person.waits_for(*ONCE)
    return person


def unfolds(person: Person) -> list[str]:
    """Return the photos as they stand when the copies of the large one are shown."""
    place = person.photos.index("large.jpg")
    return [*person.photos[: place + 1], *COPIES, *person.photos[place + 1 :]]


def count_of(person: Person, name: str) -> QPoint:
    """Return where the number of copies of a photo is."""
    grid, row = person.window.photos.grid, person.photos.index(name)
    index = person.window.photos.model.index(row)
    person.wait(lambda: index.data(CopiesRole) is not None and index.data(CardRole) is not None)
    return grid._delegate.copies_place(grid.visualRect(index), index, grid.devicePixelRatioF()).center()


def test_copies_are_one_hit_in_a_search_and_all_of_them_by_date(searching: Person) -> None:
    assert searching.title == "red - 3 photos"
    searching.press("Escape", "Escape")
    searching.waits_for(*ALL)


def test_a_click_on_the_number_shows_the_copies_and_hides_them(searching: Person) -> None:
    viewport = searching.window.photos.grid.viewport()
    wanted, before = unfolds(searching), searching.photos
    QTest.mouseClick(viewport, LEFT, NO_MODIFIER, count_of(searching, "large.jpg"))
    searching.wait(lambda: searching.photos == wanted)
    assert searching.chosen == [], "the number is no photo"
    QTest.mouseClick(viewport, LEFT, NO_MODIFIER, count_of(searching, "large.jpg"))
    searching.wait(lambda: searching.photos == before)


def test_a_key_shows_the_copies_and_hides_them_from_one_of_them(searching: Person) -> None:
    wanted, before = unfolds(searching), searching.photos
    searching.click("large.jpg")
    searching.press("E")
    searching.wait(lambda: searching.photos == wanted)
    assert searching.chosen == ["large.jpg"]
    searching.press("Right", "Right")
    assert searching.chosen == ["small.jpg"]
    searching.press("E")
    searching.wait(lambda: searching.photos == before)
    assert searching.chosen == ["large.jpg"]


def test_the_context_menu_shows_the_copies(searching: Person) -> None:
    wanted, before = unfolds(searching), searching.photos
    searching.click("large.jpg")
    searching.chooses("large.jpg", "Show copies")
    searching.wait(lambda: searching.photos == wanted)
    searching.click("medium.jpg")
    searching.chooses("medium.jpg", "Hide copies")
    searching.wait(lambda: searching.photos == before)
    searching.click("green.png")
    assert not searching.window.controller.photo_actions.action("copies").isEnabled()


def test_copies_can_be_listed_one_by_one_and_that_is_remembered(searching: Person, tmp_path: Path) -> None:
    searching.press("Ctrl+E")
    searching.waits_for(*ALL)
    searching.window.close()
    assert not Preferences(tmp_path / "window.ini").collapse_copies
    searching.window.show()
    searching.press("Ctrl+E")
    searching.waits_for(*ONCE)


def test_the_viewer_walks_through_what_is_to_be_seen(searching: Person) -> None:
    searching.click("large.jpg")
    searching.press("E", "Right", "Space")
    searching.waits_for_title("medium.jpg")
    searching.press("Right")
    searching.waits_for_title("small.jpg")
    searching.press("Escape")
    assert searching.chosen == ["small.jpg"]


def test_what_is_dragged_or_copied_is_what_is_chosen(searching: Person) -> None:
    searching.click("large.jpg")
    searching.press("Ctrl+C")
    searching.waits_for_message("1 photo copied")
    (url,) = QApplication.clipboard().mimeData().urls()
    assert url.fileName() == "large.jpg"


def test_deleting_a_hit_deletes_the_photo_that_is_shown_and_says_that_copies_stay(
    searching: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    searching.click("large.jpg")
    searching.press("Del")
    searching.waits_for_message("1 photo moved to the trash; 3 copies stay")
    searching.waits_for("blue.png", "green.png", "medium.jpg")
    left = sorted(name for name in os.listdir(tmp_path / "photos"))
    assert left == [name for name in ALL if name != "large.jpg"]
    searching.press("Ctrl+Z")
    searching.waits_for(*ONCE)


def test_the_panel_names_the_copies(searching: Person) -> None:
    searching.click("large.jpg")
    searching.wait(lambda: "3 copies saved in another way" in searching.inspected())
    searching.click("green.png")
    searching.wait(lambda: "green.png" in searching.inspected() and "another way" not in searching.inspected())
