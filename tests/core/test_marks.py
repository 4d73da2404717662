"""Favourites, hidden photos, saved searches: what they hold for, what they survive, and who has to wait for whom."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from imgfind.core import LibraryBusyError, LibraryError, QueryError, UsageError, lock
from imgfind.core.browsing import SavedSearch
from imgfind.core.filters import WordFilter
from imgfind.core.library import Library
from imgfind.core.records import PhotoId
from imgfind.core.store import PhotoDetails
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Make three photos, a copy of one, and a file that is none."""
    folder = tmp_path / "photos"
    for name, colour in COLOURS.items():
        paint(folder / f"{name}.png", colour)
    (folder / "copy.png").write_bytes((folder / "red.png").read_bytes())
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture
def library(tmp_path: Path, photos: Path) -> Iterator[Library]:
    """Index them."""
    with Library(tmp_path / "library", load_encoder=FakeEncoder) as library:
        library.index([str(photos)])
        yield library


def ids(library: Library, photos: Path, *names: str) -> list[PhotoId]:
    return library.photos.ids_of_paths([str(photos / f"{name}.png") for name in names])


def listed(library: Library, state: str | None = None) -> list[str]:
    found = library.photos.timeline([] if state is None else [WordFilter("is", state)])
    return sorted(Path(path).stem for path in library.photos.paths(found.photo_ids.tolist()))


def searched(library: Library, query: str) -> list[str]:
    return sorted(Path(hit.path).stem for hit in library.search(query))


def test_a_favourite_is_one_with_its_copies_until_it_is_none(library: Library, photos: Path) -> None:
    library.photos.set_favourite(ids(library, photos, "red", "blue"), on=True)
    assert listed(library, "favourite") == searched(library, "is:favourite") == ["blue", "copy", "red"]
    assert searched(library, "red -is:favourite") == ["green"]
    library.photos.set_favourite(ids(library, photos, "copy"), on=False)
    assert listed(library, "favourite") == ["blue"]


def test_hidden_photos_are_left_out_everywhere_unless_asked_for(library: Library, photos: Path) -> None:
    library.photos.set_hidden(ids(library, photos, "red"), on=True)
    assert listed(library) == ["blue", "green"]
    assert (
        searched(library, "red") == searched(library, "type:png") == searched(library, "-is:hidden") == listed(library)
    )
    assert sorted(Path(hit.path).stem for hit in library.similar(str(photos / "red.png"))) == listed(library)
    assert listed(library, "hidden") == searched(library, "is:hidden") == ["copy", "red"]
    assert searched(library, "red is:hidden") == ["copy"], "one hit for both"
    shown = library.show(str(photos / "red.png"))
    assert isinstance(shown, PhotoDetails)
    assert shown.hidden
    library.photos.set_hidden(ids(library, photos, "copy"), on=False)
    assert len(listed(library)) == 4


def test_a_mark_stays_when_a_photo_moves_or_comes_back(library: Library, photos: Path) -> None:
    library.photos.set_favourite(ids(library, photos, "blue"), on=True)
    (photos / "blue.png").rename(photos / "moved.png")
    library.index()
    assert listed(library, "favourite") == ["moved"]
    kept = (photos / "moved.png").read_bytes()
    (photos / "moved.png").unlink()
    library.index()
    assert listed(library, "favourite") == []
    (photos / "again.png").write_bytes(kept)
    library.index()
    assert listed(library, "favourite") == ["again"]


def test_marking_does_not_wait_for_an_indexer(library: Library, photos: Path) -> None:
    with lock.held(library.folder):
        library.photos.set_favourite(ids(library, photos, "green"), on=True)
        library.photos.save_search("Green", "is:favourite")
        library.photos.forget_problems([str(photos / "broken.jpg")])
        with pytest.raises(LibraryBusyError):
            library.remove_root(str(photos))
    assert listed(library, "favourite") == ["green"]
    assert library.problems() == []


def test_a_forgotten_problem_is_tried_again(library: Library, photos: Path) -> None:
    assert library.index().problems == 0
    library.photos.forget_problems([str(photos / "broken.jpg"), "/not/known.jpg"])
    assert library.index().problems == 1
    assert [Path(problem.path).name for problem in library.problems()] == ["broken.jpg"]


def test_searches_are_kept_by_name(library: Library) -> None:
    library.photos.save_search("winter", "snow + ski")
    library.photos.save_search("  Beach ", "beach - people")
    library.photos.save_search("winter", "snow")
    assert library.photos.saved_searches() == [SavedSearch("Beach", "beach - people"), SavedSearch("winter", "snow")]
    library.photos.rename_search("winter", "A winter")
    library.photos.rename_search("Beach", "Beach")
    assert [saved.name for saved in library.photos.saved_searches()] == ["A winter", "Beach"]
    with pytest.raises(UsageError, match="There is a saved search 'Beach' already"):
        library.photos.rename_search("A winter", "Beach")
    library.photos.remove_search("Beach")
    library.photos.remove_search("Beach")
    assert library.photos.saved_searches() == [SavedSearch("A winter", "snow")]


def test_a_saved_search_has_a_name_and_can_be_read(library: Library) -> None:
    with pytest.raises(UsageError, match="needs a name"):
        library.photos.save_search("  ", "snow")
    with pytest.raises(UsageError, match="needs a name"):
        library.photos.rename_search("x", "")
    with pytest.raises(QueryError):
        library.photos.save_search("people", "- people")
    assert library.photos.saved_searches() == []


def test_a_saved_search_may_hold_bytes_that_are_no_text_and_its_name_is_one_line(library: Library) -> None:
    library.photos.save_search("new\nline \udcff", 'in:"/p/\udcff/ä"')
    assert library.photos.saved_searches() == [SavedSearch("new\\x0aline \\xff", 'in:"/p/\udcff/ä"')]


def test_what_is_left_out_is_replaced_as_a_whole_and_holds_for_the_next_run(library: Library) -> None:
    library.photos.set_excludes(["*.jpg", "green*", "green*"])
    assert library.photos.excludes() == ["*.jpg", "green*"]
    library.index()
    assert listed(library) == ["blue", "copy", "red"]
    library.photos.set_excludes([])
    library.index()
    assert len(listed(library)) == 4


def test_what_is_left_out_can_be_said_before_there_is_a_library(tmp_path: Path) -> None:
    with Library(tmp_path / "library") as library:
        library.photos.set_excludes(["*.png"])
        assert library.photos.excludes() == ["*.png"]
        library.photos.save_search("snow", "snow")
        assert library.photos.saved_searches() == [SavedSearch("snow", "snow")]


def test_no_library_is_put_among_other_files(photos: Path) -> None:
    with Library(photos) as library, pytest.raises(LibraryError, match="holds other files"):
        library.photos.set_excludes(["*.png"])
