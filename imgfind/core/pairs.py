"""Files that belong together: RAW and JPEG of one shot, still and film of a Live Photo, a photo and its edited export.

Told by their names alone, as the cameras write them: same folder, same name, another suffix. Looks at the disk only
where asked to. Safe on every thread.
"""

import os
import re
from collections.abc import Container, Iterable
from dataclasses import dataclass

from imgfind.core import formats

_STILL_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".heic", ".heif", ".hif"})
_FILM_SUFFIXES = (".MOV", ".mov", ".MP4", ".mp4")
"""Apple's and others'; as people find them, most frequent first."""

_EDITED = re.compile(r"(?P<name>.+?)(?: ?\(edited\)|[-_ ]edit(?:ed)?)(?:[-_ ]?\d+)?", re.IGNORECASE)
"""``IMG_1-edit``, ``IMG_1-Edit-2`` (Lightroom), ``IMG_1-edited`` (Google), ``IMG_1_edited``, ``IMG_1 (edited)``."""
_EDITED_BY_APPLE = re.compile(r"(?P<head>IMG_)E(?P<tail>\d{4,})", re.IGNORECASE)
"""``IMG_E0001`` is ``IMG_0001`` as it was edited on the phone."""


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


def belonging(path: str, other: str) -> str | None:
    """Return how two photos belong together, ``raw+jpeg`` or ``edit``; None where they do not."""
    if own_name(path) != own_name(other):
        return None
    (stem, suffix), (other_stem, other_suffix) = os.path.splitext(path), os.path.splitext(other)
    if stem == other_stem:
        return _kind(suffix.lower(), other_suffix.lower())
    return "edit" if own_name(path) in (stem, other_stem) else None


def own_name(path: str) -> str:
    """Return the path without suffix and without what editors put behind the name: equal for what belongs together."""
    folder, name = os.path.split(os.path.splitext(path)[0])
    if match := _EDITED.fullmatch(name):
        name = match["name"]
    elif match := _EDITED_BY_APPLE.fullmatch(name):
        name = match["head"] + match["tail"]
    return os.path.join(folder, name)


def has_film(path: str, names: Container[str]) -> bool:
    """Tell whether the photo at ``path`` is the still of a Live Photo, given the names in its folder."""
    stem, suffix = os.path.splitext(os.path.basename(path))
    return suffix.lower() in _STILL_SUFFIXES and any(stem + film in names for film in _FILM_SUFFIXES)


def _kind(suffix: str, other: str) -> str | None:
    if suffix in _STILL_SUFFIXES and other in [film.lower() for film in _FILM_SUFFIXES]:
        return "live photo"
    for one, two in ((suffix, other), (other, suffix)):
        if one in formats.RAW_SUFFIXES and two in _STILL_SUFFIXES:
            return "raw+jpeg"
    return None
