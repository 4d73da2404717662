"""How one picture has to be moved, turned, mirrored and stretched to lie on another.

Finds candidates for the move; whether what then lies on each other is the same is decided by
:mod:`imgfind.core.comparison`. Pure functions, safe on every thread. Points are as in :mod:`imgfind.core.opencv`, so a
picture of another size is a plain multiple.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from imgfind.core import opencv
from imgfind.core.opencv import GreyArray, Matrix, Points
from imgfind.core.records import FloatArray, PixelArray

_SHORT_EDGE_PX, _LONG_EDGE_PX = 256, 512
"""Working size: what previews are, cut short for panoramas."""
_THUMB_PX = 32
_LEAST_CONTRAST = 2.0
"""Of a thumbnail, in grey levels; below it nothing can be recognised."""
_SIMILAR_THUMBS = 0.5
"""Correlation from which a whole picture is tried on the other. Full-size copies measured 0.72 and more, 0.86 where
they were not blurred; crops go through the points anyway."""
_LEAST_EDGE_PX = 24
"""Of a picture whose points can be found."""
_POINTS = 500
_CORNER_CONTRAST = 8
"""Corners of this contrast count; OpenCV's 20 finds too few in soft pictures."""
_LEAST_INLIERS = 8
_MAX_STRETCH = 1.9
"""Of one direction against the other: some programs squash pictures into squares."""
_MAX_SCALE = 8.0

# What EXIF orientations 1 to 8 do to a direction, y pointing down.
_TURNS = np.array(
    [
        [[1, 0], [0, 1]],
        [[-1, 0], [0, 1]],
        [[-1, 0], [0, -1]],
        [[1, 0], [0, -1]],
        [[0, 1], [1, 0]],
        [[0, -1], [1, 0]],
        [[0, -1], [-1, 0]],
        [[0, 1], [-1, 0]],
    ],
    dtype=np.float64,
)


@dataclass(frozen=True, eq=False)
class Features:
    """A picture ready to be registered: grey at working size, and as a thumbnail of zero mean and unit length.

    The thumbnail of a picture without contrast is all zeros. Points are found when they are first asked for.
    """

    grey: GreyArray
    thumb: FloatArray

    @cached_property
    def points(self) -> Points:
        """Find what can be recognised."""
        return opencv.points(self.grey, _POINTS, _CORNER_CONTRAST)

    @cached_property
    def faint_points(self) -> Points:
        """Find what can be recognised in pictures with little detail; takes ten times as long."""
        return opencv.faint_points(self.grey, _POINTS)

    @cached_property
    def mirrored_points(self) -> Points:
        """Find what can be recognised in the mirror image."""
        return opencv.points(np.ascontiguousarray(self.grey[:, ::-1]), _POINTS, _CORNER_CONTRAST)


def features(pixels: PixelArray) -> Features:
    """Prepare a picture."""
    grey = at_most(opencv.grey(pixels), _SHORT_EDGE_PX, _LONG_EDGE_PX)
    thumb = opencv.shrunk(grey, _THUMB_PX, _THUMB_PX).astype(np.float32)
    thumb -= thumb.mean()
    length = float(np.linalg.norm(thumb))
    thumb /= length if length > _LEAST_CONTRAST * _THUMB_PX else math.inf
    return Features(grey, thumb)


def at_most(grey: GreyArray, short_px: int, long_px: int) -> GreyArray:
    """Return a picture, made smaller where its edges are longer than that."""
    height, width = grey.shape
    scale = min(1.0, short_px / min(height, width), long_px / max(height, width))
    if scale == 1:
        return grey
    return opencv.shrunk(grey, max(1, round(width * scale)), max(1, round(height * scale)))


def alignments(a: Features, b: Features) -> Iterator[Matrix]:
    """Yield the maps from a to b that are worth a look, the cheapest first.

    First the whole of one picture on the whole of the other, in the orientations their thumbnails allow; these cost
    next to nothing. Then what their points agree on, as they are and mirrored; at last what their faint points agree
    on, for crops of pictures with little detail: of two pictures that have nothing in common that is most of the time.
    """
    scores = [float(np.vdot(thumb, b.thumb)) for thumb in _turned_thumbs(a.thumb)]
    for turn in sorted(range(len(scores)), key=lambda turn: -scores[turn])[:2]:
        if scores[turn] >= _SIMILAR_THUMBS:
            yield whole(turn, a.grey.shape, b.grey.shape)
    if min(*a.grey.shape, *b.grey.shape) < _LEAST_EDGE_PX:
        return
    plain = opencv.fitted(a.points, b.points, _LEAST_INLIERS)
    if plain is not None:
        yield plain
    flipped = opencv.fitted(a.mirrored_points, b.points, _LEAST_INLIERS)
    if flipped is not None:
        yield composed(flipped, np.array([[-1.0, 0, a.grey.shape[1]], [0, 1, 0]]))
    faint = opencv.fitted(a.faint_points, b.faint_points, _LEAST_INLIERS)
    if faint is not None:
        yield faint


def plausible(matrix: Matrix) -> bool:
    """Tell whether people make such copies: about the same stretch in both directions, no wild sizes."""
    large, small = np.linalg.svd(matrix[:, :2], compute_uv=False)
    return bool(small > 1 / _MAX_SCALE and large < _MAX_SCALE and large < _MAX_STRETCH * small)


def turn_and_tilt(matrix: Matrix) -> tuple[int, float]:
    """Return the nearest of the eight orientations (EXIF's number minus 1), and the degrees left to it."""
    u, _, v = np.linalg.svd(matrix[:, :2])
    fits = np.einsum("tij,ij->t", _TURNS, u @ v) / 2
    turn = int(np.argmax(fits))
    return turn, math.degrees(math.acos(min(1.0, float(fits[turn]))))


def composed(second: Matrix, first: Matrix) -> Matrix:
    """Return the map that does ``first`` and then ``second``."""
    linear = second[:, :2]
    return np.column_stack([linear @ first[:, :2], linear @ first[:, 2] + second[:, 2]])


def inverse(matrix: Matrix) -> Matrix:
    """Return the way back."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def _turned_thumbs(thumb: FloatArray) -> list[FloatArray]:
    """Return a thumbnail as EXIF orientations 1 to 8 turn it."""
    upright = [thumb, thumb[:, ::-1], thumb[::-1, ::-1], thumb[::-1]]
    return [*upright, thumb.T, np.rot90(thumb, -1), np.rot90(thumb, 2).T, np.rot90(thumb)]


def whole(turn: int, a_shape: tuple[int, ...], b_shape: tuple[int, ...]) -> Matrix:
    """Return the map of the whole of a, in an orientation (EXIF's number minus 1), on the whole of b."""
    linear = _TURNS[turn]
    turned_px = np.abs(linear) @ [a_shape[1], a_shape[0]]
    shift = np.where(linear.sum(axis=1) < 0, turned_px, 0)
    stretch = np.array([[b_shape[1]], [b_shape[0]]]) / turned_px[:, np.newaxis]
    return np.asarray(stretch * np.column_stack([linear, shift]), dtype=np.float64)
