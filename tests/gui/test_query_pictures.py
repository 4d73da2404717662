"""Pictures that are dropped and pasted, in the forms other programs offer them."""

import os
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QSize, QUrl
from PySide6.QtGui import QColor, QImage

from imgfind.core import Library, LibraryError
from imgfind.core.access import QUERIES_FOLDER
from imgfind.core.query import ImageTerm, Region
from imgfind.gui import query_pictures
from tests.fake_encoder import FakeEncoder
from tests.pictures import age, paint


def urls(*encoded: bytes) -> QMimeData:
    """Return what a file manager offers: an encoded list of addresses."""
    mime = QMimeData()
    mime.setData("text/uri-list", b"".join(line + b"\r\n" for line in encoded))
    return mime


def bitmap(colour: str = "red") -> QImage:
    image = QImage(40, 30, QImage.Format.Format_RGB32)
    image.fill(QColor(colour))
    return image


def test_files_are_taken_by_their_exact_names(tmp_path: Path) -> None:
    mime = urls(b"file:///a/caf%C3%A9%20%23%3F.jpg", b"file:///a/caf%E9.HEIC", b"file://localhost/a/new%0Aline.png")
    assert query_pictures.paths_in(mime) == [
        "/a/café #?.jpg",
        os.fsdecode(b"/a/caf\xe9.HEIC"),
        "/a/new\nline.png",
    ]


def test_files_that_are_no_pictures_and_folders_are_left_out() -> None:
    mime = urls(b"file:///a/notes.txt", b"file:///a/Holidays", b"https://example.org/a.jpg", b"file://server/a.jpg")
    assert query_pictures.paths_in(mime) == []


def test_a_file_dropped_twice_is_one_and_a_drop_of_thousands_is_cut() -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(f"/a/{number // 2}.jpg") for number in range(1000)])
    assert query_pictures.paths_in(mime) == [f"/a/{number}.jpg" for number in range(query_pictures.MOST_PICTURES)]


def test_a_copied_picture_is_a_bitmap_and_text_with_a_picture_of_it_is_text() -> None:
    mime = QMimeData()
    assert not query_pictures.has_bitmap(mime)
    mime.setImageData(bitmap())
    assert query_pictures.has_bitmap(mime)
    assert query_pictures.bitmap_in(mime) is not None
    mime.setText("a cell of a table")
    assert not query_pictures.has_bitmap(mime)
    mime.setText("https://example.org/a.jpg")
    assert query_pictures.has_bitmap(mime)


def test_a_bitmap_is_kept_once_and_reads_back(tmp_path: Path) -> None:
    folder = tmp_path / "library" / "queries"
    path = query_pictures.keep(bitmap(), folder)
    assert query_pictures.keep(bitmap(), folder) == path
    assert [file.name for file in folder.iterdir()] == [Path(path).name]
    assert QImage(path).pixelColor(5, 5) == QColor("red")
    assert query_pictures.keep(bitmap("blue"), folder) != path


def test_a_picture_pasted_at_first_launch_does_not_stand_in_the_way_of_the_library(
    tmp_path: Path, photos: Path
) -> None:
    query_pictures.keep(bitmap(), tmp_path / "new" / QUERIES_FOLDER)
    with Library(tmp_path / "new", load_encoder=FakeEncoder) as library:
        assert library.index([str(photos)]).photos == 6


def test_old_pictures_go_unless_they_are_used_or_saved(tmp_path: Path) -> None:
    old, used, saved, new = (
        query_pictures.keep(bitmap(colour), tmp_path) for colour in ("red", "blue", "green", "white")
    )
    for path in (old, used, saved):
        age(Path(path), (query_pictures.KEPT_DAYS + 1) * 24 * 3600)
    query_pictures.keep(bitmap("blue"), tmp_path)
    query_pictures.forget_old(tmp_path, ["dog", f"image:{saved} - people"])
    assert sorted(tmp_path.iterdir()) == sorted(map(Path, (used, saved, new)))
    query_pictures.forget_old(tmp_path / "none", [])


def test_a_bitmap_that_cannot_be_kept_is_an_error_to_show(tmp_path: Path) -> None:
    (tmp_path / "queries").write_text("in the way")
    with pytest.raises(LibraryError, match="cannot be kept"):
        query_pictures.keep(bitmap(), tmp_path / "queries")


def test_a_thumbnail_shows_the_picture_or_its_region(tmp_path: Path) -> None:
    half_and_half = QImage(400, 300, QImage.Format.Format_RGB32)
    half_and_half.fill(QColor("red"))
    for x in range(200, 400):
        for y in range(300):
            half_and_half.setPixelColor(x, y, QColor("blue"))
    path = str(tmp_path / "two.png")
    half_and_half.save(path)
    whole = query_pictures.thumbnail(ImageTerm(path), QSize(100, 100))
    assert whole is not None
    assert whole.size() == QSize(100, 75)
    right = query_pictures.thumbnail(ImageTerm(path, 1, Region(60, 0, 100, 100)), QSize(100, 100))
    assert right is not None
    colour = right.pixelColor(right.rect().center())
    assert colour.blue() > 200 > colour.red()
    assert right.height() > right.width()


def test_no_thumbnail_of_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    assert query_pictures.thumbnail(ImageTerm(str(tmp_path / "bad.jpg")), QSize(9, 9)) is None
    assert query_pictures.thumbnail(ImageTerm(str(tmp_path / "gone.jpg")), QSize(9, 9)) is None


def test_the_picture_to_choose_from_has_its_own_pixels(tmp_path: Path) -> None:
    path = paint(tmp_path / "a.png", (0, 0, 255), size=(300, 200))
    image = query_pictures.large(str(path), 1000)
    assert (image.width(), image.height()) == (300, 200)
    assert image.pixelColor(10, 10).blue() > 200


@pytest.mark.parametrize("region", [Region(0, 0, 0.1, 0.1), Region(99.9, 99.9, 100, 100), Region(0, 0, 100, 100)])
def test_a_region_always_holds_a_pixel(region: Region) -> None:
    area = query_pictures.region_px(region, QSize(40, 30))
    assert area.width() >= 1
    assert area.height() >= 1
