"""Pictures for the viewer: what is loaded first, how large, and what is kept."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QSize
from PySide6.QtGui import QColorSpace
from pytestqt.qtbot import QtBot

from imgfind.core import reading
from imgfind.core.library import Library
from imgfind.core.records import PhotoId
from imgfind.gui import picture_loader
from imgfind.gui.picture_loader import LoadedPicture, PictureLoader, fitted_edge_px
from imgfind.gui.tasks import TaskRunner
from tests.fake_encoder import FakeEncoder
from tests.gui.conftest import COLOURS

BOX = QSize(600, 400)


@pytest.fixture
def loader(runner: TaskRunner) -> PictureLoader:
    return PictureLoader(runner)


@pytest.fixture
def ids_of(library_folder: Path, photos: Path) -> Callable[..., list[PhotoId]]:
    def found(*names: str) -> list[PhotoId]:
        with Library(library_folder, load_encoder=FakeEncoder) as library:
            library.index()
            return library.photos.ids_of_paths([str(photos / name) for name in names])

    return found


def loaded_by(loader: PictureLoader) -> list[tuple[PhotoId, LoadedPicture]]:
    seen: list[tuple[PhotoId, LoadedPicture]] = []
    loader.loaded.connect(lambda photo_id, loaded: seen.append((photo_id, loaded)))
    return seen


@pytest.mark.parametrize(
    ("size", "edge_px"), [((6000, 4000), 400), ((4000, 6000), 266), ((6000, 100), 10), ((100_000, 10), 1)]
)
def test_the_short_edge_of_a_fitted_picture(size: tuple[int, int], edge_px: int) -> None:
    assert fitted_edge_px(QSize(*size), BOX) == edge_px


def test_the_first_comes_first_and_then_the_others_one_by_one(
    qtbot: QtBot, loader: PictureLoader, ids_of: Callable[..., list[PhotoId]]
) -> None:
    ids = ids_of(*(f"{name}.png" for name in COLOURS))
    seen = loaded_by(loader)

    loader.want(ids, BOX)
    qtbot.waitUntil(lambda: len(seen) == len(ids))

    assert [photo_id for photo_id, _ in seen] == ids
    loader.want(ids, BOX)
    assert not loader._running


def test_a_picture_is_as_large_as_the_screen_needs(
    qtbot: QtBot, loader: PictureLoader, photos: Path, ids_of: Callable[..., list[PhotoId]]
) -> None:
    Image.new("RGB", (4000, 3000), "navy").save(photos / "large.jpg")
    ids = ids_of("large.jpg")
    seen = loaded_by(loader)

    loader.want(ids, BOX)
    qtbot.waitUntil(lambda: len(seen) == 1)
    small = seen[0][1]
    assert small.image is not None
    assert 400 <= small.image.height() < 1500
    assert small.image.colorSpace() == QColorSpace(QColorSpace.NamedColorSpace.SRgb)
    assert small.is_sharp(BOX)
    assert not small.is_whole()

    loader.want(ids, QSize(2560, 1440))
    qtbot.waitUntil(lambda: len(seen) == 2)
    assert seen[1][1].is_sharp(QSize(2560, 1440))

    loader.want_whole(ids[0])
    qtbot.waitUntil(lambda: len(seen) == 3)
    assert seen[2][1].is_whole()
    assert loader.picture(ids[0]) is seen[1][1]


def test_what_is_wanted_no_longer_is_not_answered(
    qtbot: QtBot, loader: PictureLoader, ids_of: Callable[..., list[PhotoId]]
) -> None:
    ids = ids_of(*(f"{name}.png" for name in COLOURS))
    seen = loaded_by(loader)

    for photo_id in ids:
        loader.want([photo_id], BOX)
    qtbot.waitUntil(lambda: bool(seen))

    assert [photo_id for photo_id, _ in seen] == [ids[-1]]


def test_the_pictures_seen_last_are_kept(
    qtbot: QtBot, loader: PictureLoader, ids_of: Callable[..., list[PhotoId]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_loader, "_KEPT_BYTES", 3 * 64 * 48 * 4)
    ids = ids_of(*(f"{name}.png" for name in COLOURS))
    seen = loaded_by(loader)

    for number, photo_id in enumerate(ids, 1):
        loader.want([photo_id], BOX)
        qtbot.waitUntil(lambda number=number: len(seen) == number)

    assert [photo_id for photo_id in ids if loader.picture(photo_id)] == ids[-3:]
    loader.forget(ids[-1:])
    assert loader.picture(ids[-1]) is None


def test_a_photo_the_library_lost_has_a_problem(qtbot: QtBot, loader: PictureLoader) -> None:
    seen = loaded_by(loader)

    loader.want([PhotoId(99_999)], BOX)
    qtbot.waitUntil(lambda: len(seen) == 1)

    assert seen[0][1].card is None
    assert "no longer in the library" in seen[0][1].problem


def test_pictures_from_another_process_are_shown_too(
    qtbot: QtBot, loader: PictureLoader, photos: Path, ids_of: Callable[..., list[PhotoId]], test_data: Path
) -> None:
    shutil.copy(test_data / "photos/heic/example.heic", photos / "example.heic")
    seen = loaded_by(loader)

    loader.want(ids_of("example.heic"), BOX)
    qtbot.waitUntil(lambda: len(seen) == 1, timeout=20_000)

    image = seen[0][1].image
    assert image is not None
    assert image.pixelColor(0, 0).isValid()
    assert image.height() >= 400
    reading.end_workers()
