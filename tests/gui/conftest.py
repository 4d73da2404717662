"""Fixtures of the window's tests: no screen, and libraries with photos that can be told apart."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from collections.abc import Iterator
from pathlib import Path

import pytest

from imgfind.core.library import Library
from imgfind.gui.tasks import TaskRunner
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint

COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "white": (255, 255, 255),
    "pink": (255, 150, 150),
    "navy": (0, 0, 90),
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of six one-coloured photos, named after their colours."""
    for name, colour in COLOURS.items():
        paint(tmp_path / "photos" / f"{name}.png", colour)
    return tmp_path / "photos"


@pytest.fixture
def library_folder(tmp_path: Path, photos: Path) -> Path:
    """Return the folder of a library of ``photos``, indexed with the fake encoder."""
    with Library(tmp_path / "library", load_encoder=FakeEncoder) as library:
        library.index([str(photos)])
    return tmp_path / "library"


@pytest.fixture
def runner(qapp: object, library_folder: Path) -> Iterator[TaskRunner]:
    """Return a task runner on that library."""
    made = TaskRunner(lambda: Library(library_folder, load_encoder=FakeEncoder))
    yield made
    made.close()
