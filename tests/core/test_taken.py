"""When a photo was taken: the order of the sources, sidecars as programs write them, names as phones give them."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgfind.core.taken import MAX_SIDECAR_BYTES, Taken, from_file_time, from_name, from_sidecar, taken

ATTRIBUTES = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:{prefix}="{namespace}"
    {prefix}:{name}="{value}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
ELEMENTS = """<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:{prefix}="{namespace}">
   <{prefix}:{name}>
    {value}
   </{prefix}:{name}>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>"""
EXIF = {"prefix": "exif", "namespace": "http://ns.adobe.com/exif/1.0/", "name": "DateTimeOriginal"}
CREATED = {"prefix": "a", "namespace": "http://ns.adobe.com/xap/1.0/", "name": "CreateDate"}
PHOTOSHOP = {"prefix": "photoshop", "namespace": "http://ns.adobe.com/photoshop/1.0/", "name": "DateCreated"}


@pytest.fixture
def in_kathmandu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this machine stand where it is UTC+05:45 all year."""
    if not hasattr(time, "tzset"):
        pytest.skip("needs a clock whose zone can be set")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "NPT-5:45")
        time.tzset()
        yield
    time.tzset()


def xmp(tmp_path: Path, text: str | bytes, name: str = "IMG_1.xmp") -> str | None:
    """Return what a sidecar of this text tells of IMG_1.jpg."""
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return from_sidecar(str(tmp_path / "IMG_1.jpg"))


# The order of sources


@pytest.mark.parametrize(
    ("exif", "sidecar", "name", "expected"),
    [
        ("2001-01-01T00:00:00", "2002-02-02", "2003-03-03.jpg", Taken("2001-01-01T00:00:00", "exif")),
        (None, "2002-02-02", "2003-03-03.jpg", Taken("2002-02-02", "xmp")),
        (None, None, "2003-03-03.jpg", Taken("2003-03-03", "name")),
        (None, None, "dog.jpg", Taken("1970-01-02T05:45:00", "file")),
    ],
)
def test_the_camera_comes_first_then_the_sidecar_then_the_name_then_the_file(
    in_kathmandu: None, exif: str | None, sidecar: str | None, name: str, expected: Taken
) -> None:
    assert taken(f"/2020-01-01/{name}", 86_400 * 10**9, exif=exif, sidecar=sidecar) == expected


# Names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("IMG_20210506_070809.jpg", "2021-05-06T07:08:09"),
        ("IMG_20210506_070809_HDR(1).jpg", "2021-05-06T07:08:09"),
        ("PXL_20210506_070809123.jpg", "2021-05-06T07:08:09"),
        ("PXL_20210506_070809123.PORTRAIT.jpg", "2021-05-06T07:08:09"),
        ("20210506_070809.jpg", "2021-05-06T07:08:09"),
        ("20210506070809.jpg", "2021-05-06T07:08:09"),
        ("2021-05-06 07.08.09.jpg", "2021-05-06T07:08:09"),
        ("2021-05-06T07:08:09.jpg", "2021-05-06T07:08:09"),
        ("Screenshot_2021-05-06-07-08-09.png", "2021-05-06T07:08:09"),
        ("Screenshot_2021-05-06-07-08-09-123_com.app.png", "2021-05-06T07:08:09"),
        ("Screenshot_20210506-070809.png", "2021-05-06T07:08:09"),
        ("Screenshot 2021-05-06 at 07.08.09.png", "2021-05-06T07:08:09"),
        ("Screenshot 2021-05-06 at 7.08.09 AM.png", "2021-05-06T07:08:09"),
        ("Screenshot 2021-05-06 at 7.08.09\u202fPM.png", "2021-05-06T19:08:09"),
        ("Screenshot 2021-05-06 at 12.08.09 AM.png", "2021-05-06T00:08:09"),
        ("WhatsApp Image 2021-05-06 at 07.08.09.jpeg", "2021-05-06T07:08:09"),
        ("signal-2021-05-06-070809.jpg", "2021-05-06T07:08:09"),
        ("signal-2021-05-06-07-08-09-123.jpg", "2021-05-06T07:08:09"),
        ("photo_2021-05-06_07-08-09.jpg", "2021-05-06T07:08:09"),
        ("VID_20210506_070809.jpg", "2021-05-06T07:08:09"),
        ("IMG-20210506-WA0001.jpg", "2021-05-06"),
        ("Scan_20210506.jpg", "2021-05-06"),
        ("Scan20210506.jpg", "2021-05-06"),
        ("2021-05-06 Birthday.jpg", "2021-05-06"),
        ("2021.05.06.jpg", "2021-05-06"),
        ("20200229.jpg", "2020-02-29"),
        # A time that does not exist leaves the day, a day that does not exist leaves the next one.
        ("IMG_20210506_240000.jpg", "2021-05-06"),
        ("2021-05-06 13.08.09 PM.jpg", "2021-05-06"),
        ("20210229_000000 20210301.jpg", "2021-03-01"),
    ],
)
def test_names_of_phones_messengers_and_scanners_tell_when(name: str, expected: str) -> None:
    assert from_name(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        *("IMG_1234.jpg", "DSC_20210.jpg", "IMG_20211306_070809.jpg", "20210631.jpg", "18210506.jpg", "21000506.jpg"),
        *("1234520210506.jpg", "202105061.jpg", "2021-0506.jpg", "1620284889123.jpg", "2021.jpg", ""),
        "photo.20210506",
        "\u0662\u0660\u0662\u0661-05-06.jpg",
    ],
)
def test_other_names_tell_nothing(name: str) -> None:
    assert from_name(name) is None


# The file's time


@pytest.mark.parametrize(
    ("mtime_ns", "expected"),
    [
        (1_620_284_889_999_999_999, "2021-05-06T12:53:09"),
        (0, "1970-01-01T05:45:00"),
        (-1, "1970-01-01T05:44:59"),
        (2**63 - 1, "2262-04-12T05:32:16"),
    ],
)
def test_a_file_time_is_told_by_the_clock_on_the_wall(in_kathmandu: None, mtime_ns: int, expected: str) -> None:
    assert from_file_time(mtime_ns) == expected


def test_every_time_a_catalogue_can_hold_is_told() -> None:
    assert from_file_time(-(2**63)).startswith("1677-09-2")


# Sidecars


@pytest.mark.parametrize("form", [ATTRIBUTES, ELEMENTS])
@pytest.mark.parametrize("tag", [EXIF, CREATED, PHOTOSHOP])
def test_each_date_of_a_sidecar_is_found_in_either_form(tmp_path: Path, form: str, tag: dict[str, str]) -> None:
    assert xmp(tmp_path, form.format(**tag, value="2021-05-06T07:08:09+02:00")) == "2021-05-06T07:08:09+02:00"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2021-05-06T07:08:09.123", "2021-05-06T07:08:09"),
        ("2021-05-06T07:08", "2021-05-06T07:08:00"),
        ("2021-05-06T07:08:09Z", "2021-05-06T07:08:09+00:00"),
        ("2021:05:06 07:08:09", "2021-05-06T07:08:09"),
        ("2021-05-06", "2021-05-06"),
        ("2021-05", None),
        ("2021-02-30", None),
        ("2021-05-06T25:08:09", None),
        ("0000-00-00T00:00:00", None),
        ("soon", None),
        ("", None),
    ],
)
def test_dates_of_sidecars_are_checked(tmp_path: Path, value: str, expected: str | None) -> None:
    assert xmp(tmp_path, ATTRIBUTES.format(**EXIF, value=value)) == expected


def test_the_date_nearest_to_the_shutter_counts(tmp_path: Path) -> None:
    document = """<d xmlns:e="http://ns.adobe.com/exif/1.0/" xmlns:x="http://ns.adobe.com/xap/1.0/"
        x:CreateDate="2022-02-02" {}/>"""
    assert xmp(tmp_path, document.format('e:DateTimeOriginal="2001-01-01"')) == "2001-01-01"
    assert xmp(tmp_path, document.format('e:DateTimeOriginal="never"')) == "2022-02-02"


def test_a_sidecar_may_keep_or_replace_the_suffix_of_the_photo(tmp_path: Path) -> None:
    photo = str(tmp_path / "IMG_1.jpg")
    assert from_sidecar(photo) is None
    for day, name in enumerate(("IMG_1.XMP", "IMG_1.xmp", "IMG_1.jpg.XMP", "IMG_1.jpg.xmp"), start=1):
        # On a disk that does not tell upper from lower case the file before is written over.
        assert xmp(tmp_path, ATTRIBUTES.format(**EXIF, value=f"2021-05-0{day}"), name) == f"2021-05-0{day}"


def test_a_sidecar_without_a_date_leaves_the_word_to_the_other(tmp_path: Path) -> None:
    (tmp_path / "IMG_1.jpg.xmp").write_text("<empty/>")
    assert xmp(tmp_path, ATTRIBUTES.format(**EXIF, value="2021-05-06")) == "2021-05-06"


BOMB = '<!DOCTYPE d [<!ENTITY a "{}"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'.format("ha" * 1000)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\0" * 1000,
        b"\xff\xd8\xff\xe0 a photo",
        b"<open>",
        b'<?xml version="1.0" encoding="klingon"?><d/>',
        ATTRIBUTES.format(**EXIF, value="2021-05-06").encode()[:-30],
        (BOMB + ELEMENTS.format(**EXIF, value="2021-05-06")).encode(),
        (BOMB + ELEMENTS.format(**EXIF, value="2021-05-06&b;")).encode("utf-16"),
        ATTRIBUTES.format(**EXIF, value="2021-05-06").encode().ljust(MAX_SIDECAR_BYTES + 1),
        b"<a>" * 300_000,
    ],
    ids=["empty", "zeros", "photo", "open", "klingon", "cut", "doctype", "entities", "long", "deep"],
)
def test_a_broken_or_hostile_sidecar_is_no_answer(tmp_path: Path, document: bytes) -> None:
    assert xmp(tmp_path, document) is None


def test_a_sidecar_as_long_as_may_be_is_read(tmp_path: Path) -> None:
    text = ATTRIBUTES.format(**EXIF, value="2021-05-06").encode()
    assert xmp(tmp_path, text.ljust(MAX_SIDECAR_BYTES)) == "2021-05-06"


def test_a_folder_called_like_a_sidecar_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "IMG_1.xmp").mkdir()
    assert from_sidecar(str(tmp_path / "IMG_1.jpg")) is None
