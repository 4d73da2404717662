"""The demo: its errors, its answers on one's own photos, and the sheet it draws."""

import io
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from tests.pictures import paint

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the demo, which imports its neighbours by their bare names as scripts do, with a folder of its own."""
    monkeypatch.syspath_prepend(REPOSITORY / "packaging")
    import demo

    monkeypatch.setattr(demo, "DEMO", tmp_path / "demo")
    return demo


@pytest.fixture
def contact_sheet(demo: ModuleType) -> ModuleType:
    return demo.contact_sheet


def jpeg(colour: tuple[int, int, int], size: tuple[int, int] = (300, 200)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue()


def test_own_photos_are_asked_for_and_drawn(
    demo: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, colour in {"b.jpg": (200, 30, 30), 'a dir/ä "1".jpg': (30, 30, 200)}.items():
        paint(tmp_path / "photos" / name, colour)

    demo.main([f"--photos={tmp_path / 'photos'}", f"--sheet={tmp_path / 'new' / 'sheet.jpg'}"])
    first = capsys.readouterr().out
    demo.main([f"--photos={tmp_path / 'photos'}", f"--sheet={tmp_path / 'new' / 'sheet.jpg'}"])
    second = capsys.readouterr().out

    assert "2 photos in the library: 2 new;" in first
    assert "2 photos in the library: 0 new, 2 known from an earlier run;" in second
    assert "\nWords: people\n  1  " in first
    assert "\nA picture: b.jpg\n" in first  # files of a folder come before those of its sub-folders
    assert "\nA picture and words: b.jpg + people\n" in first
    with Image.open(tmp_path / "new" / "sheet.jpg") as sheet:
        assert sheet.format == "JPEG"


def test_each_choice_of_folders_has_a_library_of_its_own(demo: ModuleType) -> None:
    samples = str(demo.DEMO / "photos")
    choices = [[samples], [samples, "/data"], ["/data"], ["/own"]]

    libraries = {demo.library_of(folders) for folders in choices}

    assert len(libraries) == len(choices)
    assert {library.parent for library in libraries} == {demo.DEMO}


@pytest.mark.parametrize("content", [None, b"not a picture"])
def test_a_folder_without_a_readable_photo_is_an_error_in_one_sentence(
    demo: ModuleType, tmp_path: Path, content: bytes | None
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    if content is not None:
        (photos / "a.jpg").write_bytes(content)

    with pytest.raises(SystemExit) as end:
        demo.main([f"--photos={photos}"])

    assert str(end.value.code).startswith("demo: There is no ")
    assert str(photos) in str(end.value.code)


def test_a_folder_that_is_not_there_is_an_error_in_one_sentence(demo: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as end:
        demo.main([f"--photos={tmp_path / 'nowhere'}"])

    assert str(tmp_path / "nowhere") in str(end.value.code)


def test_a_reader_that_has_seen_enough_ends_the_demo_silently(demo: ModuleType, tmp_path: Path) -> None:
    paint(tmp_path / "photos" / "a.jpg")
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        [sys.executable, demo.__file__, f"--photos={tmp_path / 'photos'}", f"--sheet={tmp_path / 'sheet.png'}"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (0, b"")


def test_samples_are_laid_out_once_and_mended_where_they_changed(demo: ModuleType, tmp_path: Path) -> None:
    sample = demo.samples.load()
    demo.samples.lay_out(sample, tmp_path)
    cat, moon = (tmp_path / sample.path(name) for name in ("chelsea.png", "moon.png"))
    untouched = moon.stat().st_mtime_ns, moon.stat().st_ino, moon.stat().st_ctime_ns
    right = cat.read_bytes()
    cat.write_bytes(b"something else")

    demo.samples.lay_out(sample, tmp_path)

    assert cat.read_bytes() == right
    assert (moon.stat().st_mtime_ns, moon.stat().st_ino, moon.stat().st_ctime_ns) == untouched
    assert len([file for file in tmp_path.rglob("*") if file.is_file()]) == len(sample.names)


def test_a_sheet_shows_query_and_photos_in_their_order(contact_sheet: ModuleType) -> None:
    red, blue, green = (200, 20, 20), (20, 20, 200), (20, 160, 20)
    tiles = [contact_sheet.Tile(jpeg(colour), 0.5, "x.jpg") for colour in (red, blue)]
    row = contact_sheet.Row("a picture", "", jpeg(green), "q.jpg", tiles)

    sheet = np.asarray(contact_sheet.draw([row], title="t", subtitle="s", footer="f", columns=2)).astype(int)

    columns = [np.nonzero(np.abs(sheet - colour).max(axis=2) < 12)[1] for colour in (green, red, blue)]
    assert [len(found) > 100 for found in columns] == [True] * 3
    assert columns[0].max() < columns[1].min() <= columns[1].max() < columns[2].min()


def test_a_photo_without_a_preview_leaves_an_empty_place(contact_sheet: ModuleType) -> None:
    row = contact_sheet.Row("words", "sea", None, "", [contact_sheet.Tile(None, 0.5, "x.jpg")])

    sheet = contact_sheet.draw([row], title="", subtitle="", footer="", columns=1)

    empty = sum(count for count, colour in sheet.getcolors(2**24) if colour == contact_sheet.NO_PREVIEW)
    assert empty > contact_sheet.TILE_PX**2 / 2


def test_without_a_font_for_them_letters_are_replaced_and_not_drawn_as_boxes(
    contact_sheet: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_sheet, "WIDE_FONTS", ())

    assert contact_sheet._lettering("Bär am Fluß…", 16)[1] == "Bar am Flu?..."


@pytest.mark.parametrize("text", ["short.jpg", "a" * 200 + ".jpg", "W" * 50])
def test_names_fit_the_room_they_have(contact_sheet: ModuleType, text: str) -> None:
    elided = contact_sheet._elided(text, 16, 120)

    assert contact_sheet._width(elided, 16) <= 120
    assert elided == text or ("…" in elided and elided[-1] == text[-1])
