"""Whether two pictures show the same photo, and what became of it.

Pure functions over pixels, safe on every thread: no database, no files. Which pairs are worth the question is decided
elsewhere. Precision comes first: what may be another shot of the same scene is never called a copy.
"""

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
__all__ = ["VERDICT_VERSION", "Label", "PictureView", "Verdict", "same_pixels", "verify"]

VERDICT_VERSION = 1
"""Goes up whenever :func:`verify` may say something else about the same two pictures."""


class _Least(NamedTuple):
    """What two copies agree in at least; ``margin`` is the worst blocks' agreement less half the drift in pixels."""

    low: float
    worst: float
    margin: float
    area: float


# Measured by benchmarks/bench_duplicates.py, see there for the sets.
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
_BORDER_PLAIN = 0.7
_SMALL_PX = 32
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


class _Geometry(NamedTuple):
    """How a became b: the turn, the degrees beside it, the shares of what each shows, whether either has a border."""

    turn: int
    tilt: float
    a_area: float
    b_area: float
    bordered: bool


def verify(a: PictureView, b: PictureView, *, thorough: bool = True) -> Verdict:
    """Tell what two pictures are to each other, by their previews.

    Never says ``IDENTICAL``, which the content hash says, nor ``SAME_PIXELS``, which a preview cannot prove: see
    :func:`same_pixels`. ``thorough`` is for crops of pictures with little detail; without it two pictures that have
    nothing in common take a quarter of the time.
    """
    found = _best(a.features, b.features, thorough=thorough)
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


def _best(a: Features, b: Features, *, thorough: bool) -> Agreement | None:
    """Return the first agreement that makes a copy, else the best there is."""
    best = None
    for matrix in registration.alignments(a, b, thorough=thorough):
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
    if a.camera != b.camera:
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
        "with a border or caption": bordered,
        "with writing over it": found.written_over,
        "other brightness or contrast": found.tone > _TONE,
        "other colours": _colour_change(a, b) > _COLOUR,
        "other sharpness": found.blur_px > _BLUR_PX or found.worst < _CLEAN,
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


def _colour_change(a: PictureView, b: PictureView) -> float:
    """Return the mean difference of the colours, tones apart, of two pictures that show the same from edge to edge."""
    return float(np.mean(np.abs(_colours(a.pixels) - _colours(b.pixels))))


def _colours(pixels: PixelArray) -> FloatArray:
    small = opencv.shrunk(pixels, _SMALL_PX, _SMALL_PX).astype(np.float32)
    return np.asarray(small - small.mean(axis=2, keepdims=True), dtype=np.float32)
