"""What the camera wrote into a photo, read from EXIF with distrust.

Owns the meaning of the tags (EXIF 3.0, CIPA DC-008-2023). Does not open files and does not catch what Pillow raises
while it reads a broken directory: the caller asks for each fact under its own guard. Pure functions, safe on every
thread as long as each thread has its own ``Image.Exif``.
"""

import contextlib
import math
import re
import unicodedata
from datetime import datetime
from typing import Any, SupportsFloat

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

_MAX_TEXT_CHARS = 200
_FIRST_PHOTOGRAPH = 1826
"""Niépce's; earlier years are what a clock shows that was never set."""
_ISO_TOO_LARGE = 65_535
"""What ISOSpeedRatings, a 16-bit number, says for every greater one."""

_DATE_TIME = re.compile(r"(\d{4})[:/.-](\d\d)[:/.-](\d\d)[ T](\d\d):(\d\d)(?::(\d\d))?", re.ASCII)
_OFFSET = re.compile(r"[+-](0\d|1[0-4]):[0-5]\d", re.ASCII)


def orientation(exif: Image.Exif) -> int:
    """Return how the picture must be turned, 1-8; 1 (not at all) for anything else the file may say."""
    value = exif.get(Base.Orientation)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def taken_at(exif: Image.Exif) -> str | None:
    """Return when the photo was taken, digitized or else last changed, the first of the three that makes sense.

    ISO 8601 local time to the second, with the offset to UTC where the file states it.
    """
    details = exif.get_ifd(IFD.Exif)
    stamps = (
        (details.get(Base.DateTimeOriginal), details.get(Base.OffsetTimeOriginal)),
        (details.get(Base.DateTimeDigitized), details.get(Base.OffsetTimeDigitized)),
        (exif.get(Base.DateTime), details.get(Base.OffsetTime)),
    )
    return next((moment for stamp, offset in stamps if (moment := _moment(stamp, offset))), None)


def camera(exif: Image.Exif) -> str | None:
    """Return maker and model, without the maker where the model names it ("NIKON CORPORATION", "NIKON D5000")."""
    make, model = _text(exif.get(Base.Make)), _text(exif.get(Base.Model))
    if make and model and model.split()[0].casefold() in make.casefold().split():
        return model
    return " ".join(part for part in (make, model) if part)[:_MAX_TEXT_CHARS] or None


def lens(exif: Image.Exif) -> str | None:
    """Return the model of the lens."""
    return _text(exif.get_ifd(IFD.Exif).get(Base.LensModel))


def exposure_s(exif: Image.Exif) -> float | None:
    """Return how long the shutter was open, in seconds."""
    return _positive(exif.get_ifd(IFD.Exif).get(Base.ExposureTime), 86_400)


def f_number(exif: Image.Exif) -> float | None:
    """Return the aperture as an f-number."""
    return _positive(exif.get_ifd(IFD.Exif).get(Base.FNumber), 1_000)


def iso(exif: Image.Exif) -> int | None:
    """Return the sensitivity; where it exceeds the 16 bits of its first tag, from those that came for it (EXIF 2.3)."""
    details = exif.get_ifd(IFD.Exif)
    tags = (Base.ISOSpeedRatings, Base.RecommendedExposureIndex, Base.StandardOutputSensitivity, Base.ISOSpeed)
    values = (_positive(details.get(tag), 10_000_000) for tag in tags)
    return next((round(value) for value in values if value and round(value) not in (0, _ISO_TOO_LARGE)), None)


def focal_length_mm(exif: Image.Exif) -> float | None:
    """Return the true focal length, not the one a camera with 35 mm film would need."""
    return _positive(exif.get_ifd(IFD.Exif).get(Base.FocalLength), 100_000)


def position(exif: Image.Exif) -> tuple[float, float] | None:
    """Return latitude and longitude in degrees, north and east positive, if both are there and possible.

    Exactly 0, 0 is what cameras write that know no position; a missing hemisphere is not guessed.
    """
    gps = exif.get_ifd(IFD.GPSInfo)
    latitude = _degrees(gps.get(GPS.GPSLatitude), gps.get(GPS.GPSLatitudeRef), "NS", 90)
    longitude = _degrees(gps.get(GPS.GPSLongitude), gps.get(GPS.GPSLongitudeRef), "EW", 180)
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        return None
    return latitude, longitude


def _moment(stamp: object, offset: object) -> str | None:
    match = _DATE_TIME.match(_text(stamp) or "")
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat("{}-{}-{}T{}:{}:{}".format(*match.groups("00")))
    except ValueError:
        return None
    if moment.year < _FIRST_PHOTOGRAPH:
        return None
    zone = _text(offset) or ""
    return moment.isoformat() + (zone if _OFFSET.fullmatch(zone) else "")


def _degrees(value: Any, reference: object, hemispheres: str, limit: int) -> float | None:
    """Return degrees, minutes and seconds (any of the last two may be missing) as one signed number."""
    hemisphere = (_text(reference) or "").upper()[:1]
    parts: tuple[SupportsFloat, ...] = value if isinstance(value, tuple) else (value,)
    if not hemisphere or hemisphere not in hemispheres or len(parts) > 3:
        return None
    try:
        degrees = math.fsum(float(part) / 60.0**place for place, part in enumerate(parts))
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    if not math.isfinite(degrees) or not 0 <= degrees <= limit:
        return None
    return -degrees if hemisphere == hemispheres[1] else degrees


def _positive(value: Any, limit: int) -> float | None:
    """Return a number, or the first of several, above 0 and at most ``limit``."""
    first = value[0] if isinstance(value, tuple) and value else value
    if isinstance(first, (str, bytes)):  # a text is garbage here, even one that float() would take
        return None
    try:
        number = float(first)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if 0 < number <= limit else None


def _text(value: object) -> str | None:
    """Return what ``value`` says up to its first NUL as one clean line, or None if nothing is left."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        return None
    value = value.split("\0", 1)[0]
    # EXIF text is ASCII by the book and UTF-8 in life; Pillow decodes it as Latin-1, which sometimes is right.
    with contextlib.suppress(UnicodeError):
        value = value.encode("latin-1").decode("utf-8")
    printable = "".join(char for char in value if char.isspace() or unicodedata.category(char)[0] != "C")
    return " ".join(printable.split())[:_MAX_TEXT_CHARS].rstrip() or None
