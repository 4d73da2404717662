"""Files that are one shot."""

import os
from pathlib import Path

import pytest

from imgfind.core.library import Library
from imgfind.core.pairs import Pair, belonging, films_beside, has_film, pairs_of
from tests.command_line import CommandLine
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint
from tests.raw_files import write_dng


@pytest.mark.parametrize(
    ("path", "beside", "kinds"),
    [
        ("/p/IMG_1.CR2", ["/p/IMG_1.JPG"], ["raw+jpeg"]),
        ("/p/IMG_1.jpg", ["/p/IMG_1.dng"], ["raw+jpeg"]),
        ("/p/IMG_1.HIF", ["/p/IMG_1.CR3"], ["raw+jpeg"]),
        ("/p/IMG_1.HEIC", ["/p/IMG_1.MOV"], ["live photo"]),
        ("/p/IMG_1.JPG", ["/p/IMG_1.mov"], ["live photo"]),
        ("/p/IMG_1.HEIC", ["/p/IMG_1.DNG", "/p/IMG_1.MOV"], ["raw+jpeg", "live photo"]),
        ("/p/IMG_1.DNG", ["/p/IMG_1.MOV"], []),
        ("/p/IMG_1.JPG", ["/p/IMG_1.PNG"], []),
        ("/p/IMG_1.JPG", ["/p/IMG_1.HEIC"], []),
        ("/p/IMG_1.CR2", ["/p/IMG_10.JPG", "/q/IMG_1.JPG", "/p/img_1.JPG"], []),
        ("/p/a.b.CR2", ["/p/a.b.JPG", "/p/a.JPG"], ["raw+jpeg"]),
        ("/p/IMG_1", ["/p/IMG_1.JPG"], []),
    ],
)
def test_same_folder_and_name_and_fitting_suffixes_make_a_pair(path: str, beside: list[str], kinds: list[str]) -> None:
    assert pairs_of(path, beside) == tuple(Pair(kind, other) for kind, other in zip(kinds, beside, strict=False))


def test_a_film_is_looked_for_on_the_disk(tmp_path: Path) -> None:
    photo = tmp_path / "IMG_1.HEIC"
    assert films_beside(str(photo)) == []
    (tmp_path / "IMG_1.mov").touch()
    (tmp_path / "IMG_1.MP4").mkdir()
    assert [os.path.normcase(film) for film in films_beside(str(photo))] == [os.path.normcase(tmp_path / "IMG_1.mov")]


def test_show_tells_of_the_other_half(tmp_path: Path, imgfind: CommandLine) -> None:
    photos = tmp_path / "photos"
    jpeg = paint(photos / "IMG_1.JPG")
    raw = write_dng(photos / "IMG_1.DNG", size=(64, 48))
    paint(photos / "IMG_10.JPG")
    (photos / "IMG_1.MOV").write_bytes(b"film")
    with Library(tmp_path / "library", load_encoder=FakeEncoder) as library:
        summary = library.index([str(photos)])
        assert (summary.photos, summary.problems) == (3, 0)
        assert library.pairs(str(jpeg)) == (
            Pair("raw+jpeg", str(raw)),
            Pair("live photo", str(photos / "IMG_1.MOV")),
        )
        assert library.pairs(str(raw)) == (Pair("raw+jpeg", str(jpeg)),)
        assert library.pairs(str(photos / "IMG_10.JPG")) == ()

    shown = imgfind("show", str(jpeg), "--library", str(tmp_path / "library"))
    assert f"raw+jpeg with {raw}" in shown.text
    pairs = imgfind("show", str(raw), "--json", "--library", str(tmp_path / "library")).json["pairs"]
    assert pairs == [{"kind": "raw+jpeg", "path": str(jpeg), "uri": jpeg.as_uri()}]


@pytest.mark.parametrize(
    "name", ["a-edit.jpg", "a-Edit-2.tif", "a_edited.jpg", "a (edited).jpg", "a(edited).png", "a-edited.jpg"]
)
def test_an_edited_export_belongs_to_its_photo(name):
    assert belonging("/p/a.jpg", f"/p/{name}") == "edit"
    assert belonging(f"/p/{name}", "/p/a.jpg") == "edit"


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("/p/a.jpg", "/q/a-edit.jpg"),
        ("/p/a.jpg", "/p/b-edit.jpg"),
        ("/p/a-edit.jpg", "/p/a-edit-2.jpg"),
        ("/p/a.jpg", "/p/a.png"),
        ("/p/cr.jpg", "/p/credit.jpg"),
        ("/p/IMG_1.jpg", "/p/IMG_E1.jpg"),
    ],
)
def test_other_files_do_not_belong_together(path, other):
    assert belonging(path, other) is None


def test_raw_and_jpeg_of_one_shot_belong_together():
    assert belonging("/p/a.CR2", "/p/a.jpg") == "raw+jpeg"
    assert belonging("/p/IMG_0001.HEIC", "/p/IMG_E0001.heic") == "edit"


def test_a_film_beside_makes_a_still_of_a_live_photo():
    assert has_film("/p/a.HEIC", {"a.HEIC", "a.MOV"})
    assert not has_film("/p/a.HEIC", {"a.HEIC", "b.MOV"})
    assert not has_film("/p/a.png", {"a.MOV"})
