"""Tests of the facts read from EXIF, each written into a real JPEG and read back."""

import io
import math
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base
from PIL.TiffImagePlugin import IFDRational

from imgfind.core import exif as exif_facts


def written(
    main: dict[int, Any] | None = None, details: dict[int, Any] | None = None, gps: dict[int, Any] | None = None
) -> Image.Exif:
    """Return the tags as they come back from a JPEG file."""
    tags = Image.Exif()
    tags.update(main or {})
    tags.get_ifd(IFD.Exif).update(details or {})
    tags.get_ifd(IFD.GPSInfo).update(gps or {})
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG", exif=tags)
    return Image.open(out).getexif()


def located(latitude: Any, north: Any, longitude: Any, east: Any) -> tuple[float, float] | None:
    gps = {
        GPS.GPSLatitude: latitude,
        GPS.GPSLatitudeRef: north,
        GPS.GPSLongitude: longitude,
        GPS.GPSLongitudeRef: east,
    }
    return exif_facts.position(written(gps={tag: value for tag, value in gps.items() if value is not None}))


def test_the_original_moment_comes_first_with_its_own_offset() -> None:
    details = {
        Base.DateTimeOriginal: "2021:05:06 07:08:09",
        Base.OffsetTimeOriginal: "+02:00",
        Base.SubsecTimeOriginal: "123",
        Base.DateTimeDigitized: "2022:01:01 00:00:00",
        Base.OffsetTimeDigitized: "-05:00",
    }
    tags = written({Base.DateTime: "2023:01:01 00:00:00"}, details)
    assert exif_facts.taken_at(tags) == "2021-05-06T07:08:09+02:00"


def test_later_moments_stand_in_for_a_missing_or_senseless_original() -> None:
    digitized = {Base.DateTimeDigitized: "2022:01:02 03:04:05", Base.OffsetTimeDigitized: "-05:00"}
    assert exif_facts.taken_at(written(details=digitized)) == "2022-01-02T03:04:05-05:00"
    unset = {Base.DateTimeOriginal: "0000:00:00 00:00:00", Base.DateTimeDigitized: "    :  :     :  :  "}
    assert exif_facts.taken_at(written({Base.DateTime: "2023:01:01 10:00:00"}, unset)) == "2023-01-01T10:00:00"


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2021-05-06 07:08:09", "2021-05-06T07:08:09"),
        ("2021:05:06 07:08", "2021-05-06T07:08:00"),
        ("2021:05:06 07:08:09\0garbage", "2021-05-06T07:08:09"),
        ("2021:02:30 07:08:09", None),
        ("2021:05:06 24:00:00", None),
        ("0001:01:01 00:00:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_moments_are_read_as_cameras_write_them_and_garbage_is_none(stamp: str, expected: str | None) -> None:
    assert exif_facts.taken_at(written(details={Base.DateTimeOriginal: stamp})) == expected


@pytest.mark.parametrize("offset", ["", "Paris", "+25:00", "02:00", "+02:99"])
def test_a_senseless_offset_is_dropped_and_the_moment_kept(offset: str) -> None:
    details = {Base.DateTimeOriginal: "2021:05:06 07:08:09", Base.OffsetTimeOriginal: offset}
    assert exif_facts.taken_at(written(details=details)) == "2021-05-06T07:08:09"


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("Apple", "iPhone 4", "Apple iPhone 4"),
        ("Canon", "Canon EOS 7D", "Canon EOS 7D"),
        ("NIKON CORPORATION", "NIKON D5000", "NIKON D5000"),
        ("EASTMAN KODAK COMPANY", "KODAK DC3400", "KODAK DC3400"),
        ("Canon", None, "Canon"),
        (None, "X100", "X100"),
        (" \0", "  ", None),
        (None, None, None),
        ("Evil\x1b[31m\nCam\u202e", "\x07One", "Evil[31m Cam One"),
        ("Olympus μ", "800", "Olympus μ 800"),
    ],
)
def test_a_camera_is_maker_and_model_said_once(make: str | None, model: str | None, expected: str | None) -> None:
    values = {Base.Make: make and make.encode(), Base.Model: model and model.encode()}
    assert exif_facts.camera(written({tag: value for tag, value in values.items() if value})) == expected


def test_texts_are_capped() -> None:
    tags = written({Base.Make: "m" * 5000, Base.Model: "x" * 5000}, {Base.LensModel: "l" * 5000})
    assert len(exif_facts.camera(tags) or "") == 200
    assert exif_facts.lens(tags) == "l" * 200


def test_the_lens_is_its_model() -> None:
    assert exif_facts.lens(written(details={Base.LensModel: "EF50mm f/1.8 STM\0\0"})) == "EF50mm f/1.8 STM"
    assert exif_facts.lens(written()) is None


def test_an_exposure_is_read_as_numbers() -> None:
    details = {
        Base.ExposureTime: IFDRational(1, 250),
        Base.FNumber: IFDRational(28, 10),
        Base.ISOSpeedRatings: 400,
        Base.FocalLength: IFDRational(50, 1),
        Base.FocalLengthIn35mmFilm: 75,
    }
    tags = written(details=details)
    assert exif_facts.exposure_s(tags) == pytest.approx(0.004)
    assert exif_facts.f_number(tags) == pytest.approx(2.8)
    assert exif_facts.iso(tags) == 400
    assert exif_facts.focal_length_mm(tags) == 50


EXPOSURES = {
    Base.ExposureTime: exif_facts.exposure_s,
    Base.FNumber: exif_facts.f_number,
    Base.ISOSpeedRatings: exif_facts.iso,
    Base.FocalLength: exif_facts.focal_length_mm,
}


@pytest.mark.parametrize("tag", EXPOSURES)
@pytest.mark.parametrize(
    "value",
    [
        None,
        0,
        -1,
        math.inf,
        math.nan,
        10**9,
        "50",
        b"50",
        (),
        (None,),
        {"no": "number"},
        IFDRational(1, 0),
        IFDRational(0, 0),
    ],
    ids=repr,
)
def test_an_impossible_exposure_is_none(tag: int, value: Any) -> None:
    tags = Image.Exif()
    tags.get_ifd(IFD.Exif)[tag] = value
    assert EXPOSURES[tag](tags) is None


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({Base.ISOSpeedRatings: (200, 0)}, 200),
        ({Base.ISOSpeedRatings: 65535, Base.RecommendedExposureIndex: 102400}, 102400),
        ({Base.ISOSpeedRatings: 65535}, None),
        ({Base.ISOSpeed: 100}, 100),
        ({Base.ISOSpeedRatings: 0.2}, None),
    ],
)
def test_a_sensitivity_too_large_for_its_tag_is_in_another_one(details: dict[int, Any], expected: int | None) -> None:
    tags = Image.Exif()
    tags.get_ifd(IFD.Exif).update(details)
    assert exif_facts.iso(tags) == expected


def test_positions_are_signed_degrees() -> None:
    assert located((48.0, 51.0, 30.0), "N", (2.0, 17.0, 40.2), "E") == pytest.approx((48.858333, 2.2945), abs=1e-6)
    assert located((33.0, 51.5, 0.0), "S", (151.0, 12.0, 36.0), "W") == pytest.approx((-33.858333, -151.21), abs=1e-6)


@pytest.mark.parametrize(
    ("latitude", "north", "longitude", "east"),
    [
        ((91.0, 0.0, 0.0), "N", (2.0, 0.0, 0.0), "E"),
        ((48.0, 0.0, 0.0), "N", (181.0, 0.0, 0.0), "E"),
        ((48.0, 0.0, 0.0), "N", None, "E"),
        ((48.0, 0.0, 0.0), None, (2.0, 0.0, 0.0), "E"),
        ((48.0, 0.0, 0.0), "E", (2.0, 0.0, 0.0), "N"),
        ((0.0, 0.0, 0.0), "N", (0.0, 0.0, 0.0), "E"),
        ((IFDRational(0, 0), IFDRational(0, 0), IFDRational(0, 0)), "N", (2.0, 0.0, 0.0), "E"),
        ((48.0, IFDRational(1, 0), 0.0), "N", (2.0, 0.0, 0.0), "E"),
    ],
)
def test_impossible_positions_are_none(latitude: Any, north: Any, longitude: Any, east: Any) -> None:
    assert located(latitude, north, longitude, east) is None


def test_a_position_given_as_text_or_nonsense_is_none() -> None:
    tags = Image.Exif()
    tags.get_ifd(IFD.GPSInfo).update(
        {GPS.GPSLatitude: "north", GPS.GPSLatitudeRef: b"N\0", GPS.GPSLongitude: (math.inf,), GPS.GPSLongitudeRef: "E"}
    )
    assert exif_facts.position(tags) is None


@pytest.mark.parametrize(
    ("value", "expected"), [(1, 1), (6, 6), (8, 8), (0, 1), (9, 1), (-3, 1), ("6", 1), ((6, 6), 1), (None, 1)]
)
def test_only_the_eight_orientations_count(value: Any, expected: int) -> None:
    tags = Image.Exif()
    if value is not None:
        tags[Base.Orientation] = value
    assert exif_facts.orientation(tags) == expected


def test_real_cameras_are_understood(test_data: Path) -> None:
    with Image.open(test_data / "photos" / "camera" / "Apple iPhone 4.jpg") as image:
        tags = image.getexif()
        assert exif_facts.camera(tags) == "Apple iPhone 4"
        assert exif_facts.taken_at(tags) == "2011-01-13T14:33:39"
        assert exif_facts.position(tags) == pytest.approx((41.853, 12.4888333))
        assert exif_facts.exposure_s(tags) == pytest.approx(1 / 15)
        assert (exif_facts.f_number(tags), exif_facts.iso(tags)) == (2.8, 500)
        assert exif_facts.focal_length_mm(tags) == pytest.approx(3.85)
    with Image.open(test_data / "photos" / "heic" / "Issue 649.avif") as image:
        assert exif_facts.lens(image.getexif()) == "EF50mm f/1.8 STM"
