"""When a photo was taken: the best answer that the picture, a file beside it, its name or its time can give.

Owns the order of these sources, what an XMP sidecar says and which file names tell a moment. Knows no catalogue; EXIF
is read by :mod:`imgfind.core.exif`. Safe on every thread.

Every moment is ISO 8601 in the local time of the place where the photo was taken, as far as that is known, with the
offset to UTC only where it was recorded; from a day alone, ``2021-05-06``. So moments sort as text.
"""

import contextlib
import os
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from xml.parsers import expat

MAX_SIDECAR_BYTES = 1_000_000
"""Sidecars hold some kilobytes, with masks and edits some more; what is longer is something else."""

_SIDECAR_SUFFIXES = (".xmp", ".XMP")
# XMP specification part 2, in the order of how near they are to the shutter: namespace and name as expat joins them.
_SIDECAR_DATES = (
    "http://ns.adobe.com/exif/1.0/ DateTimeOriginal",
    "http://ns.adobe.com/xap/1.0/ CreateDate",
    "http://ns.adobe.com/photoshop/1.0/ DateCreated",
)
_XMP_DATE = re.compile(
    r"(?P<date>\d{4}[-:]\d\d[-:]\d\d)"
    r"(?:[T ](?P<time>\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(?P<zone>Z|[+-](?:0\d|1[0-4]):[0-5]\d)?)?",
    re.ASCII,
)

_IN_NAME = re.compile(
    r"""(?<!\d) (?P<year>(?:19|20)\d\d) (?P<dash>[-_.]?) (?P<month>\d\d) (?P=dash) (?P<day>\d\d)
        (?: (?:[ _-]at[ _-] | [-_ .T])?
            (?: (?P<compact>\d{6}) (?:\d{3})? (?!\d)
              | (?P<hour>\d{1,2}) (?P<colon>[-_.:]) (?P<minute>\d\d) (?P=colon) (?P<second>\d\d) (?!\d)
                (?:[ \u00a0\u202f]?(?P<half>[AP])M\b)?
            )
          | (?!\d)
        )""",
    re.ASCII | re.VERBOSE,
)
"""What phones, messengers and screenshot programs call their files, whatever stands before:

``IMG_20210506_070809`` · ``PXL_20210506_070809123`` · ``20210506070809`` · ``2021-05-06 07.08.09`` ·
``Screenshot_2021-05-06-07-08-09`` · ``Screenshot 2021-05-06 at 7.08.09 PM`` · ``signal-2021-05-06-070809`` ·
and for a day alone ``IMG-20210506-WA0001`` · ``Scan_20210506`` · ``2021-05-06 Birthday``.
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Taken(NamedTuple):
    """A moment and where it comes from: ``exif``, ``xmp``, ``name`` or ``file``."""

    at: str
    source: str


def taken(path: str, mtime_ns: int, *, exif: str | None, sidecar: str | None) -> Taken:
    """Return the best answer: what the camera wrote, else the sidecar, else the file's name, else the file's time."""
    for at, source in ((exif, "exif"), (sidecar, "xmp"), (from_name(os.path.basename(path)), "name")):
        if at is not None:
            return Taken(at, source)
    return Taken(from_file_time(mtime_ns), "file")


def from_name(name: str) -> str | None:
    """Return the moment or day a file name tells, the first one that exists."""
    for match in _IN_NAME.finditer(os.path.splitext(name)[0]):
        try:
            day = date(*(int(match[part]) for part in ("year", "month", "day")))
        except ValueError:
            continue
        moment = _time_in_name(match)
        return day.isoformat() if moment is None else datetime.combine(day, moment).isoformat()
    return None


def from_file_time(mtime_ns: int) -> str:
    """Return the time a file was last written, by the clock on the wall here: cameras write no other time either."""
    # Not fromtimestamp: on Windows it refuses what was before 1970.
    moment = _EPOCH + timedelta(seconds=mtime_ns // 10**9)
    with contextlib.suppress(OSError, OverflowError, ValueError):  # no time zone knows that year; UTC is near enough
        moment = moment.astimezone()
    return moment.replace(tzinfo=None).isoformat()


def from_sidecar(path: str) -> str | None:
    """Return what an XMP file beside the photo says: ``photo.jpg.xmp``, else ``photo.xmp``.

    Whatever is wrong with one is no answer: too long, no XML, a document type, no date.
    """
    for stem in (path, os.path.splitext(path)[0]):
        for suffix in _SIDECAR_SUFFIXES:
            try:
                with open(stem + suffix, "rb") as file:
                    document = file.read(MAX_SIDECAR_BYTES + 1)
            except OSError:
                continue
            if len(document) <= MAX_SIDECAR_BYTES and (moment := _from_xmp(document)):
                return moment
    return None


def _from_xmp(document: bytes) -> str | None:
    """Return the best moment in an XMP packet, where dates are attributes or elements as the writer likes."""
    found: dict[str, str] = {}
    open_elements: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        open_elements.append(name)
        for key, value in attributes.items():
            found.setdefault(key, value)

    def text(data: str) -> None:
        if open_elements and open_elements[-1] in _SIDECAR_DATES:
            found[open_elements[-1]] = found.get(open_elements[-1], "") + data

    def refuse(*_declaration: object) -> None:
        raise ValueError("XMP has no document type; entities are how small files become large ones")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _name: open_elements.pop()
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, ValueError, LookupError):  # LookupError: an encoding that Python does not know
        return None
    return next((moment for key in _SIDECAR_DATES if (moment := _xmp_moment(found.get(key, "")))), None)


def _xmp_moment(text: str) -> str | None:
    match = _XMP_DATE.fullmatch(text.strip())
    if match is None:
        return None
    try:
        day = date.fromisoformat(match["date"].replace(":", "-"))
        if match["time"] is None:
            return day.isoformat()
        moment = datetime.combine(day, time.fromisoformat(match["time"]))
    except ValueError:
        return None
    return moment.isoformat() + (match["zone"] or "").replace("Z", "+00:00")


def _time_in_name(match: re.Match[str]) -> time | None:
    """Return the time of day that stands behind the date, None where there is none or it does not exist."""
    if compact := match["compact"]:
        hour, minute, second = int(compact[:2]), int(compact[2:4]), int(compact[4:])
    elif match["hour"]:
        hour, minute, second = (int(match[part]) for part in ("hour", "minute", "second"))
        if match["half"]:
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + (12 if match["half"] == "P" else 0)
    else:
        return None
    try:
        return time(hour, minute, second)
    except ValueError:
        return None
