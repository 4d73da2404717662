"""Filters of the query language: what may stand behind ``date:``, ``size:`` and the others, and how it is printed.

Owns names, values and their spelling; :mod:`imgfind.core.query` owns where filters may stand, the catalogue what they
find. Pure functions, safe on every thread.

| filter | value |
|---|---|
| ``in:`` | a folder |
| ``date:`` | ``2021``, ``2021-05``, ``2021-05-06``, or a range of them |
| ``camera:`` ``lens:`` | a part of the name, in any case |
| ``type:`` | ``jpeg``, ``heic``, ``raw`` ... (``TYPES``) |
| ``size:`` | bytes, ``KB``, ``MB``, ``GB`` (decimal), or a range |
| ``width:`` ``height:`` | pixels, upright, or a range |
| ``orientation:`` | ``landscape``, ``portrait``, ``square`` |
| ``is:`` | ``favourite``, ``hidden``, ``offline``, ``online``, ``raw``, ``gps`` |

Ranges are ``A..B`` (both included), ``A..``, ``..B``, ``>A``, ``>=A``, ``<B``, ``<=B``, ``=A``.
"""

import contextlib
import math
import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

TYPES: dict[str, tuple[str, ...]] = {
    "jpeg": ("JPEG", "MPO"),
    "heic": ("HEIF", "HEIC"),
    "png": ("PNG",),
    "tiff": ("TIFF",),
    "webp": ("WEBP",),
    "avif": ("AVIF",),
    "gif": ("GIF",),
    "jxl": ("JXL",),
    "jp2": ("JPEG2000",),
    "bmp": ("BMP", "DIB"),
    "psd": ("PSD",),
    "raw": ("RAW",),
}
"""Value of ``type:`` -> formats as :class:`imgfind.core.decode.DecodedPhoto` names them."""
_SAME_TYPES = {"jpg": "jpeg", "mpo": "jpeg", "heif": "heic", "tif": "tiff", "jpegxl": "jxl", "jpeg2000": "jp2"}
ORIENTATIONS = ("landscape", "portrait", "square")
STATES = ("favourite", "hidden", "offline", "online", "raw", "gps")

EXAMPLES = {
    "in": "in:~/Pictures",
    "date": "date:2021-05",
    "camera": 'camera:"Canon EOS"',
    "lens": "lens:50mm",
    "type": "type:heic",
    "size": "size:>2MB",
    "width": "width:>4000",
    "height": "height:>4000",
    "orientation": "orientation:portrait",
    "is": "is:offline",
}
"""Every filter by its name, and how it is written."""

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_SIZE = re.compile(r"(\d{1,16}(?:\.\d{1,6})?) ?([KMGT]?B|)", re.ASCII | re.IGNORECASE)
_PIXELS = re.compile(r"(\d{1,16}) ?(?:px)?", re.ASCII | re.IGNORECASE)
_LARGEST = 10**15
"""No file and no picture is larger; SQLite's integers end at 9 times 10**18."""
_COMPARISON = re.compile(r"(>=|<=|>|<|=) *(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class WordFilter:
    """``in``, ``camera``, ``lens``, ``type``, ``orientation`` or ``is``; ``value`` as typed, or one of a fixed list."""

    name: str
    value: str
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class DateFilter:
    """From the begin of ``first`` to the end of ``last``: years, months or days as in ISO 8601; None is no bound."""

    first: str | None
    last: str | None
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class NumberFilter:
    """``size`` in bytes, ``width`` or ``height`` in pixels, both bounds included; None is no bound."""

    name: str
    low: int | None
    high: int | None
    excluded: bool = False


Filter = WordFilter | DateFilter | NumberFilter


def parsed(name: str, value: str, *, excluded: bool = False) -> Filter:
    """Return the filter ``name`` (one of ``EXAMPLES``) with this value; raises ValueError that says what is wrong."""
    match name:
        case "date":
            return DateFilter(*_date_range(value.strip()), excluded)
        case "size" | "width" | "height":
            return NumberFilter(name, *_number_range(name, value.strip()), excluded)
        case "type":
            return WordFilter(name, _one_of(name, tuple(TYPES), _SAME_TYPES.get(value.lower(), value)), excluded)
        case "orientation":
            return WordFilter(name, _one_of(name, ORIENTATIONS, value), excluded)
        case "is":
            return WordFilter(name, _one_of(name, STATES, value), excluded)
        case _:
            return WordFilter(name, value, excluded)


def printed_value(item: Filter) -> str:
    """Return the value of a filter as :func:`parsed` reads it back, without quotes."""
    match item:
        case WordFilter():
            return item.value
        case DateFilter():
            return _printed_range(item.first, item.last)
        case NumberFilter():
            bounds = (item.low, item.high)
            return _printed_range(*(_printed_number(item.name, n) if n is not None else None for n in bounds))


def name_of(item: Filter) -> str:
    """Return the name of a filter, without its colon."""
    return "date" if isinstance(item, DateFilter) else item.name


def _one_of(name: str, known: tuple[str, ...], value: str) -> str:
    if value.lower() in known:
        return value.lower()
    raise ValueError(f"'{name}:' knows {', '.join(known[:-1])} and {known[-1]}")


def _printed_range(low: str | None, high: str | None) -> str:
    return low if low is not None and low == high else f"{low or ''}..{high or ''}"


def _printed_number(name: str, number: int) -> str:
    if name == "size" and number:
        for unit in ("TB", "GB", "MB", "KB"):
            if number % _UNITS[unit] == 0:
                return f"{number // _UNITS[unit]}{unit}"
    return str(number)


def _bounds(value: str) -> tuple[str, str, str]:
    """Return low bound, sign (``..``, ``=`` or a comparison) and high bound of a range; empty is no bound."""
    if match := _COMPARISON.fullmatch(value):
        sign, bound = match.groups()
        return ("", sign, bound) if sign.startswith("<") else (bound, sign, bound if sign == "=" else "")
    low, dots, high = value.partition("..")
    return (low.strip(), "..", high.strip()) if dots else (value, "=", value)


def _date_range(value: str) -> tuple[str | None, str | None]:
    low, sign, high = _bounds(value)
    if not low and not high:
        raise ValueError("a date is missing, as in date:2021, date:2021-05-06 or date:2021..2023-06")
    first, last = (_checked_date(bound) if bound else None for bound in (low, high))
    if sign == ">" and first:
        first = _neighbour(first, 1)
    if sign == "<" and last:
        last = _neighbour(last, -1)
    if first and last and first > last + "~":  # as text, "~" is behind everything that begins with `last`
        raise ValueError("the range ends before it begins; swap its dates")
    return first, last


def _checked_date(text: str) -> str:
    if match := _DATE.fullmatch(text):
        with contextlib.suppress(ValueError):
            date(*(int(part or 1) for part in match.groups()))
            return text
    raise ValueError("a date is a year, a month or a day that exists, as in 2021, 2021-05 or 2021-05-06")


def _neighbour(text: str, step: int) -> str:
    """Return the year, month or day before (-1) or after (1) the given one."""
    parts = [int(part) for part in text.split("-")]
    try:
        match parts:
            case [year]:
                return f"{date(year + step, 1, 1).year:04}"
            case [year, month]:
                months = year * 12 + month - 1 + step
                return date(months // 12, months % 12 + 1, 1).isoformat()[:7]
            case _:
                return (date(*parts) + timedelta(days=step)).isoformat()
    except (ValueError, OverflowError) as error:
        raise ValueError("no date is before the year 1 or after the year 9999") from error


def _number_range(name: str, value: str) -> tuple[int | None, int | None]:
    low, sign, high = _bounds(value)
    if not low and not high:
        raise ValueError(f"a number is missing, as in {EXAMPLES[name]} or {name}:1000..2000")
    least, most = (_number(name, bound) if bound else None for bound in (low, high))
    # Bounds that are no whole number (1.5 bytes) move inwards.
    first = last = None
    if least is not None:
        first = min(math.floor(least) + 1 if sign == ">" else math.ceil(least), _LARGEST)
    if most is not None:
        last = min(math.ceil(most) - 1 if sign == "<" else math.floor(most), _LARGEST)
    if (first is not None and last is not None and first > last) or (last is not None and last < 0):
        raise ValueError("no number lies in that range")
    return first, last


def _number(name: str, text: str) -> Decimal:
    if name == "size":
        if match := _SIZE.fullmatch(text):
            return Decimal(match[1]) * _UNITS[match[2].upper()]
        raise ValueError("a size is a number with B, KB, MB or GB, as in size:>2MB or size:1MB..3.5MB")
    if match := _PIXELS.fullmatch(text):
        return Decimal(match[1])
    raise ValueError(f"a {name} is a number of pixels, as in {name}:>4000 or {name}:1000..2000")
