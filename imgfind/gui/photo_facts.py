"""What is known of a photo as lines to read: dates, camera, size, place, copies.

Pure functions; GUI thread, for the translations.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from PySide6.QtCore import QCoreApplication

from imgfind.core import paths, wording
from imgfind.core.pairs import Pair
from imgfind.core.store import PhotoDetails
from imgfind.gui import texts


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact: an icon, what it is about, what there is to say, and details in smaller words.

    ``links`` are paths whose names are among the details; ``copied`` is what a copy button gives, if there is one.
    """

    icon: str
    about: str
    text: str
    details: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    copied: str = ""


def facts(photo: PhotoDetails, pairs: Sequence[Pair], near_copies: Sequence[str] = ()) -> list[Fact]:
    """Return the facts of a photo in the order they are read."""
    known = (_offline(photo), _date(photo), _camera(photo), _picture(photo), _place(photo), _others(photo, pairs))
    return [*chain.from_iterable(known), *_near_copies(near_copies)]


def coordinates(latitude: float, longitude: float) -> str:
    """Return a place as maps take it: ``52.370216, 4.895168``."""
    return f"{latitude:.6f}, {longitude:.6f}"


def _offline(photo: PhotoDetails) -> Iterator[Fact]:
    if photo.offline:
        details = _tr("Connect the drive of {0} to open it.").format(texts.path(photo.root))
        yield Fact("unplug", _tr("State"), _tr("Not in reach"), (details,))


def _date(photo: PhotoDetails) -> Iterator[Fact]:
    if photo.taken_at is None:
        yield Fact("calendar", _tr("Date"), _tr("No date"))
        return
    source = wording.TAKEN_FROM.get(photo.taken_at_source or "", "")
    yield Fact("calendar", _tr("Date"), texts.moment(photo.taken_at), (_tr(source),) if source else ())


def _camera(photo: PhotoDetails) -> Iterator[Fact]:
    parts = [part for part in (photo.facts.camera, photo.facts.lens, wording.exposure(photo.facts)) if part]
    if parts:
        shown = [paths.displayed(part) for part in parts]
        yield Fact("camera", _tr("Camera"), shown[0], tuple(shown[1:]))


def _picture(photo: PhotoDetails) -> Iterator[Fact]:
    pixels = f"{texts.number(photo.width_px)} × {texts.number(photo.height_px)}"
    megapixels = photo.width_px * photo.height_px / 1e6
    if megapixels >= 0.1:
        pixels = _tr("{0}, {1} MP").format(pixels, f"{megapixels:.1f}")
    yield Fact("image", _tr("Picture"), pixels, (f"{photo.format}, {texts.size(photo.size_bytes)}",))


def _place(photo: PhotoDetails) -> Iterator[Fact]:
    latitude, longitude = photo.facts.latitude, photo.facts.longitude
    if latitude is None or longitude is None:
        return
    north = f"{abs(latitude):.4f}° {_tr('N') if latitude >= 0 else _tr('S')}"
    east = f"{abs(longitude):.4f}° {_tr('E') if longitude >= 0 else _tr('W')}"
    yield Fact("map-pin", _tr("Place"), f"{north}, {east}", copied=coordinates(latitude, longitude))


def _others(photo: PhotoDetails, pairs: Sequence[Pair]) -> Iterator[Fact]:
    for pair in pairs:
        text = _tr("Live Photo, with its film") if pair.kind == "live photo" else _tr("One shot as RAW and JPEG")
        yield Fact("images", _tr("Belongs together"), text, (paths.displayed(os.path.basename(pair.partner)),))
    if photo.copies:
        text = texts.counted(len(photo.copies), _tr("identical copy"), _tr("identical copies"))
        yield Fact("layers", _tr("Copies"), text, links=photo.copies)


def _near_copies(found: Sequence[str]) -> Iterator[Fact]:
    if found:
        text = texts.counted(len(found), _tr("copy saved in another way"), _tr("copies saved in another way"))
        yield Fact("layers", _tr("Other sizes and formats"), text, links=tuple(found))


def _tr(text: str) -> str:
    return QCoreApplication.translate("photo_facts", text)
