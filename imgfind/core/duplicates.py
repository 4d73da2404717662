"""Whether two pictures show the same photo, and what became of it.

Pure functions over pixels, safe on every thread: no database, no files. Which pairs are worth the question is decided
elsewhere. Precision comes first: what may be another shot of the same scene is never called a copy.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

import numpy as np

from imgfind.core import comparison, opencv, registration
from imgfind.core.comparison import Agreement
from imgfind.core.opencv import Matrix
from imgfind.core.records import Facts, FloatArray, Label, PerceptualHash, PixelArray, Verdict
from imgfind.core.registration import Features

# Labels and verdicts are in records, for the catalogue keeps them.
__all__ = [
    "PAGE_EDGE_PX",
    "VERDICT_VERSION",
    "Label",
    "Original",
    "PictureView",
    "Verdict",
    "fine_edit",
    "may_be_pages",
    "same_pixels",
    "same_words",
    "verify",
]

VERDICT_VERSION = 2
"""Goes up whenever :func:`verify` may say something else about the same two pictures."""


class _Least(NamedTuple):
    """What two copies agree in at least; ``margin`` is the worst blocks' agreement less half the drift in pixels."""

    low: float
    worst: float
    margin: float
    area: float


# Measured by benchmarks/bench_verification.py, see there for the sets.
_PLAIN = _Least(low=0.85, worst=0.45, margin=0.25, area=0.25)
"""Of 1600 copies of 24 photos one in a hundred has a margin below 0.3, all of them fine textures that were blurred or
tilted. Of 384 other shots one reached a margin of 0.22 (and a ``low`` of 0.84), the next -0.03; pages with other words
reach 0.56 in their blank margins and are told by what is unexplained. Crops down to 30 % of the area are wanted; the
edges of an overlap are not exact."""
_WRITTEN = _Least(low=0.85, worst=0.65, margin=0.35, area=0.28)
"""Where something was left out, the rest has to make up for it."""
_MOST_UNEXPLAINED = 0.25
"""Copies leave 0.2 at most, pages with other words 0.33 and more."""
_SCENE_MEAN = 0.55
"""Mean agreement from which two pictures that are no copies show the same scene: bursts have 0.7 and more, different
pictures up to 0.4."""

_WHOLE = 0.97
"""Share of a picture's area from which it counts as all of it."""
_TURNED_AREA = 0.75
"""A picture that was turned by a few degrees loses its corners; what keeps this much is not called a crop."""
_TILT = 0.7
_TONE, _COLOUR, _BLUR_PX, _CLEAN = 3.0, 3.5, 1.0, 0.8
"""What re-encoding and resizing may change: tones, colours (both in grey levels), sharpness, the worst blocks.

JPEG quality 10 moves colours by up to 3.4; 30 % more saturation moves those of half the photos by 3.9 or more."""
_COLOURFUL, _SATURATION = 12.0, 0.87
"""Grey levels of colour (root mean square) from which it can be told that all of it became weaker or stronger, and by
which factor at least. JPEG quality 10 leaves 0.93 and more, a quarter of the size 0.95, saturation -30 % 0.71 and less,
+30 % 0.86 and less (37 colourful ones of 60 photos)."""
_BORDER_PLAIN = 0.7
_SMALL_PX = 32
_SHARPNESS = 0.88
"""Of the steepest edges against those of the other original: JPEG quality 10 leaves 0.93 or more, a blur of 1 px 0.82
or less (36 photos)."""
_NOISE = 0.5
"""Grey levels that two originals of one size differ by beyond twice what saving them rounds off. Added noise of sigma
10 makes 0.95 and more, of sigma 5 0.1 (beside an original of quality 75) to 1.2; JPEG of any quality at most 0.3."""
_LOOKED_AT_PX = 2048
"""Edge of the middle part that originals are looked at; the rest tells nothing else."""
_PAGE_PLAIN = 0.4
"""Share of one tone from which a picture may be a page: of 200 photos 8 have as much, pages 0.7."""
PAGE_EDGE_PX = 1200
"""Short edge that pages are compared at: a digit of an A4 page is then as high as two blocks."""
_MOST_ODD, _MOST_ODD_EDITED = 0.35, 0.5
"""By so much a page's worst blocks may be worse. Saved as JPEG of quality 10 or blurred they are by 0.25, with
more contrast by 0.36; with another word by 1 and more, with another digit by 0.33 to 0.5. Of 20 pages each all with
another word or line are told, and 18 with another digit; all of 20 saved, scaled, scanned again are pages still."""
_BORDERED, _OTHER_SHARPNESS = "with a border or caption", "other sharpness"
_CLOCK_STEP_S = 900
"""Clocks are set right by time zones, which are whole quarters of an hour apart; two shots almost never are."""


@dataclass(frozen=True, eq=False)
class PictureView:
    """What is known of a picture when it is compared; one that is kept is worked out only once.

    ``pixels`` is its preview, upright; ``width_px`` and ``height_px`` are the original's, upright as well.
    """

    pixels: PixelArray
    width_px: int
    height_px: int
    facts: Facts
    hash: PerceptualHash

    @cached_property
    def features(self) -> Features:
        """Prepare it to be laid on others."""
        return registration.features(self.pixels)


class Original(NamedTuple):
    """A picture with all its pixels, upright, and how coarsely its file was saved.

    ``step`` is what a JPEG file's luma is rounded to in the mean of each block, eightfold; 0 for a file without loss,
    None where it is unknown.
    """

    pixels: PixelArray
    step: float | None


class _Geometry(NamedTuple):
    """How a became b: the turn, the degrees beside it, the shares of what each shows, whether either has a border."""

    turn: int
    tilt: float
    a_area: float
    b_area: float
    bordered: bool


def verify(a: PictureView, b: PictureView) -> Verdict:
    """Tell what two pictures are to each other, by their previews.

    Never says ``IDENTICAL``, which the content hash says, nor ``SAME_PIXELS``, which a preview cannot prove: see
    :func:`same_pixels`.
    """
    found = _best(a.features, b.features)
    if found is None:
        return Verdict(None, 0.0, 0, 0.0, "nothing in common")
    geometry = _geometry(found, a.features, b.features)
    area = float(min(geometry.a_area, geometry.b_area) * found.compared_share)
    similarity = float(np.clip(found.mean, 0, 1))
    if not _is_copy(found, area):
        label = Label.SAME_SCENE if found.mean >= _SCENE_MEAN and area >= _PLAIN.area else None
        reason = "same scene, but something moved or changed" if label else "different pictures"
        return Verdict(label, similarity, geometry.turn, area, reason)
    if _other_moment(a.facts, b.facts) and not np.array_equal(a.pixels, b.pixels):
        return Verdict(Label.SAME_SCENE, similarity, geometry.turn, area, "taken at another moment")
    label, reason = _labelled(a, b, found, geometry)
    return Verdict(label, similarity, geometry.turn, area, reason)


def same_pixels(a: PixelArray, b: PixelArray) -> bool:
    """Tell whether two originals, decoded in full and upright, have the very same pixels."""
    return bool(np.array_equal(a, b))


def may_be_pages(verdict: Verdict, a: PictureView, b: PictureView) -> bool:
    """Tell whether two pictures look the same, and like pages or screens: then :func:`same_words` has to be asked.

    Previews are too small for words.
    """
    looks_same = verdict.label in (Label.RE_ENCODED, Label.EDITED) and verdict.reason != _BORDERED
    return looks_same and all(comparison.plain_share(view.features.grey) >= _PAGE_PLAIN for view in (a, b))


def same_words(a: PixelArray, b: PixelArray, *, edited: bool) -> bool:
    """Tell whether two pages that look the same, maybe ``edited`` in their tones, do so in every line.

    Their short edges are best :data:`PAGE_EDGE_PX`.
    """
    one, other = (registration.at_most(opencv.grey(page), PAGE_EDGE_PX, 2 * PAGE_EDGE_PX) for page in (a, b))
    found = comparison.agreement(one, other, registration.whole(0, one.shape, other.shape))
    return found is None or found.odd <= (_MOST_ODD_EDITED if edited else _MOST_ODD)


def fine_edit(a: Original, b: Original) -> str | None:
    """Say what was done to one of two pictures of one size, beyond saving it again, that their previews do not show."""
    a_grey, b_grey = (opencv.grey(_middle(picture.pixels)) for picture in (a, b))
    a_sharp, b_sharp = comparison.sharpness(a_grey), comparison.sharpness(b_grey)
    if min(a_sharp, b_sharp) < _SHARPNESS * max(a_sharp, b_sharp):
        return _OTHER_SHARPNESS
    if a.step is None or b.step is None:
        return None
    rounded_off = max(a.step, b.step) / (8 * math.sqrt(12))
    return "more noise in one" if comparison.spread(a_grey, b_grey) - 2 * rounded_off > _NOISE else None


def _middle(pixels: PixelArray) -> PixelArray:
    height, width = pixels.shape[:2]
    top, left = max(0, height - _LOOKED_AT_PX) // 2, max(0, width - _LOOKED_AT_PX) // 2
    return np.ascontiguousarray(pixels[top : top + _LOOKED_AT_PX, left : left + _LOOKED_AT_PX])


def _best(a: Features, b: Features) -> Agreement | None:
    """Return the first agreement that makes a copy, else the best there is."""
    best = None
    for matrix in registration.alignments(a, b):
        found = comparison.agreement(a.grey, b.grey, matrix)
        if found is None:
            continue
        if _is_copy(found, found.compared_share):
            return found
        if best is None or found.mean > best.mean:
            best = found
    return best


def _is_copy(found: Agreement, area: float) -> bool:
    least = _WRITTEN if found.written_over else _PLAIN
    return (
        found.low >= least.low
        and found.worst >= least.worst
        and found.worst - found.drift_px / 2 >= least.margin
        and found.unexplained <= _MOST_UNEXPLAINED
        and area >= least.area
    )


def _other_moment(a: Facts, b: Facts) -> bool:
    """Tell whether two cameras, or one at two moments, took these; a clock set right is no other moment."""
    if a.camera is None or b.camera is None or a.taken_at is None or b.taken_at is None:
        return False
    if a.camera.casefold() != b.camera.casefold():  # dcraw, for one, writes "Nikon D70s" for "NIKON D70s"
        return True
    apart = datetime.fromisoformat(a.taken_at[:19]) - datetime.fromisoformat(b.taken_at[:19])
    return apart.total_seconds() % _CLOCK_STEP_S != 0


def _geometry(found: Agreement, a_seen: Features, b_seen: Features) -> _Geometry:
    """Describe the move from a to b; a plain border is no part of what a picture shows."""
    turn, tilt = registration.turn_and_tilt(found.matrix)
    a_area, b_area, bordered = found.a_share, found.b_share, False
    if b_area >= _PLAIN.area and _is_border(a_seen, b_seen, registration.inverse(found.matrix), a_area):
        a_area, bordered = 1.0, True
    if found.a_share >= _PLAIN.area and _is_border(b_seen, a_seen, found.matrix, b_area):
        b_area, bordered = 1.0, True
    return _Geometry(turn, tilt, a_area, b_area, bordered)


def _is_border(whole: Features, part: Features, to_whole: Matrix, share: float) -> bool:
    """Tell whether what ``whole`` shows beside ``part`` is mostly of one tone: a border, a caption, a screen."""
    if share >= _WHOLE:
        return False
    height, width = whole.grey.shape
    inside = opencv.warped(np.full(part.grey.shape, 255, np.uint8), to_whole, width, height, outside=0)
    rest = whole.grey[inside < 128]
    return rest.size > 0 and comparison.plain_share(rest) >= _BORDER_PLAIN


def _labelled(a: PictureView, b: PictureView, found: Agreement, geometry: _Geometry) -> tuple[Label, str]:
    area = min(geometry.a_area, geometry.b_area)
    turned = geometry.turn != 0 or geometry.tilt > _TILT
    if area < (_TURNED_AREA if turned else _WHOLE):
        return Label.CROPPED, f"cropped to {round(area * 100)} % of the area"
    if turned:
        return Label.TURNED, _turn_in_words(geometry)
    edit = _edit(a, b, found, bordered=geometry.bordered)
    if edit is not None:
        return Label.EDITED, edit
    resized = (a.width_px, a.height_px) != (b.width_px, b.height_px)
    return Label.RE_ENCODED, "resized" if resized else "saved again"


def _edit(a: PictureView, b: PictureView, found: Agreement, *, bordered: bool) -> str | None:
    """Say what was done to one of two pictures that show the same, beyond saving it again or resizing it."""
    edits = {
        _BORDERED: bordered,
        "with writing over it": found.written_over,
        "other brightness or contrast": found.tone > _TONE,
        "other colours": _colours_changed(_colours(a.pixels), _colours(b.pixels)),
        _OTHER_SHARPNESS: found.blur_px > _BLUR_PX or found.worst < _CLEAN,
    }
    return next((words for words, done in edits.items() if done), None)


def _turn_in_words(geometry: _Geometry) -> str:
    turns = (
        f"turned by {round(geometry.tilt)}°",
        "mirrored",
        "turned by 180°",
        "mirrored upside down",
        "mirrored and turned by 90°",
        "turned by 90°",
        "mirrored and turned by 90°",
        "turned by 90°",
    )
    return turns[geometry.turn]


def _colours_changed(a: FloatArray, b: FloatArray) -> bool:
    """Tell whether two pictures that show the same from edge to edge differ in their colours, tones apart."""
    if float(np.mean(np.abs(a - b))) > _COLOUR:
        return True
    weaker, stronger = sorted(float(np.sqrt(np.mean(np.square(colours)))) for colours in (a, b))
    return stronger >= _COLOURFUL and weaker < _SATURATION * stronger


def _colours(pixels: PixelArray) -> FloatArray:
    small = opencv.shrunk(pixels, _SMALL_PX, _SMALL_PX).astype(np.float32)
    return np.asarray(small - small.mean(axis=2, keepdims=True), dtype=np.float32)
