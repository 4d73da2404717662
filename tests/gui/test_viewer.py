"""One photo over the window: walking, zooming, keys, and what happens when photos or files go."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from imgfind.core import reading
from imgfind.core.library import Library
from imgfind.core.records import Listing, PhotoId
from imgfind.gui.results_model import ResultsModel
from imgfind.gui.tasks import TaskRunner
from imgfind.gui.thumb_loader import ThumbLoader
from imgfind.gui.viewer import Viewer
from tests.fake_encoder import FakeEncoder
from tests.gui.conftest import COLOURS
from tests.pictures import paint


@pytest.fixture
def ids(library_folder: Path, photos: Path) -> list[PhotoId]:
    """Return the photos in the order of ``COLOURS``."""
    with Library(library_folder, load_encoder=FakeEncoder) as library:
        return library.photos.ids_of_paths([str(photos / f"{name}.png") for name in COLOURS])


@pytest.fixture
def model(runner: TaskRunner, ids: list[PhotoId]) -> ResultsModel:
    made = ResultsModel(ThumbLoader(runner))
    made.set_listing(Listing(np.array(ids)))
    return made


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    made.resize(640, 480)
    made.show()
    return made


@pytest.fixture
def viewer(window: QWidget, runner: TaskRunner) -> Viewer:
    made = Viewer(runner, window)
    made.resize(640, 480)
    return made


def colour(viewer: Viewer) -> tuple[int, int, int]:
    seen = viewer.grab().toImage().pixelColor(320, 240)
    return seen.red(), seen.green(), seen.blue()


def shows(viewer: Viewer, name: str) -> bool:
    return np.allclose(colour(viewer), COLOURS[name], atol=16)


def test_a_photo_is_shown_and_the_arrows_walk(qtbot: QtBot, viewer: Viewer, model: ResultsModel) -> None:
    viewer.open(model, 0)
    qtbot.waitUntil(lambda: shows(viewer, "red"))
    qtbot.keyClick(viewer, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: shows(viewer, "green"))
    qtbot.keyClick(viewer, Qt.Key.Key_End)
    qtbot.waitUntil(lambda: shows(viewer, "navy"))
    qtbot.keyClick(viewer, Qt.Key.Key_Right)
    qtbot.keyClick(viewer, Qt.Key.Key_Left)
    qtbot.waitUntil(lambda: shows(viewer, "pink"))
    assert viewer.row == 4


def test_the_neighbours_are_at_hand_before_they_are_asked_for(
    qtbot: QtBot, viewer: Viewer, model: ResultsModel, ids: list[PhotoId]
) -> None:
    viewer.open(model, 2)

    qtbot.waitUntil(lambda: all(viewer._loader.picture(photo_id) is not None for photo_id in ids[1:4]))
    assert viewer._loader.picture(ids[0]) is None

    qtbot.keyClick(viewer, Qt.Key.Key_Right)
    assert shows(viewer, "white")


def test_a_neighbour_that_could_not_be_read_ahead_of_time_says_so(
    qtbot: QtBot, viewer: Viewer, model: ResultsModel, ids: list[PhotoId], photos: Path
) -> None:
    (photos / "green.png").unlink()
    viewer.open(model, 0)
    qtbot.waitUntil(lambda: viewer._loader.picture(ids[1]) is not None)
    qtbot.keyClick(viewer, Qt.Key.Key_Right)
    assert viewer._problem.isVisible()


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_Escape])
def test_a_key_leaves_the_viewer_at_its_row(qtbot: QtBot, viewer: Viewer, model: ResultsModel, key: Qt.Key) -> None:
    viewer.open(model, 1)
    qtbot.keyClick(viewer, Qt.Key.Key_Right)

    with qtbot.waitSignal(viewer.closed) as closed:
        qtbot.keyClick(viewer, key)

    assert closed.args == [2]
    assert not viewer.isVisible()


def test_keys_ask_for_what_is_done_with_a_photo(
    qtbot: QtBot, viewer: Viewer, model: ResultsModel, ids: list[PhotoId]
) -> None:
    viewer.open(model, 3)

    with qtbot.waitSignals([viewer.copy_requested, viewer.trash_requested, viewer.open_requested]):
        qtbot.keyClick(viewer, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
        qtbot.keyClick(viewer, Qt.Key.Key_Delete)
        qtbot.keyClick(viewer, Qt.Key.Key_Return)
    asked: list[tuple[PhotoId, bool]] = []
    viewer.favourite_requested.connect(lambda photo_id, on: asked.append((photo_id, on)))
    qtbot.keyClick(viewer, Qt.Key.Key_F)
    qtbot.keyClick(viewer, Qt.Key.Key_F)

    assert asked == [(ids[3], True), (ids[3], False)]


def test_the_shortcuts_of_the_window_behind_rest(qtbot: QtBot, viewer: Viewer, model: ResultsModel) -> None:
    window = viewer.window()
    pressed: list[str] = []
    action = QAction("clear", window)
    action.setShortcut(QKeySequence("Escape"))
    action.triggered.connect(lambda: pressed.append("Escape"))
    window.addAction(action)
    window.activateWindow()
    viewer.open(model, 0)

    with qtbot.waitSignal(viewer.closed):
        qtbot.keyClick(viewer, Qt.Key.Key_Escape)

    assert pressed == []


def test_a_photo_that_went_makes_room_for_the_next(
    qtbot: QtBot, viewer: Viewer, model: ResultsModel, ids: list[PhotoId]
) -> None:
    viewer.open(model, 1)

    model.set_listing(Listing(np.array([ids[0], *ids[2:]])), keep=True)
    assert viewer.row == 1
    qtbot.waitUntil(lambda: shows(viewer, "blue"))

    model.set_listing(Listing(np.array([ids[3], ids[4], ids[2]])), keep=True)
    assert viewer.row == 2
    assert shows(viewer, "blue")


def test_the_viewer_closes_with_its_last_photo(qtbot: QtBot, viewer: Viewer, model: ResultsModel) -> None:
    viewer.open(model, 1)

    with qtbot.waitSignal(viewer.closed) as closed:
        model.set_listing(Listing(np.empty(0, np.int64)))

    assert closed.args == [-1]


def test_a_file_that_is_gone_is_told_and_can_be_walked_past(
    qtbot: QtBot, viewer: Viewer, model: ResultsModel, photos: Path
) -> None:
    (photos / "green.png").unlink()

    viewer.open(model, 1)
    qtbot.waitUntil(viewer._problem.isVisible)
    assert "not there any more" in viewer._problem.accessibleName()

    qtbot.keyClick(viewer, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: shows(viewer, "blue"))
    assert not viewer._problem.isVisible()

    paint(photos / "green.png", COLOURS["green"])
    qtbot.keyClick(viewer, Qt.Key.Key_Right)
    qtbot.keyClick(viewer, Qt.Key.Key_Left)
    qtbot.keyClick(viewer, Qt.Key.Key_Left)
    qtbot.waitUntil(lambda: shows(viewer, "green"))


def test_all_pixels_come_when_they_are_looked_at(
    qtbot: QtBot, runner: TaskRunner, viewer: Viewer, library_folder: Path, photos: Path
) -> None:
    large = photos / "large.jpg"
    Image.new("RGB", (4000, 3000), "teal").save(large)
    with Library(library_folder, load_encoder=FakeEncoder) as library:
        library.index()
        photo_id = library.photos.ids_of_paths([str(large)])[0]
    model = ResultsModel(ThumbLoader(runner))
    model.set_listing(Listing(np.array([photo_id])))
    heights: list[int] = []
    viewer._loader.loaded.connect(lambda _, loaded: heights.append(loaded.image.height()))

    viewer.open(model, 0)
    qtbot.waitUntil(lambda: len(heights) == 1)
    qtbot.keyClick(viewer, Qt.Key.Key_1)
    qtbot.keyClick(viewer, Qt.Key.Key_Plus)
    qtbot.waitUntil(lambda: len(heights) == 2)

    assert 480 <= heights[0] < 3000
    assert heights[1] == 3000
    assert viewer._canvas.zoom == 1.25


def test_a_quick_walk_shows_where_it_ends(
    qtbot: QtBot, viewer: Viewer, model: ResultsModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    original = reading.full_picture
    monkeypatch.setattr(
        reading, "full_picture", lambda path, edge_px: (read.append(Path(path).stem), original(path, edge_px))[1]
    )

    viewer.open(model, 0)
    for _ in range(40):
        qtbot.keyClick(viewer, Qt.Key.Key_Right)
        qtbot.keyClick(viewer, Qt.Key.Key_Left)
    qtbot.keyClick(viewer, Qt.Key.Key_End)
    qtbot.waitUntil(lambda: shows(viewer, "navy"))

    assert len(read) < 40


def test_name_and_place_are_shown_and_hide_by_themselves(
    qtbot: QtBot, viewer: Viewer, model: ResultsModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer._bar_timer.setInterval(1)

    viewer.open(model, 1)
    qtbot.waitUntil(lambda: not viewer._bar.isVisible())
    assert viewer._bar._position.text() == "2 of 6"
    qtbot.waitUntil(lambda: viewer._canvas.accessibleName() == "green.png")

    viewer._bar_timer.setInterval(100_000)
    qtbot.mouseMove(viewer._canvas, QPoint(50, 50))
    qtbot.waitUntil(viewer._bar.isVisible)
