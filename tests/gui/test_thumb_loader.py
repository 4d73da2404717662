import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imgfind.core import Library
from imgfind.core.errors import LibraryError
from imgfind.core.records import Card, PhotoId
from imgfind.gui import thumb_loader
from imgfind.gui.tasks import TaskRunner
from imgfind.gui.thumb_loader import ThumbLoader
from tests.pictures import paint


class SlowPhotos:
    """A library of which one can see what was asked, and that answers when it may."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.photos = self
        self.may_answer = threading.Event()
        self.asked: list[list[int]] = []

    def cards(self, photo_ids: list[PhotoId]) -> list[Card]:
        """Answer as the library does, later."""
        self.asked.append(list(photo_ids))
        assert self.may_answer.wait(10)
        with Library(self.folder) as library:
            return library.photos.cards(photo_ids)

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture
def ids(library_folder: Path) -> list[PhotoId]:
    """Return the photos of the library."""
    with Library(library_folder) as library:
        photo_ids: list[PhotoId] = library.photos.timeline().photo_ids.tolist()
        return photo_ids


@pytest.fixture
def loader(runner: TaskRunner) -> ThumbLoader:
    """Return a loader for the library."""
    return ThumbLoader(runner)


@pytest.fixture
def slow(library_folder: Path, qapp: object) -> Iterator[tuple[ThumbLoader, SlowPhotos]]:
    """Return a loader and the slow library it asks."""
    library: Any = SlowPhotos(library_folder)
    runner = TaskRunner(lambda: library)
    yield ThumbLoader(runner), library
    library.may_answer.set()
    runner.close()


def load(qtbot: Any, loader: ThumbLoader, photo_ids: list[PhotoId]) -> None:
    """Wait until everything wanted has come."""
    missing = set(photo_ids)

    def note(come: list[PhotoId]) -> None:
        missing.difference_update(come)

    loader.loaded.connect(note)
    loader.want(photo_ids)
    qtbot.waitUntil(lambda: not missing)
    loader.loaded.disconnect(note)


def test_nothing_is_known_before_it_is_wanted(loader: ThumbLoader, ids: list[PhotoId]) -> None:
    assert loader.card(ids[0]) is None
    assert loader.pixmap(ids[0]) is None


def test_a_pixmap_fits_the_square_at_the_scale_of_the_screen(
    tmp_path: Path, library_folder: Path, runner: TaskRunner, qtbot: Any
) -> None:
    paint(tmp_path / "photos" / "large.png", size=(640, 480))
    with Library(library_folder) as library:
        library.index()
        photo_id = library.photos.ids_of_paths([str(tmp_path / "photos" / "large.png")])[0]
    loader = ThumbLoader(runner)
    loader.set_edge(100, 2.0)
    load(qtbot, loader, [photo_id])
    pixmap = loader.pixmap(photo_id)
    assert pixmap is not None
    assert (pixmap.width(), pixmap.height()) == (200, 150)
    assert pixmap.devicePixelRatio() == 2.0


def test_a_small_photo_is_not_blown_up(loader: ThumbLoader, ids: list[PhotoId], qtbot: Any) -> None:
    load(qtbot, loader, ids[:1])
    pixmap = loader.pixmap(ids[0])
    assert pixmap is not None
    assert (pixmap.width(), pixmap.height()) == (64, 48)


def test_another_size_is_loaded_while_the_old_one_still_shows(
    loader: ThumbLoader, ids: list[PhotoId], qtbot: Any
) -> None:
    load(qtbot, loader, ids)
    loader.set_edge(32, 1.0)
    old = loader.pixmap(ids[0])
    assert old is not None
    assert old.width() == 64
    load(qtbot, loader, ids)
    new = loader.pixmap(ids[0])
    assert new is not None
    assert new.width() == 32


def test_what_is_there_is_not_read_again(loader: ThumbLoader, ids: list[PhotoId], qtbot: Any) -> None:
    load(qtbot, loader, ids)
    with qtbot.assertNotEmitted(loader.loaded, wait=60):
        loader.want(ids)


def test_only_the_newest_wish_counts(
    slow: tuple[ThumbLoader, SlowPhotos], ids: list[PhotoId], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumb_loader, "_BATCH", 1)
    loader, library = slow
    loader.want(ids[:4])
    qtbot.waitUntil(lambda: len(library.asked) == 2)
    for _ in range(20):
        loader.want(ids[2:4])
    loader.want(ids[4:])
    library.may_answer.set()
    qtbot.waitUntil(lambda: loader.card(ids[5]) is not None and loader.card(ids[4]) is not None)
    assert sorted(library.asked[:2]) == sorted([[ids[0]], [ids[1]]])
    assert sorted(library.asked[2:]) == sorted([[ids[4]], [ids[5]]])
    assert loader.card(ids[2]) is None


def test_what_comes_together_is_announced_together(loader: ThumbLoader, ids: list[PhotoId], qtbot: Any) -> None:
    with qtbot.waitSignal(loader.loaded) as announced:
        loader.want(ids)
    assert sorted(announced.args[0]) == sorted(ids)


def test_a_favourite_is_seen_once_its_card_is_forgotten(
    loader: ThumbLoader, ids: list[PhotoId], library_folder: Path, qtbot: Any
) -> None:
    load(qtbot, loader, ids)
    with Library(library_folder) as library:
        library.photos.set_favourite(ids[:1], True)
    before = loader.card(ids[0])
    assert before is not None
    assert not before.favourite
    with qtbot.waitSignal(loader.loaded):
        loader.forget(ids[:1])
        assert loader.card(ids[0]) == before, "it shows as it was until it is read"
    after = loader.card(ids[0])
    assert after is not None
    assert after.favourite


def test_a_photo_without_preview_has_a_null_pixmap(
    loader: ThumbLoader, ids: list[PhotoId], library_folder: Path, photos: Path, qtbot: Any
) -> None:
    (library_folder / "previews.sqlite3").unlink()
    for photo in photos.iterdir():
        photo.unlink()
    load(qtbot, loader, ids)
    pixmap = loader.pixmap(ids[0])
    assert pixmap is not None
    assert pixmap.isNull()


def test_a_preview_that_is_not_cached_is_made_from_the_photo(
    loader: ThumbLoader, ids: list[PhotoId], library_folder: Path, qtbot: Any
) -> None:
    (library_folder / "previews.sqlite3").unlink()
    load(qtbot, loader, ids)
    pixmap = loader.pixmap(ids[0])
    assert pixmap is not None
    assert not pixmap.isNull()


def test_the_oldest_pixmaps_make_room(
    loader: ThumbLoader, ids: list[PhotoId], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumb_loader, "PIXMAP_BYTES", 3 * 64 * 48 * 4)
    load(qtbot, loader, ids[:3])
    loader.want(ids[:1])
    load(qtbot, loader, [ids[3]])
    assert [loader.pixmap(photo_id) is not None for photo_id in ids[:4]] == [True, False, True, True]


def test_an_unreadable_library_is_told_once_and_the_rest_is_let_be(
    runner: TaskRunner, ids: list[PhotoId], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raising(*_args: object) -> None:
        raise LibraryError("The disk is gone.")

    monkeypatch.setattr(thumb_loader, "_read", raising)
    loader = ThumbLoader(runner)
    with qtbot.waitSignal(runner.failed) as failed:
        loader.want(ids)
    assert str(failed.args[0]) == "The disk is gone."
    assert loader.card(ids[0]) is None


def test_paths_of_photos_never_seen_are_looked_up(loader: ThumbLoader, ids: list[PhotoId], qtbot: Any) -> None:
    answers: list[list[str]] = []
    loader.with_paths(ids, answers.append)
    assert not answers
    qtbot.waitUntil(lambda: bool(answers))
    load(qtbot, loader, ids)
    loader.with_paths(ids, answers.append)
    assert len(answers) == 2, "known cards answer at once"
    assert answers[0] == answers[1]
