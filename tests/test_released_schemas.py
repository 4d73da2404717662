"""A library of each released schema opens with today's program, and nothing in it is lost or done again."""

from pathlib import Path

import pytest

from imgfind.core.errors import LibraryError
from imgfind.core.library import Library
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint
from tests.released import EARLIER_SCHEMAS, as_of_schema


@pytest.fixture(params=EARLIER_SCHEMAS)
def library(request: pytest.FixtureRequest, tmp_path: Path) -> Library:
    """Return a library that an earlier release left: five photos, two of them copies, and a problem."""
    photos = tmp_path / "photos"
    for number, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 60, 60)]):
        paint(photos / f"{number}.png", colour)
    (photos / "copy.png").write_bytes((photos / "0.png").read_bytes())
    (photos / "broken.jpg").write_bytes(b"no picture")
    with Library(tmp_path / "library", load_encoder=FakeEncoder) as made:
        made.index([str(photos)])
        as_of_schema(made.folder, request.param)
    return Library(tmp_path / "library", load_encoder=FakeEncoder)


def bytes_below(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_only_indexing_updates_a_library_of_an_earlier_release(library: Library) -> None:
    before = bytes_below(library.folder)
    for reading in (library.status, library.roots, lambda: library.search("red")):
        with pytest.raises(LibraryError, match=r"is from an older imgfind; run 'imgfind index' once to update it\.$"):
            reading()
    assert bytes_below(library.folder) == before


def test_a_library_of_an_earlier_release_is_whole_after_its_update(library: Library, tmp_path: Path) -> None:
    with library:
        summary = library.index()

        assert (summary.encoded, summary.reused, summary.gone, summary.photos) == (0, 0, 0, 5)
        assert [Path(problem.path).name for problem in library.problems()] == ["broken.jpg"]
        first, second = library.search("red", 2)
        assert [Path(path).name for path in (first.path, *first.copies)] == ["0.png", "copy.png"]
        assert Path(second.path).name == "3.png"
        assert library.show(str(tmp_path / "photos" / "0.png")).copies == (str(tmp_path / "photos" / "copy.png"),)


def test_a_library_of_an_earlier_release_takes_new_photos_and_forgets_deleted_ones(
    library: Library, tmp_path: Path
) -> None:
    paint(tmp_path / "photos" / "new.png", (255, 255, 255))
    (tmp_path / "photos" / "1.png").unlink()
    with library:
        summary = library.index()

        assert (summary.encoded, summary.gone, summary.photos) == (1, 1, 5)
        assert Path(library.search("white", 1)[0].path).name == "new.png"
