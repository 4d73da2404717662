"""Files that are one shot."""

import os
from pathlib import Path

import pytest

from imgfind.core.library import Library
from imgfind.core.pairs import Pair, films_beside, pairs_of
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
