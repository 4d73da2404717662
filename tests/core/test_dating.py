"""Dates of photos in a library: where they come from, and that they follow files, names and releases."""

import os
from pathlib import Path

import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base

from imgfind.core.database import Database
from imgfind.core.library import Library
from imgfind.core.store import PhotoDetails, dating
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint

SIDECAR = '<d xmlns:e="http://ns.adobe.com/exif/1.0/" e:DateTimeOriginal="{}"/>'


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of four photos whose dates are from four sources."""
    folder = tmp_path / "photos"
    for name in ("exif 2003-03-03", "sidecar 2003-03-03", "2003-03-03 name", "file"):
        paint(folder / f"{name}.jpg")
    tags = Image.Exif()
    tags.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "2001:01:01 01:01:01"
    Image.new("RGB", (64, 48), "green").save(folder / "exif 2003-03-03.jpg", exif=tags)
    for name in ("exif", "sidecar"):
        (folder / f"{name} 2003-03-03.xmp").write_text(SIDECAR.format("2002-02-02"))
    os.utime(folder / "file.jpg", (1_000_000_000, 1_000_000_000))
    return folder


@pytest.fixture
def library(tmp_path: Path, photos: Path) -> Library:
    """Return a library of these photos."""
    library = Library(tmp_path / "library", load_encoder=FakeEncoder)
    library.index([str(photos)])
    return library


def dates(library: Library) -> dict[str, tuple[str, str]]:
    """Return name -> day and source of every photo."""
    found = {}
    for hit in library._ready(1).store.newest([], 100):
        details = library.show(hit.path)
        assert isinstance(details, PhotoDetails)
        assert details.taken_at == hit.taken_at
        found[Path(hit.path).name] = ((details.taken_at or "")[:10], details.taken_at_source or "")
    return found


DATES = {
    "exif 2003-03-03.jpg": ("2001-01-01", "exif"),
    "sidecar 2003-03-03.jpg": ("2002-02-02", "xmp"),
    "2003-03-03 name.jpg": ("2003-03-03", "name"),
    "file.jpg": ("2001-09-09", "file"),
}


def test_every_photo_has_the_best_date_there_is(library: Library) -> None:
    assert dates(library) == DATES


def test_more_photos_than_a_page_all_get_their_date(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    undate(library, "UPDATE photos SET taken_at = NULL")
    monkeypatch.setattr(dating, "_PAGE", 3)
    library.index()
    assert dates(library) == DATES


def undate(library: Library, *statements: str) -> None:
    library.close()
    database = Database(library.folder / "catalog.sqlite3")
    for statement in statements:
        database.execute(statement)
    database.close()


def test_a_renamed_photo_is_dated_by_its_new_name(library: Library, photos: Path) -> None:
    (photos / "2003-03-03 name.jpg").rename(photos / "2004-04-04 name.jpg")
    (photos / "file.jpg").rename(photos / "2005-05-05.jpg")
    summary = library.index()
    assert (summary.moved, summary.reused, summary.encoded) == (2, 0, 0)
    found = dates(library)
    assert found["2004-04-04 name.jpg"] == ("2004-04-04", "name")
    assert found["2005-05-05.jpg"] == ("2005-05-05", "name")


def test_a_photo_that_leaves_its_sidecar_loses_what_it_said(library: Library, photos: Path) -> None:
    (photos / "away").mkdir()
    (photos / "sidecar 2003-03-03.jpg").rename(photos / "away" / "sidecar 2003-03-03.jpg")
    library.index()
    assert dates(library)["sidecar 2003-03-03.jpg"] == ("2003-03-03", "name")


def test_copies_have_dates_of_their_own(library: Library, photos: Path) -> None:
    (photos / "2006-06-06 copy.jpg").write_bytes((photos / "2003-03-03 name.jpg").read_bytes())
    (photos / "exif copy.jpg").write_bytes((photos / "exif 2003-03-03.jpg").read_bytes())
    assert library.index().reused == 2
    assert dates(library) == DATES | {
        "2006-06-06 copy.jpg": ("2006-06-06", "name"),
        "exif copy.jpg": ("2001-01-01", "exif"),
    }


def test_a_file_written_again_is_dated_again(library: Library, photos: Path) -> None:
    paint(photos / "file.jpg")
    library.index()
    assert dates(library)["file.jpg"][0] > "2001-09-09"


def test_photos_that_are_away_get_a_date_but_no_look_at_sidecars(
    library: Library, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undate(library, "UPDATE photos SET taken_at = NULL, taken_at_source = NULL, offline = 1")
    monkeypatch.setattr("imgfind.core.taken.from_sidecar", lambda path: pytest.fail(f"looked beside {path}"))
    photos.rename(tmp_path / "unplugged")
    library.index()
    assert dates(library) == DATES | {"sidecar 2003-03-03.jpg": ("2003-03-03", "name")}


# Libraries of an older release

AS_AN_OLDER_RELEASE_LEFT_IT = (
    "UPDATE contents SET decode_version = 1, exposure_s = NULL, camera = NULL",
    "UPDATE photos SET taken_at = NULL, taken_at_source = NULL",
)


def test_what_an_older_release_read_is_read_again_without_encoding(
    library: Library, photos: Path, tmp_path: Path
) -> None:
    tags = Image.Exif()
    tags[Base.Model] = "X100"
    tags.get_ifd(IFD.Exif)[Base.ExposureTime] = 0.5
    Image.new("RGB", (64, 48), "blue").save(photos / "camera.jpg", exif=tags)
    (photos / "copy of camera.jpg").write_bytes((photos / "camera.jpg").read_bytes())
    library.index()
    undate(library, *AS_AN_OLDER_RELEASE_LEFT_IT)

    def no_encoder(*_arguments: object, **_options: object) -> FakeEncoder:
        pytest.fail("an encoder was loaded")

    with Library(library.folder, load_encoder=no_encoder) as newer:
        summary = newer.index()
        assert (summary.encoded, summary.reused, summary.unchanged, summary.problems) == (0, 6, 0, 0)
        shown = newer.show(str(photos / "camera.jpg"))
        assert isinstance(shown, PhotoDetails)
        assert (shown.facts.camera, shown.facts.exposure_s) == ("X100", 0.5)
        summary = newer.index()
        assert (summary.encoded, summary.reused, summary.unchanged) == (0, 0, 6)
    assert dates(library).items() >= DATES.items()


def test_new_and_old_contents_come_in_one_run_and_only_the_new_are_encoded(library: Library, photos: Path) -> None:
    undate(library, *AS_AN_OLDER_RELEASE_LEFT_IT)
    paint(photos / "new.jpg")
    summary = library.index()
    assert (summary.encoded, summary.reused, summary.unchanged) == (1, 4, 0)
    store = library._ready(1).store
    assert store.database.value("SELECT count(*) FROM vectors") == 5
    assert store.database.value("SELECT count(*) FROM contents WHERE decode_version < 2") == 0


def test_an_old_content_that_can_no_longer_be_read_keeps_what_was_known_while_that_may_pass(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undate(library, *AS_AN_OLDER_RELEASE_LEFT_IT)
    from imgfind.core import reading
    from imgfind.core.errors import UnreadablePhotoError

    def fail(path: str, *_arguments: object, **_options: object) -> object:
        raise UnreadablePhotoError("no permission to read the file", transient=True)

    with monkeypatch.context() as patch:
        patch.setattr(reading, "read_photo", fail)
        assert library.index().problems == 4
    assert dates(library) == DATES
    assert library.index().reused == 4
    assert library.problems() == []
