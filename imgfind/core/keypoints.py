"""A few dozen small places of a picture, each as a short code: what crops, borders and captions leave of it.

Owns how places are chosen and described; what shares them is for :mod:`imgfind.core.candidates` to find. The codes are
the same whichever of the eight ways a picture is turned or mirrored. Pure functions, safe on every thread.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

KEYPOINTS_VERSION = 1
"""Goes up whenever :func:`describe` gives other bytes for the same picture."""

KEYPOINT = np.dtype([("code", "<u8"), ("x", "<u2"), ("y", "<u2"), ("scale", "u1"), ("turn", "u1")])
"""One place: 64 bits of how it looks, where it is (1/16 px of a picture whose short edge is ``EDGE_PX``), its size (in
``SCALE_STEPS`` to the octave) and how it was turned before its bits were taken (bit 0: mirrored, bit 1: upside down,
then bit 2: transposed)."""
EDGE_PX = 160
POSITION_STEPS = 16
SCALE_STEPS = 32
MOST = 64
"""Places kept of a picture, the most marked ones: 61 on average, 850 bytes. Share of 100 photos whose copies agree in
three places (see :mod:`imgfind.core.candidates`), and milliseconds of a core to describe one, preview decoded:

| | crop 50 % | crop 30 % | 5 degrees, cropped | blur on 25 % size | ms |
| 160 px, 3 scales, radius 6 (these) | 0.98 | 0.93 | 0.98 | 0.97 | 3.1 |
| 96 places instead of 64 | 0.97 | 0.94 | 0.97 | 0.96 | 3.1 |
| 128 px, radius 5.5 | 0.96 | 0.86 | 0.96 | 0.95 | 1.9 |
| 160 px, 2 scales, radius 7, 96 places | 0.97 | 0.74 | 0.93 | 0.96 | 2.7 |
"""

FloatGrid = NDArray[np.float32]

_MAX_ASPECT = 8
_OCTAVES = 4
_SCALES = 3
"""Scales to an octave. Finer than this the same place is found at two of them."""
_SIGMA_PX = 1.6
_EDGE_RATIO = 15
"""Places along an edge, curved this much more one way than the other, could be anywhere on it (Lowe 2004: 10)."""
_FLAT = 1.0
"""Grey levels a place must stand out by."""
_RADIUS = 6.0
"""Of the patch that is described, in sigmas. Larger ones tell more places apart but stick out of crops."""
_PATCH_PX = 16
_FREQUENCIES = 10
_BITS = 64


def describe(image: Image.Image) -> bytes:
    """Return up to ``MOST`` places of a picture (mode RGB or L) as records of :data:`KEYPOINT`; none where it is flat.

    The method is SIFT's choice of places (extrema of the difference of Gaussians, Lowe 2004) with another description:
    the signs of the patch's lowest frequencies, as the perceptual hash takes them of the whole picture. The patch is
    mirrored and transposed until the two lowest are positive and the horizontal one the larger.
    """
    octaves = _octaves(_grid(image))
    places = np.concatenate([octave.places(number) for number, octave in enumerate(octaves)])
    if len(places) > MOST:
        places = places[np.sort(np.argpartition(-places["contrast"], MOST - 1)[:MOST])]
    steps = 2.0 ** places["octave"]
    records = np.empty(len(places), KEYPOINT)
    for name in ("x", "y"):
        records[name] = np.rint(places[name] * steps * POSITION_STEPS)
    records["scale"] = np.rint(np.log2(places["sigma"] * steps) * SCALE_STEPS)
    patches = [octave.patches(places[places["octave"] == number]) for number, octave in enumerate(octaves)]
    records["code"], records["turn"] = _codes(np.concatenate(patches))
    return records.tobytes()


def _grid(image: Image.Image) -> FloatGrid:
    scale = EDGE_PX / min(image.size)
    longest = EDGE_PX * _MAX_ASPECT
    size = (min(longest, round(image.width * scale)), min(longest, round(image.height * scale)))
    return np.asarray(image.convert("L").resize(size, Image.Resampling.BILINEAR), dtype=np.float32)


_PLACE = np.dtype([("x", "f4"), ("y", "f4"), ("sigma", "f4"), ("contrast", "f4"), ("octave", "u1"), ("level", "u1")])
"""A place in the pixels of its octave; in an array they are ordered by octave and level."""
_NEIGHBOURS = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class _Octave:
    """The picture ever more blurred ``[level, row, column]``."""

    levels: FloatGrid

    def places(self, number: int) -> NDArray[np.void]:
        """Return the extrema of the differences between levels, but for those along an edge."""
        import cv2  # 60 MB and a tenth of a second, for those who describe pictures

        differences = np.diff(self.levels, axis=0)
        sizes = np.abs(differences)
        highest = [
            np.asarray(cv2.dilate(np.maximum.reduce(sizes[level - 1 : level + 2]), _NEIGHBOURS))
            for level in range(1, _SCALES + 1)
        ]
        inner = (slice(None), slice(1, -1), slice(1, -1))
        bar = np.maximum(np.stack(highest)[inner], _FLAT)
        above = sizes[1:-1][inner] >= bar
        # Ten times as fast as np.nonzero, which is made for one dimension.
        level, y, x = (axis + 1 for axis in np.unravel_index(np.flatnonzero(above), above.shape))
        return _refined(differences, number, level, y, x)

    def patches(self, places: NDArray[np.void]) -> FloatGrid:
        """Return the square around each place ``[n, _PATCH_PX, _PATCH_PX]``; beyond the border it is mirrored."""
        import cv2

        sample = ((np.arange(_PATCH_PX) + 0.5) / _PATCH_PX * 2 - 1).astype(np.float32)
        reach = _RADIUS * places["sigma"][:, None, None] * sample
        shape = (len(places), _PATCH_PX, _PATCH_PX)
        columns = np.array(np.broadcast_to(places["x"][:, None, None] + reach, shape))
        rows = np.array(np.broadcast_to(places["y"][:, None, None] + reach.transpose(0, 2, 1), shape))
        patches = np.empty(shape, np.float32)
        for level in range(1, _SCALES + 1):
            first, last = np.searchsorted(places["level"], [level, level + 1])
            if first < last:
                patches[first:last] = cv2.remap(
                    self.levels[level + 1],
                    columns[first:last].reshape(-1, _PATCH_PX),
                    rows[first:last].reshape(-1, _PATCH_PX),
                    cv2.INTER_LINEAR,
                    borderMode=cv2.BORDER_REFLECT_101,
                ).reshape(-1, _PATCH_PX, _PATCH_PX)
        return patches


def _octaves(grid: FloatGrid) -> list[_Octave]:
    import cv2

    factor = 2 ** (1 / _SCALES)
    blur_px = (_SIGMA_PX**2 - 0.5**2) ** 0.5  # a picture just resized is as if blurred by 0.5
    first = np.asarray(cv2.GaussianBlur(grid, _reach(blur_px), blur_px), np.float32)
    octaves = []
    for _ in range(_OCTAVES):
        levels = np.empty((_SCALES + 3, *first.shape), np.float32)
        levels[0] = first
        for level in range(1, _SCALES + 3):
            sigma_px = _SIGMA_PX * factor ** (level - 1) * (factor**2 - 1) ** 0.5
            cv2.GaussianBlur(levels[level - 1], _reach(sigma_px), sigma_px, dst=levels[level])
        octaves.append(_Octave(levels))
        first = levels[_SCALES, ::2, ::2]
    return octaves


def _reach(sigma_px: float) -> tuple[int, int]:
    """Return how many pixels a blur looks at: three sigmas each way, where OpenCV would take four."""
    edge_px = 2 * math.ceil(3 * sigma_px) + 1
    return edge_px, edge_px


def _refined(
    differences: FloatGrid, octave: int, level: NDArray[np.intp], y: NDArray[np.intp], x: NDArray[np.intp]
) -> NDArray[np.void]:
    """Return the extrema between the samples, without those along an edge.

    Without this step crops at a scale between two levels are lost: 0.27 of the crops to 30 % of the area are found
    instead of 0.45 (128 px, 2 scales, four places).
    """
    around = differences[level[:, None, None], (y[:, None] + _STEPS)[:, :, None], (x[:, None] + _STEPS)[:, None, :]]
    centre = around[:, 1, 1]
    left, right, up, down = around[:, 1, 0], around[:, 1, 2], around[:, 0, 1], around[:, 2, 1]
    below, above = differences[level - 1, y, x], differences[level + 1, y, x]
    xx, yy = right + left - 2 * centre, down + up - 2 * centre
    xy = (around[:, 2, 2] + around[:, 0, 0] - around[:, 0, 2] - around[:, 2, 0]) / 4
    places = np.empty(len(x), _PLACE)
    places["x"], places["y"] = x + _vertex(left, centre, right), y + _vertex(up, centre, down)
    places["sigma"] = _SIGMA_PX * 2 ** ((level + _vertex(below, centre, above)) / _SCALES)
    places["contrast"], places["octave"], places["level"] = np.abs(centre), octave, level
    blobs: NDArray[np.void] = places[(xx + yy) ** 2 * _EDGE_RATIO < (_EDGE_RATIO + 1) ** 2 * (xx * yy - xy**2)]
    return blobs


_STEPS = np.arange(-1, 2)


def _vertex(before: FloatGrid, centre: FloatGrid, after: FloatGrid) -> FloatGrid:
    """Return where between -0.5 and 0.5 the parabola through three samples turns."""
    curve = before + after - 2 * centre
    offset: FloatGrid = np.clip((before - after) / (2 * np.where(curve == 0, 1, curve)), -0.5, 0.5)
    return offset


def _codes(patches: FloatGrid) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """Return the bits of patches ``[n, 16, 16]`` and how each was turned."""
    dct, rows, columns = _frequencies()
    spectra = dct @ patches @ dct.T
    mirrored, upside_down = spectra[:, 0, 1] < 0, spectra[:, 1, 0] < 0
    transposed = np.abs(spectra[:, 1, 0]) > np.abs(spectra[:, 0, 1])
    alternating = np.where(np.arange(_FREQUENCIES) % 2, np.float32(-1), np.float32(1))
    spectra *= np.where(mirrored[:, None], alternating, np.float32(1))[:, None, :]
    spectra *= np.where(upside_down[:, None], alternating, np.float32(1))[:, :, None]
    bits = np.where(transposed[:, None], spectra[:, columns, rows], spectra[:, rows, columns]) > 0
    codes = np.ascontiguousarray(np.packbits(bits, axis=1)).view(">u8").ravel().astype(np.uint64)
    return codes, (mirrored + 2 * upside_down + 4 * transposed).astype(np.uint8)


@functools.cache
def _frequencies() -> tuple[FloatGrid, NDArray[np.intp], NDArray[np.intp]]:
    """Return the DCT's first rows and, lowest first, which frequencies give a bit.

    The constant says nothing of the looks; the two lowest are the same in all patches, which are turned by them.
    """
    frequency, sample = np.arange(_FREQUENCIES)[:, None], np.arange(_PATCH_PX)[None, :]
    dct = np.sqrt(2 / _PATCH_PX) * np.cos(np.pi / (2 * _PATCH_PX) * frequency * (2 * sample + 1))
    order = sorted(
        ((row, column) for row in range(_FREQUENCIES) for column in range(_FREQUENCIES) if row + column > 1),
        key=lambda pair: (pair[0] ** 2 + pair[1] ** 2, max(pair), pair),
    )[:_BITS]
    rows, columns = np.array(order, np.intp).T
    return dct.astype(np.float32), rows, columns
