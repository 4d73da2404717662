"""Numbers and facts as people read them, for both shells. Pure functions, safe on every thread."""

from typing import NamedTuple

from imgfind.core.records import Facts, Label

TAKEN_FROM = {
    "exif": "from the camera",
    "xmp": "from an XMP sidecar",
    "name": "from the file's name",
    "file": "from the file's time",
}
"""Where the date of a photo comes from (see :mod:`imgfind.core.taken`), in words."""

LABELS = {
    Label.IDENTICAL: "identical",
    Label.SAME_PIXELS: "same pixels",
    Label.RE_ENCODED: "re-encoded",
    Label.EDITED: "edited",
    Label.TURNED: "turned",
    Label.CROPPED: "cropped",
    Label.SAME_SCENE: "same scene",
}
"""What two pictures are to each other, in words."""


class Reason(NamedTuple):
    """Why something is as it is: English, with ``{0}`` for the first of the values; a shell may have other words."""

    text: str
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text.format(*self.values)


_LONGEST_FRACTION_S = 0.26
"""Cameras show 1/4 s and faster as fractions, longer times as decimals (0.3 s)."""


def count(number: int, noun: str) -> str:
    """Return a number of things: ``1 photo``, ``2,000 photos``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(size_bytes: int) -> str:
    """Return a size for people."""
    if size_bytes < 1000:
        return count(size_bytes, "byte")
    value = size_bytes / 1000
    for unit in ("KB", "MB", "GB"):
        if round(value, 1) < 1000:
            return f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"


def rate(per_s: float) -> str:
    """Return a rate for people; a slow one is not rounded to nothing."""
    return f"{per_s:,.0f}" if per_s >= 10 else f"{per_s:.2g}"


def exposure(facts: Facts) -> str:
    """Return how a photo was exposed, as far as it is known: ``1/250 s, f/2.8, ISO 400, 50 mm``."""
    parts = []
    if (seconds := facts.exposure_s) is not None:
        parts.append(f"1/{1 / seconds:.0f} s" if seconds <= _LONGEST_FRACTION_S else f"{seconds:.3g} s")
    if facts.f_number is not None:
        parts.append(f"f/{facts.f_number:.3g}")
    if facts.iso is not None:
        parts.append(f"ISO {facts.iso}")
    if facts.focal_length_mm is not None:
        parts.append(f"{facts.focal_length_mm:.4g} mm")
    return ", ".join(parts)
