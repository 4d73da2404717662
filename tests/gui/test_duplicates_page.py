"""The page of duplicates in the whole window: what a person sees of real copies, decides and removes."""

import contextlib
import os
import sys
from pathlib import Path

import pytest
import skimage
from PIL import Image, ImageOps
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox, QPushButton
from pytestqt.modeltest import ModelTester

from imgfind.core import trash, verifying
from imgfind.core.errors import TrashError
from imgfind.core.library import Library
from imgfind.core.records import Label
from imgfind.core.store import Store
from imgfind.gui.compare_stage import BLINK, DIFFERENCE, SIDE_BY_SIDE
from imgfind.gui.decisions_dialog import DecisionsDialog
from imgfind.gui.duplicates_page import DuplicatesPage
from imgfind.gui.empty_page import EmptyState
from imgfind.gui.places import ALL_PHOTOS, DUPLICATES
from imgfind.gui.review import Shown
from imgfind.gui.rule_dialog import RuleDialog
from tests.fake_encoder import FakeEncoder
from tests.gui.conftest import MakeWindow, index
from tests.gui.person import LEFT, NO_MODIFIER, Person

PHOTOS = Path(skimage.__file__).parent / "data"


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """Return a folder with a coffee and its copies (smaller, mirrored, the same bytes) and a cat and its crop."""
    folder = tmp_path / "copies"
    folder.mkdir()
    coffee, cat = (Image.open(PHOTOS / name).convert("RGB") for name in ("coffee.png", "chelsea.png"))
    coffee.save(folder / "coffee.jpg", quality=95)
    coffee.resize((300, 200)).save(folder / "coffee small.jpg")
    ImageOps.mirror(coffee).save(folder / "coffee mirrored.jpg", quality=80)
    (folder / "coffee copy.jpg").write_bytes((folder / "coffee.jpg").read_bytes())
    cat.save(folder / "cat.jpg", quality=95)
    cat.crop((20, 10, 380, 260)).save(folder / "cat cropped.jpg", quality=90)
    return folder


@pytest.fixture
def library(tmp_path: Path, copies: Path) -> Path:
    return index(tmp_path / "library of copies", copies)


@pytest.fixture
def person(make_window: MakeWindow, library: Path) -> Person:
    """Return a person in front of the duplicates."""
    made = make_window(library, is_looking=True)
    made.goes_to(DUPLICATES)
    made.wait(lambda: groups(made) == [COFFEE, CAT] and made.window.work.search.state == "idle")
    made.window.duplicates.view.setFocus()
    return made


def page(person: Person) -> DuplicatesPage:
    return person.window.duplicates


def groups(person: Person) -> list[list[str]]:
    """Return the names of the photos of each group that is shown, the kept one first."""
    return [
        [os.path.basename(photo.path) for photo in (group.kept, *(member.photo for member in group.members))]
        for group in page(person).review.groups
    ]


def marked(person: Person) -> list[str]:
    found = page(person).review.marked()
    return sorted(os.path.basename(member.photo.path) for group in found for member in group.members)


def row_of(person: Person, name: str) -> int:
    review = page(person).review
    rows = range(len(review.photo_ids))
    return next(row for row in rows if os.path.basename(review.at(row).photo.path) == name)


def click(person: Person, name: str, modifiers: Qt.KeyboardModifier = NO_MODIFIER) -> None:
    view = page(person).view
    index = view.model().index(row_of(person, name), 0)
    view.scrollTo(index)
    QTest.mouseClick(view.viewport(), LEFT, modifiers, view.visualRect(index).center())


def answers(person: Person, button: str) -> None:
    """Press a button of the question that has it; another question may follow at once."""

    def asked() -> list[QMessageBox]:
        boxes = person.window.findChildren(QMessageBox)
        return [box for box in boxes if button in (each.text().replace("&", "") for each in box.buttons())]

    person.wait(asked)
    person.presses_button(button, asked()[0])
    person.wait(lambda: not asked())


def files(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


COFFEE = ["coffee.jpg", "coffee copy.jpg", "coffee small.jpg", "coffee mirrored.jpg"]
CAT = ["cat.jpg", "cat cropped.jpg"]


def test_duplicates_are_found_and_shown_with_the_kept_one_first(person: Person) -> None:
    assert groups(person) == [COFFEE, CAT]
    assert [member.label for member in page(person).review.groups[0].members] == [
        Label.IDENTICAL,
        Label.RE_ENCODED,
        Label.TURNED,
    ]
    assert page(person)._title.text().startswith("2 groups, ")
    heading = page(person).model.heading(0)
    assert heading.title == "Turned · 4 photos"
    assert "600x400 against 300x200" in heading.why
    assert heading.gain.endswith(" to gain")
    assert person.title == "Duplicates - 2 groups"
    assert person.count_of(DUPLICATES) == 2
    assert "coffee.jpg" in person.inspected()


def test_while_photos_are_indexed_nothing_is_looked_for_and_it_is_said(make_window: MakeWindow) -> None:
    person = make_window(program=(sys.executable, "-c", "import time; time.sleep(60)"), is_looking=True)
    person.window.work.update()
    person.wait(lambda: person.window.work.is_indexing)
    person.goes_to(DUPLICATES)
    empty = page(person)._empty
    person.wait(lambda: empty.isVisible() and empty.state is EmptyState.LOOKING_FOR_DUPLICATES)
    assert not person.window.work.search_line.isVisible()
    person.window.work.indexer.cancel()
    person.wait(person.window.work.search_line.isVisible)
    person.wait(lambda: empty.state is EmptyState.NO_DUPLICATES)
    assert not person.window.work.search_line.isVisible()


def test_what_an_interrupted_search_has_left_is_not_compared_in_the_window(
    make_window: MakeWindow, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Library(library, load_encoder=FakeEncoder) as made:
        made.duplicates.update()
    with contextlib.closing(Store.open(library, readonly=False)) as store:
        store.database.execute(
            "UPDATE verdicts SET version = 0 WHERE content_b = (SELECT max(content_b) FROM verdicts)"
        )
    monkeypatch.setattr(verifying, "compared", None)
    person = make_window(library, is_looking=True)
    person.goes_to(DUPLICATES)
    person.wait(lambda: groups(person) == [COFFEE, CAT])


def test_what_was_found_is_there_at_the_next_start(make_window: MakeWindow, person: Person, library: Path) -> None:
    again = make_window(library)
    again.goes_to(DUPLICATES)
    again.wait(lambda: groups(again) == [COFFEE, CAT])


def test_the_model_passes_qts_own_tests(person: Person, qtmodeltester: ModelTester) -> None:
    qtmodeltester.check(page(person).model)


def test_x_marks_and_unmarks_what_is_chosen(person: Person) -> None:
    click(person, "coffee small.jpg")
    click(person, "coffee mirrored.jpg", Qt.KeyboardModifier.ShiftModifier)
    person.press("X")
    assert marked(person) == ["coffee mirrored.jpg", "coffee small.jpg"]
    text = page(person).model.index(row_of(person, "coffee small.jpg")).data()
    assert text.endswith(", to be removed")
    assert button(person, "Remove 2 photos").isEnabled()
    person.press("X")
    assert marked(person) == []
    assert not button(person, "Remove what is marked").isEnabled()


def test_the_kept_photo_cannot_be_marked_and_it_is_said_why(person: Person) -> None:
    click(person, "coffee.jpg")
    person.press("X")
    person.waits_for_message("choose another one to keep")
    assert marked(person) == []


def test_k_keeps_another_photo_and_that_outlives_a_refresh(person: Person) -> None:
    click(person, "coffee small.jpg")
    person.press("X", "K")
    person.wait(lambda: groups(person)[0][0] == "coffee small.jpg")
    assert sorted(groups(person)[0]) == sorted(COFFEE)
    assert marked(person) == [], "what is kept does not go"
    page(person).refresh()
    person.wait(lambda: not person.window.runner.is_busy((page(person).work, "groups")))
    assert groups(person)[0][0] == "coffee small.jpg"


def test_k_holds_at_the_next_start_and_can_be_taken_back(
    make_window: MakeWindow, person: Person, library: Path
) -> None:
    click(person, "coffee small.jpg")
    person.press("K")
    person.waits_for_message("This one is kept now")
    later = make_window(library)
    later.goes_to(DUPLICATES)
    later.wait(lambda: page(later).review.groups)
    assert groups(later)[0][0] == "coffee small.jpg"
    assert page(later).model.heading(0).why.startswith("keeps the first: chosen")
    later.presses_button("Decided…", page(later))
    dialog = page(later).findChild(DecisionsDialog)
    later.wait(lambda: dialog._list.count() == 1)
    assert dialog._list.item(0).text().startswith("Chosen to be kept\ncoffee small.jpg")
    dialog._list.selectAll()
    later.presses_button("Take back", dialog)
    later.wait(lambda: groups(later)[0][0] == "coffee.jpg")


def test_k_is_undone_with_the_keyboard(person: Person) -> None:
    click(person, "coffee small.jpg")
    person.press("K")
    person.wait(lambda: groups(person)[0][0] == "coffee small.jpg")
    person.press("Ctrl+Z")
    person.wait(lambda: groups(person)[0][0] == "coffee.jpg")


def test_n_is_remembered_and_can_be_taken_back(person: Person) -> None:
    click(person, "cat cropped.jpg")
    person.press("N")
    person.wait(lambda: groups(person) == [COFFEE])
    person.wait(lambda: person.count_of(DUPLICATES) == 1)
    page(person).refresh()
    person.wait(lambda: not person.window.runner.is_busy((page(person).work, "groups")))
    assert groups(person) == [COFFEE]
    person.press("Ctrl+Z")
    person.wait(lambda: groups(person) == [COFFEE, CAT])
    person.wait(lambda: person.count_of(DUPLICATES) == 2)


def test_decisions_are_listed_and_can_be_taken_back_later(person: Person) -> None:
    click(person, "cat.jpg")
    person.press("B")
    person.wait(lambda: groups(person) == [COFFEE])
    person.presses_button("Decided…", page(person))
    dialog = page(person).findChild(DecisionsDialog)
    person.wait(lambda: dialog._list.count() == 1)
    person.wait(lambda: not dialog._list.item(0).icon().isNull())
    assert dialog._list.item(0).text().startswith("Both are kept")
    dialog._list.selectAll()
    person.presses_button("Take back", dialog)
    person.wait(lambda: groups(person) == [COFFEE, CAT])
    person.wait(lambda: dialog._list.count() == 0)


def test_a_rule_says_how_much_it_marks_and_marks_it(person: Person) -> None:
    person.press("R")
    dialog = page(person).findChild(RuleDialog)
    person.wait(dialog._mark.isEnabled)
    assert dialog._preview.text().startswith("2 photos in 1 group would be marked")
    dialog._boxes[Label.CROPPED].click()
    assert dialog._preview.text().startswith("3 photos in 2 groups would be marked")
    person.presses_button("Mark", dialog)
    assert marked(person) == ["cat cropped.jpg", "coffee copy.jpg", "coffee small.jpg"]
    person.press("U")
    assert marked(person) == []


def test_a_rule_may_keep_other_photos(person: Person) -> None:
    person.press("R")
    dialog = page(person).findChild(RuleDialog)
    dialog._keep.setCurrentIndex(dialog._keep.findData("smaller"))
    dialog._keep.activated.emit(dialog._keep.currentIndex())
    person.wait(dialog._mark.isEnabled)
    person.presses_button("Mark", dialog)
    assert groups(person)[0][0] == "coffee small.jpg"
    assert marked(person) == ["coffee copy.jpg", "coffee.jpg"]


def test_what_is_marked_goes_to_the_trash_and_comes_back(person: Person, copies: Path) -> None:
    every = files(copies)
    click(person, "coffee copy.jpg")
    person.press("X")
    click(person, "cat cropped.jpg")
    person.press("X", "Del")
    answers(person, "Cancel")
    assert files(copies) == every
    person.press("Del")
    answers(person, "Move to the trash")
    person.waits_for_message("2 photos moved to the trash")
    person.wait(lambda: groups(person) == [["coffee.jpg", "coffee small.jpg", "coffee mirrored.jpg"]])
    assert files(copies) == sorted({*every} - {"coffee copy.jpg", "cat cropped.jpg"})
    person.presses_button("Undo", person.window.messages)
    person.wait(lambda: groups(person) == [COFFEE, CAT])
    assert files(copies) == every
    assert marked(person) == []


def test_what_a_filter_hides_is_not_removed(person: Person, copies: Path) -> None:
    for name in ("coffee copy.jpg", "cat cropped.jpg"):
        click(person, name)
        person.press("X")
    page(person).filters._labels.setCurrentIndex(page(person).filters._labels.findText("Cropped (1)"))
    page(person).filters._tell()
    assert groups(person) == [CAT]
    assert button(person, "Remove 1 photo").isEnabled()
    page(person).view.setFocus()
    person.press("Del")
    answers(person, "Move to the trash")
    person.wait(lambda: "cat cropped.jpg" not in files(copies))
    assert "coffee copy.jpg" in files(copies)
    person.wait(lambda: groups(person) == [])
    assert page(person)._empty.isVisible()


def test_a_file_that_changed_since_stays_and_it_is_said_why(person: Person, copies: Path) -> None:
    (copies / "cat cropped.jpg").write_bytes(b"something else")
    click(person, "cat cropped.jpg")
    person.press("X", "Del")
    answers(person, "Move to the trash")
    person.waits_for_message("it has changed")
    assert "cat cropped.jpg" in files(copies)


def test_nothing_goes_beside_a_kept_photo_that_vanished_meanwhile(person: Person, copies: Path) -> None:
    click(person, "cat cropped.jpg")
    person.press("X", "Del")
    person.wait(lambda: person.window.findChild(QMessageBox) is not None)
    (copies / "cat.jpg").unlink()
    answers(person, "Move to the trash")
    person.waits_for_message("of the photo to keep")
    assert "cat cropped.jpg" in files(copies)


def test_a_linked_file_is_told_to_free_nothing(person: Person, copies: Path) -> None:
    os.link(copies / "cat cropped.jpg", copies.parent / "another name.jpg")
    page(person).refresh()
    person.wait(lambda: page(person).review.groups[1].members[0].photo.is_linked)
    assert page(person).model.heading(1).gain == ""
    tip = page(person).model.index(row_of(person, "cat cropped.jpg")).data(Qt.ItemDataRole.ToolTipRole)
    assert "frees nothing" in tip
    click(person, "cat cropped.jpg")
    person.press("X", "Del")
    person.wait(lambda: person.window.findChild(QMessageBox) is not None)
    assert (
        "1 hard link frees nothing, as its file has another name"
        in person.window.findChild(QMessageBox).informativeText()
    )
    answers(person, "Cancel")


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
def test_what_lies_in_a_folder_that_may_not_be_changed_stays(
    person: Person, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def may_not(path: str) -> str:
        raise TrashError(f"{path}: its folder may not be changed", "its folder may not be changed")

    monkeypatch.setattr(trash, "move", may_not)
    click(person, "cat cropped.jpg")
    person.press("X", "Del")
    answers(person, "Move to the trash")
    person.waits_for_message("its folder may not be changed")
    assert person.window.findChild(QMessageBox) is None, "nothing else is offered"
    assert "cat cropped.jpg" in files(copies)


def test_where_there_is_no_trash_it_is_asked_before_anything_is_deleted(
    person: Person, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_trash(path: str) -> str:
        raise TrashError(f"{path}: {trash.NO_TRASH}", trash.NO_TRASH)

    monkeypatch.setattr(trash, "move", no_trash)
    click(person, "cat cropped.jpg")
    person.press("X", "Del")
    answers(person, "Move to the trash")
    answers(person, "Delete for good")
    person.waits_for_message("1 photo deleted for good")
    assert "cat cropped.jpg" not in files(copies)


def test_other_shots_have_a_filter_of_their_own_and_no_rule(person: Person) -> None:
    page(person).filters.changed.emit(Shown(frozenset({Label.SAME_SCENE})))
    assert not button(person, "Mark by rule").isEnabled()


def test_a_library_without_duplicates_says_so(make_window: MakeWindow) -> None:
    person = make_window()
    person.goes_to(DUPLICATES)
    person.wait(page(person)._empty.isVisible)
    person.goes_to(ALL_PHOTOS)
    person.wait(lambda: len(person.photos) == 6)


# Comparing


def compares(person: Person, name: str) -> None:
    click(person, name)
    person.press("Space")
    person.wait(lambda: page(person).compare._stage.pair is not None)


def test_space_compares_and_the_arrows_walk_through_members_and_groups(person: Person) -> None:
    compares(person, "coffee.jpg")
    compare = page(person).compare
    seen = []
    for keys in ((), ("Right",), ("Right",), ("Right",), ("Left",), ("Down",), ("Up",)):
        person.press(*keys)
        seen.append(compare._member._lines[1]._whole)
    assert seen == [*COFFEE[1:], CAT[1], COFFEE[3], CAT[1], COFFEE[1]]
    person.press("Esc")
    assert page(person).view.hasFocus()
    assert page(person).view.current_row() == row_of(person, COFFEE[1])


@pytest.mark.parametrize("name", ["coffee copy.jpg", "coffee small.jpg", "coffee mirrored.jpg", "cat cropped.jpg"])
def test_the_two_photos_lie_on_each_other(person: Person, name: str) -> None:
    compares(person, name)
    stage = page(person).compare._stage
    person.press("3")
    person.wait(lambda: page(person).compare._stage._difference._versions)
    shown = stage._difference._versions[0]
    middle = QPoint(shown.width() // 2, shown.height() // 2)
    colours = [shown.pixelColor(middle + QPoint(10 * step, 7 * step)) for step in range(-8, 8)]
    bright = sum(colour.red() + colour.green() + colour.blue() for colour in colours) / 16 / 3
    assert bright < 45, "of 255, four times the difference"


def test_zoom_and_place_are_those_of_both_photos_in_each_mode(person: Person) -> None:
    compares(person, "coffee small.jpg")
    compare, stage = page(person).compare, page(person).compare._stage
    person.press("+", "+")
    stage._member.pan(1, 0)
    assert stage._kept.sight == stage._member.sight
    for key, mode in (("2", BLINK), ("3", DIFFERENCE), ("1", SIDE_BY_SIDE)):
        person.press(key)
        assert compare.mode == mode
        assert stage._kept.sight == stage._member.sight
        assert not stage._difference.is_fitted
    person.press("0")
    assert stage._member.is_fitted


def test_photos_are_marked_and_decided_about_while_they_are_compared(person: Person) -> None:
    compares(person, "coffee small.jpg")
    person.press("X")
    assert marked(person) == ["coffee small.jpg"]
    assert page(person).compare._member._lines[0]._whole.endswith("to be removed")
    person.press("Down", "N")
    person.wait(lambda: groups(person) == [COFFEE])


def test_a_photo_that_is_gone_is_told(person: Person, copies: Path) -> None:
    (copies / "coffee small.jpg").unlink()
    compares(person, "coffee small.jpg")
    assert page(person).compare._problem.isVisible()


def button(person: Person, text: str) -> QPushButton:
    found = page(person).findChildren(QPushButton)
    return next(each for each in found if each.text().startswith(text))
