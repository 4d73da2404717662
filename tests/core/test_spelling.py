"""People type a name in one way, the disk lists it in another, the library keeps what the disk listed."""

import os
import unicodedata
from pathlib import Path

import pytest

from imgfind.core import scan
from imgfind.core.errors import LibraryError
from imgfind.core.library import Library
from imgfind.core.scan import as_listed, check_folder
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint


def nfc(text: object) -> str:
    return unicodedata.normalize("NFC", str(text))


def nfd(text: object) -> str:
    return unicodedata.normalize("NFD", str(text))


def forms_differ(folder: Path) -> bool:
    """Tell whether the file system below ``folder`` keeps both forms of a name apart."""
    (folder / nfc("é")).touch()
    return not (folder / nfd("é")).exists()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library", load_encoder=FakeEncoder)


@pytest.fixture
def photo(tmp_path: Path, library: Library) -> Path:
    """Return an indexed photo whose folder and name were written by a Mac."""
    photo = paint(tmp_path / "photos" / nfd("Zürich") / nfd("café.jpg"))
    library.index([str(tmp_path / "photos")])
    return photo


def away(photo: Path) -> None:
    """Take the drive away."""
    photo.parent.parent.rename(photo.parent.parent.with_name("elsewhere"))


@pytest.mark.parametrize("is_away", [False, True])
def test_a_photo_is_shown_whichever_way_its_accents_are_typed(library: Library, photo: Path, is_away: bool) -> None:
    if is_away:
        away(photo)
        library.index()
    for typed in (nfc(photo), nfd(photo)):
        assert os.fsencode(library.show(typed).path) == os.fsencode(photo)
    assert library.preview(nfc(photo)) is not None


@pytest.mark.parametrize("is_away", [False, True])
def test_a_folder_is_searched_whichever_way_its_accents_are_typed(library: Library, photo: Path, is_away: bool) -> None:
    if is_away:
        away(photo)
        library.index()
    for typed in (nfc(photo.parent), nfd(photo.parent)):
        assert [hit.path for hit in library.search("red", folder=typed)] == [str(photo)]


def test_a_picture_to_compare_with_is_found_whichever_way_it_is_typed(library: Library, photo: Path) -> None:
    other = paint(photo.parent / "other.jpg")
    library.index()
    assert [hit.path for hit in library.similar(nfc(photo))] == [str(other)]


def test_a_problem_is_shown_whichever_way_it_is_typed(library: Library, photo: Path) -> None:
    broken = photo.with_name(nfd("kaputté.jpg"))
    broken.write_text("no picture")
    library.index()
    assert library.show(nfc(broken)).path == str(broken)


def test_a_folder_is_indexed_under_the_name_the_disk_lists(library: Library, photo: Path) -> None:
    assert library.index([nfc(photo.parent)]).unchanged == 1
    assert len(library.roots()) == 1
    assert check_folder(nfc(photo.parent)) == str(photo.parent)


def test_where_both_forms_are_on_the_disk_each_is_itself(library: Library, tmp_path: Path) -> None:
    if not forms_differ(tmp_path):
        pytest.skip("needs a file system that keeps both forms apart")
    composed, decomposed = paint(tmp_path / "p" / nfc("é.jpg")), paint(tmp_path / "p" / nfd("é.jpg"))
    library.index([str(tmp_path / "p")])
    for photo in (composed, decomposed):
        assert library.show(str(photo)).path == str(photo)


@pytest.mark.parametrize("typed", ["café.jpg", "nobody.jpg", "ünbekannt.jpg"])
def test_what_is_not_in_the_library_stays_unknown(library: Library, photo: Path, tmp_path: Path, typed: str) -> None:
    with pytest.raises(LibraryError, match="is not in the library"):
        library.show(str(tmp_path / "photos" / typed))


def test_names_that_are_not_there_stay_as_they_were_typed(tmp_path: Path) -> None:
    for path in (str(tmp_path / "a" / "Ä.jpg"), "/", str(tmp_path), "\0", str(tmp_path / "x\0y")):
        assert as_listed(path) == path


def test_case_counts_where_the_file_system_says_so(tmp_path: Path) -> None:
    paint(tmp_path / "Photo.jpg")
    expected = "Photo.jpg" if (tmp_path / "photo.JPG").exists() else "photo.JPG"
    assert as_listed(str(tmp_path / "photo.JPG")) == str(tmp_path / expected)


def test_case_is_corrected_where_both_names_lead_to_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paint(tmp_path / "Grüße" / "Photo.jpg")
    # A file system that ignores case, as far as anybody can ask it.
    monkeypatch.setattr(scan, "is_one_file", lambda path, other: path.casefold() == other.casefold())
    monkeypatch.setattr(
        os, "listdir", lambda folder, listdir=os.listdir: listdir(str(folder).replace("GRÜSSE", "Grüße"))
    )
    assert as_listed(str(tmp_path / "GRÜSSE" / "photo.JPG")) == str(tmp_path / "Grüße" / "Photo.jpg")
