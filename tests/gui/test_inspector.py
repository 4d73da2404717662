"""The panel beside the grid: what it shows of one photo, of several, and what it asks for."""

import os
import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from imgfind.core.library import Library
from imgfind.core.query import ImageTerm, Query, TextTerm
from imgfind.core.records import PhotoId
from imgfind.core.searching import TermScore
from imgfind.gui.fact_text import FactText
from imgfind.gui.inspector import Inspector
from imgfind.gui.photo_facts import Fact
from imgfind.gui.tasks import TaskRunner
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint

ODD = b"a_very_long_name_without_any_space_that_nobody_would_ever_type_by_hand_\xe9\n<b>.jpg"


@pytest.fixture
def inspector(qtbot: QtBot, runner: TaskRunner) -> Inspector:
    made = Inspector(runner)
    qtbot.addWidget(made)
    made.resize(240, 600)
    made.show()
    return made


def photo_id_of(library_folder: Path, path: str) -> PhotoId:
    with Library(library_folder, load_encoder=FakeEncoder) as library:
        return library.photos.ids_of_paths([path])[0]


@pytest.fixture
def red(library_folder: Path, photos: Path) -> PhotoId:
    return photo_id_of(library_folder, str(photos / "red.png"))


def name(inspector: Inspector) -> str:
    return inspector._name.toPlainText()


def button(inspector: Inspector, label: str) -> QToolButton:
    return next(item for item in inspector.findChildren(QToolButton) if label in item.accessibleName())


def test_a_photo_is_shown_with_its_facts_and_its_picture(
    qtbot: QtBot, inspector: Inspector, red: PhotoId, photos: Path
) -> None:
    inspector.show_photo(red)

    qtbot.waitUntil(lambda: name(inspector) == "red.png")
    assert inspector._folder.toPlainText() == str(photos)
    texts = [item.toPlainText() for item in inspector.findChildren(FactText) if item.isVisible()]
    assert any(text.startswith("64 × 48\nPNG, ") for text in texts)
    qtbot.waitUntil(lambda: inspector._preview._image is not None)
    assert not inspector._bars.isVisible()


def test_only_the_newest_photo_is_shown(qtbot: QtBot, inspector: Inspector, library_folder: Path, photos: Path) -> None:
    names = ["red", "green", "blue", "navy"] * 10
    ids = {item: photo_id_of(library_folder, str(photos / f"{item}.png")) for item in set(names)}

    for item in names:
        inspector.show_photo(ids[item])

    qtbot.waitUntil(lambda: name(inspector) == "navy.png")
    qtbot.waitUntil(lambda: inspector._preview._image is not None)
    assert name(inspector) == "navy.png"


def test_none_and_many_are_said_in_words(qtbot: QtBot, inspector: Inspector, red: PhotoId) -> None:
    assert "Choose a photo" in inspector._message.text()

    inspector.show_photo(red)
    inspector.show_many(1234)

    assert inspector._message.text() == "1,234 photos chosen"
    assert inspector._stack.currentWidget() is inspector._message
    inspector.show_photo(red)
    qtbot.waitUntil(lambda: inspector._stack.currentWidget() is inspector._photo)


def test_a_photo_that_went_says_so(qtbot: QtBot, inspector: Inspector) -> None:
    inspector.show_photo(PhotoId(99_999))

    qtbot.waitUntil(lambda: "no longer" in inspector._message.text())


def test_the_folder_is_a_link(qtbot: QtBot, inspector: Inspector, red: PhotoId, photos: Path) -> None:
    inspector.show_photo(red)
    qtbot.waitUntil(lambda: name(inspector) == "red.png")

    with qtbot.waitSignal(inspector.folder_requested) as requested:
        qtbot.mouseClick(inspector._folder.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(10, 5))

    assert requested.args == [str(photos)]


def test_buttons_ask_with_the_photo(qtbot: QtBot, inspector: Inspector, red: PhotoId) -> None:
    inspector.show_photo(red)
    qtbot.waitUntil(lambda: name(inspector) == "red.png")

    for label, signal in (
        ("More like", inspector.more_requested),
        ("Less like", inspector.less_requested),
        ("Show in folder", inspector.show_in_folder_requested),
        ("Open", inspector.open_requested),
    ):
        with qtbot.waitSignal(signal) as requested:
            button(inspector, label).click()
        assert requested.args == [red]
    with qtbot.waitSignal(inspector.similar_requested) as requested:
        inspector.findChild(QPushButton).click()
    with qtbot.waitSignal(inspector.view_requested):
        qtbot.mouseDClick(inspector._preview, Qt.MouseButton.LeftButton)


def test_the_heart_says_what_a_click_will_do(
    qtbot: QtBot, inspector: Inspector, red: PhotoId, library_folder: Path
) -> None:
    inspector.show_photo(red)
    qtbot.waitUntil(lambda: name(inspector) == "red.png")

    with qtbot.waitSignal(inspector.favourite_requested) as requested:
        button(inspector, "Add to the favourites").click()
    assert requested.args == [red, True]
    button(inspector, "Remove from the favourites").click()

    with Library(library_folder, load_encoder=FakeEncoder) as library:
        library.photos.set_favourite([red], True)
    inspector.refresh()
    qtbot.waitUntil(lambda: "Remove" in inspector._favourite.accessibleName())


def test_the_terms_of_the_query_are_explained(qtbot: QtBot, inspector: Inspector, red: PhotoId) -> None:
    inspector.show_photo(red, Query((TextTerm("red"), TextTerm("blue", -1.0))))

    qtbot.waitUntil(inspector._bars.isVisible)
    rows = [item.accessibleName() for item in inspector._bars.findChildren(QWidget)]
    assert len(rows) == 2
    assert rows[0].startswith("red")
    assert rows[1].startswith("Not: blue")

    inspector.show_photo(red, Query(()))
    assert not inspector._bars.isVisible()


def test_a_query_that_cannot_be_explained_shows_no_reasons(
    qtbot: QtBot, inspector: Inspector, red: PhotoId, tmp_path: Path
) -> None:
    inspector.show_photo(red, Query((ImageTerm(str(tmp_path / "gone.jpg")),)))

    qtbot.waitUntil(lambda: name(inspector) == "red.png")
    qtbot.waitUntil(lambda: not inspector._runner.is_busy((inspector, "scores")))
    assert not inspector._bars.isVisible()


def test_bars_show_no_strength_where_the_library_cannot_tell(qtbot: QtBot, inspector: Inspector) -> None:
    inspector._show_scores([TermScore(TextTerm("dog"), -0.001, None), TermScore(TextTerm("cat"), 0.271, 0.8)])

    told = [item.accessibleName() for item in inspector._bars.findChildren(QWidget) if item.isEnabled()]
    assert told == ["dog: 0.00", "cat: clearly to be seen (0.27)"]


def test_a_place_can_be_copied(qtbot: QtBot, inspector: Inspector) -> None:
    inspector._show_facts([Fact("map-pin", "Place", "1.0000° N", copied="1.000000, 2.000000")])

    button(inspector, "Copy 1.000000").click()

    assert QGuiApplication.clipboard().text() == "1.000000, 2.000000"


def test_nothing_is_cut_off_in_a_narrow_panel(
    qtbot: QtBot, inspector: Inspector, library_folder: Path, photos: Path
) -> None:
    folder = photos / "a_folder_whose_name_is_as_long_as_the_one_of_the_file_and_has_no_space_either"
    odd = os.fsencode(folder) + b"/" + ODD
    paint(folder / "plain.jpg", size=(2000, 1500))
    shutil.copy(folder / "plain.jpg", odd)
    with Library(library_folder, load_encoder=FakeEncoder) as library:
        library.index()
    inspector.resize(240, 400)
    inspector.show_photo(photo_id_of(library_folder, os.fsdecode(odd)))
    qtbot.waitUntil(lambda: "\\xe9\\x0a<b>.jpg" in name(inspector))

    content = inspector._photo.widget()
    qtbot.waitUntil(lambda: content.height() > inspector._photo.viewport().height())
    room = QRect(QPoint(), content.size())
    assert content.width() == inspector._photo.viewport().width()
    for item in content.findChildren(QWidget):
        if item.isVisible():
            assert room.contains(QRect(item.mapTo(content, QPoint()), item.size())), item
    for text in content.findChildren(FactText):
        if text.isVisible():
            assert text.document().size().height() <= text.viewport().height() + 1, text.toPlainText()
            assert text.document().idealWidth() <= text.viewport().width() + 1, text.toPlainText()
