"""Fixtures of the window's tests: no screen, and libraries with photos that can be told apart."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from imgfind.core.library import Library
from imgfind.gui import library_work
from imgfind.gui.child_process import IMGFIND
from imgfind.gui.duplicate_search import DuplicateSearch
from imgfind.gui.indexer import Indexer
from imgfind.gui.main_window import MainWindow
from imgfind.gui.preferences import Preferences
from imgfind.gui.tasks import TaskRunner
from tests.fake_encoder import FakeEncoder
from tests.gui.person import Person
from tests.pictures import paint

COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "white": (255, 255, 255),
    "pink": (255, 150, 150),
    "navy": (0, 0, 90),
}


@pytest.fixture(scope="session", autouse=True)
def empty_clipboard() -> Iterator[None]:
    """Leave nothing on the clipboard: that of the offscreen platform outlives Python, and with it Python's objects."""
    yield
    if QGuiApplication.instance() is not None:
        QGuiApplication.clipboard().clear()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of six one-coloured photos, named after their colours."""
    for name, colour in COLOURS.items():
        paint(tmp_path / "photos" / f"{name}.png", colour)
    return tmp_path / "photos"


@pytest.fixture
def library_folder(tmp_path: Path, photos: Path) -> Path:
    """Return the folder of a library of ``photos``, indexed with the fake encoder."""
    return index(tmp_path / "library", photos)


def index(library: Path, folder: Path) -> Path:
    """Index ``folder`` with the fake encoder; return the library's folder."""
    with Library(library, load_encoder=FakeEncoder) as made:
        made.index([str(folder)])
    return library


@pytest.fixture
def runner(qapp: object, library_folder: Path) -> Iterator[TaskRunner]:
    """Return a task runner on that library."""
    made = TaskRunner(lambda: Library(library_folder, load_encoder=FakeEncoder))
    yield made
    made.close()


NOTHING_NEW = (sys.executable, "-I", "-S", "-c", 'import sys; sys.stderr.write(\'{"stage": "done"}\\n\')')
"""An indexer that finds nothing to do."""

MakeWindow = Callable[..., Person]


@pytest.fixture
def make_window(
    qtbot: QtBot, library_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeWindow]:
    """Return what opens a window on a library and sits a person in front of it.

    What it indexes with can be chosen, and whether it really looks for duplicates.
    """
    opened: list[tuple[MainWindow, Library]] = []

    def make(
        library: Path = library_folder, program: Sequence[str] = NOTHING_NEW, *, is_looking: bool = False
    ) -> Person:
        monkeypatch.setattr(library_work, "Indexer", functools.partial(Indexer, program=program))
        looking = functools.partial(DuplicateSearch, program=IMGFIND if is_looking else NOTHING_NEW)
        monkeypatch.setattr(library_work, "DuplicateSearch", looking)
        preferences = Preferences(tmp_path / "window.ini")
        window = MainWindow(library, lambda: Library(library, load_encoder=FakeEncoder), preferences)
        opened.append((window, Library(library, load_encoder=FakeEncoder)))
        window.show()
        with qtbot.waitActive(window):
            window.activateWindow()
        return Person(window, opened[-1][1], qtbot)

    yield make
    for window, library in opened:
        window.close()
        window.shut_down()
        window.deleteLater()
        library.close()


@pytest.fixture
def person(make_window: MakeWindow) -> Person:
    """Return a person in front of a window that shows the six photos."""
    made = make_window()
    made.waits_for(*(f"{name}.png" for name in COLOURS))
    return made
