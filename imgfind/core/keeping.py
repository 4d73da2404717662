"""Which of several photos of one picture to keep, and why: by the user's rules, then by what most people would want.

Pure functions, safe on every thread.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os.path import basename, splitext
from typing import Any, NamedTuple

from imgfind.core import filters, paths, wording
from imgfind.core.errors import UsageError
from imgfind.core.filters import TYPES, WordFilter
from imgfind.core.store.rows import GroupedPhoto
from imgfind.core.wording import Reason

_MOST_REASONS = 3
_COPY_MARK = re.compile(
    r".+?(?: ?\(\d+\)|[ _-]+(?:copy|kopie|copie|copia)(?: ?\(?\d+\)?)?|~\d+)|copy (?:\(\d+\) )?of .+", re.IGNORECASE
)
"""What systems put into the names of copies: ``a (1)``, ``a copy 2``, ``a - Copy``, ``a~2``, ``Copy of a``."""
_FORMATS = {"RAW": 0, "HEIF": 1, "BMP": 3, "DIB": 3, "GIF": 3}
"""What cameras write and hardly anybody converts to comes first, what holds it in more bytes or less well last."""


class Preference(NamedTuple):
    """A rule of the user; ``value`` is the folder (absolute) of ``in`` and the type of ``type``, else empty."""

    kind: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class _Criterion:
    """``rank`` is lower for the better photo; ``reason`` says what the kept one has over the best of the worse."""

    rank: Callable[[GroupedPhoto], Any]
    reason: Callable[[GroupedPhoto, GroupedPhoto], Reason]


def preference(text: str) -> Preference:
    """Return the rule that ``text`` names: ``in:FOLDER``, ``type:heic``, or one of ``PLAIN_RULES``.

    Raises :class:`UsageError` for anything else.
    """
    kind, _, value = text.partition(":")
    if (kind in _PLAIN and ":" not in text) or (kind == "in" and value):
        return Preference(kind, value)
    if kind == "type":
        try:
            parsed = filters.parsed(kind, value)
        except ValueError as error:
            raise UsageError(f"In '{text}': {error}.") from error
        assert isinstance(parsed, WordFilter), "as types are"
        return Preference(kind, parsed.value)
    raise UsageError(f"'{text}' is no rule; name in:FOLDER, type:FORMAT, {', '.join(PLAIN_RULES)}.")


def chosen(
    photos: Sequence[GroupedPhoto], preferences: Sequence[Preference] = (), *, edited: bool = False
) -> GroupedPhoto:
    """Return the photo to keep; the first preference decides first.

    Twice the bytes in one format say that less was lost when it was saved. ``edited``: they differ by more than size
    and encoding. Then what has the camera's data is the original, else the oldest that has half of the pixels: a
    frame, a screenshot or a caption adds some, and noise makes files larger.
    """
    criteria = _criteria(photos, preferences, edited=edited)
    return min(photos, key=lambda photo: (*(criterion.rank(photo) for criterion in criteria), _place(photo)))


def reasons(
    kept: GroupedPhoto, others: Sequence[GroupedPhoto], preferences: Sequence[Preference] = (), *, edited: bool = False
) -> tuple[Reason, ...]:
    """Say what ``kept`` has over the others: ``4000x3000 against 1600x1200``, ``has camera data``, ``oldest``."""
    told: list[Reason] = []
    for criterion in _criteria([kept, *others], preferences, edited=edited):
        own = criterion.rank(kept)
        ranks = [(criterion.rank(photo), photo) for photo in others]
        if ranks and all(rank >= own for rank, _ in ranks):
            worse = [pair for pair in ranks if pair[0] > own]
            reason = criterion.reason(kept, min(worse, key=lambda pair: pair[0])[1]) if worse else None
            if reason is not None and all(reason.text != other.text for other in told):
                told.append(reason)
    return tuple(told[:_MOST_REASONS]) or (Reason("first by name"),)


def _criteria(photos: Sequence[GroupedPhoto], preferences: Sequence[Preference], *, edited: bool) -> list[_Criterion]:
    if edited:
        by_looks = [_CAMERA, _large(photos), _FILM, _FORMAT, _NAME, _OLDEST, _PIXELS, _BYTES]
    else:
        by_looks = [_PIXELS, _CAMERA, _FILM, _FORMAT, _heavy(photos), _NAME, _OLDEST, _BYTES]
    return [*map(_wanted, preferences), _REACHABLE, _CHOSEN, _FAVOURITE, *by_looks]


def _large(photos: Sequence[GroupedPhoto]) -> _Criterion:
    """Set back photos with less than half of the most pixels."""
    most = -min(map(_PIXELS.rank, photos))
    return _Criterion(lambda photo: max(_PIXELS.rank(photo), -most // 2), _PIXELS.reason)


def _heavy(photos: Sequence[GroupedPhoto]) -> _Criterion:
    """Set back photos with less than half of the most bytes of their format; another one says nothing of the loss."""
    most: dict[str, int] = {}
    for photo in photos:
        most[photo.format] = max(photo.size_bytes, most.get(photo.format, 0))
    return _Criterion(lambda photo: 2 * photo.size_bytes < most[photo.format], _BYTES.reason)


def _wanted(rule: Preference) -> _Criterion:
    match rule.kind:
        case "in":
            name = basename(rule.value) or rule.value
            return _Criterion(
                lambda photo: not paths.is_below(photo.path, rule.value),
                lambda _kept, _other: Reason("in {0}", (paths.displayed(name),)),
            )
        case "type":
            return _Criterion(
                lambda photo: photo.format not in TYPES[rule.value],
                lambda kept, _other: Reason("is {0}", (kept.format,)),
            )
        case kind:
            return _PLAIN[kind]


def _moment(photo: GroupedPhoto) -> tuple[int, int]:
    """Return when the photo was taken, else when its file was written, as digits that count up; and the latter."""
    written = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(photo.mtime_ns // 10**9))
    digits = "".join(filter(str.isdigit, (photo.taken_at or written)[:19]))
    return int(digits.ljust(14, "0")), photo.mtime_ns


def _place(photo: GroupedPhoto) -> bytes:
    return paths.to_bytes(photo.path)


_REACHABLE = _Criterion(lambda photo: photo.offline, lambda _kept, _other: Reason("in reach"))
CHOSEN = Reason("chosen")
_CHOSEN = _Criterion(lambda photo: -photo.chosen, lambda _kept, _other: CHOSEN)
_FAVOURITE = _Criterion(lambda photo: not photo.favourite, lambda _kept, _other: Reason("a favourite"))
_CAMERA = _Criterion(
    lambda photo: not (photo.camera or photo.taken_at), lambda _kept, _other: Reason("has camera data")
)
_PIXELS = _Criterion(
    lambda photo: -photo.width_px * photo.height_px,
    lambda kept, other: Reason(
        "{0}x{1} against {2}x{3}",
        (str(kept.width_px), str(kept.height_px), str(other.width_px), str(other.height_px)),
    ),
)
_FILM = _Criterion(lambda photo: not photo.has_film, lambda _kept, _other: Reason("has its film"))
_FORMAT = _Criterion(lambda photo: _FORMATS.get(photo.format, 2), lambda kept, _other: Reason("is {0}", (kept.format,)))
_BYTES = _Criterion(
    lambda photo: -photo.size_bytes,
    lambda kept, other: Reason("{0} against {1}", (wording.size(kept.size_bytes), wording.size(other.size_bytes))),
)
_NAME = _Criterion(
    lambda photo: bool(_COPY_MARK.fullmatch(splitext(basename(photo.path))[0])),
    lambda _kept, _other: Reason("not named as a copy"),
)
_OLDEST = _Criterion(_moment, lambda _kept, _other: Reason("oldest"))

_PLAIN = {
    "larger": _PIXELS,
    "smaller": _Criterion(lambda photo: photo.width_px * photo.height_px, _PIXELS.reason),
    "oldest": _OLDEST,
    "newest": _Criterion(lambda photo: tuple(-part for part in _moment(photo)), lambda _kept, _other: Reason("newest")),
}
PLAIN_RULES = tuple(_PLAIN)
"""Rules that are one word; larger and smaller by pixels."""
