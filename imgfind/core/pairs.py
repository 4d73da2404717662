"""Files that are one shot: a RAW file beside the camera's own JPEG, and the still and the film of a Live Photo.

Told by their names alone, as the cameras write them: same folder, same name, another suffix. Looks at the disk only
where asked to. Safe on every thread.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass

from imgfind.core import formats

_STILL_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".heic", ".heif", ".hif"})
_FILM_SUFFIXES = (".MOV", ".mov", ".MP4", ".mp4")
"""Apple's and others'; as people find them, most frequent first."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The other half of a shot; ``kind`` is ``raw+jpeg`` or ``live photo``."""

    kind: str
    partner: str


def pairs_of(path: str, beside: Iterable[str]) -> tuple[Pair, ...]:
    """Return those files ``beside`` it (paths of the same folder) that are one shot with the photo at ``path``."""
    stem, suffix = os.path.splitext(path)
    found = []
    for other in beside:
        other_stem, other_suffix = os.path.splitext(other)
        kind = _kind(suffix.lower(), other_suffix.lower())
        if other_stem == stem and kind:
            found.append(Pair(kind, other))
    return tuple(found)


def films_beside(path: str) -> list[str]:
    """Return the film on disk that may belong to the photo at ``path``: films are not in the catalogue."""
    stem = os.path.splitext(path)[0]
    # The first only: where case does not matter, ``.MOV`` and ``.mov`` are one file.
    return [stem + suffix for suffix in _FILM_SUFFIXES if os.path.isfile(stem + suffix)][:1]


def _kind(suffix: str, other: str) -> str | None:
    if suffix in _STILL_SUFFIXES and other in [film.lower() for film in _FILM_SUFFIXES]:
        return "live photo"
    for one, two in ((suffix, other), (other, suffix)):
        if one in formats.RAW_SUFFIXES and two in _STILL_SUFFIXES:
            return "raw+jpeg"
    return None
