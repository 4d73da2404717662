"""The few operations on pixels that come from OpenCV, with types of their own.

The only module that knows OpenCV, which takes a tenth of a second to import: on the first call. Pure functions, safe on
every thread. Points are in pixels from a picture's upper left edge, so the middle of the first pixel is (0.5, 0.5).
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgfind.core.records import FloatArray, PixelArray

GreyArray = NDArray[np.uint8]
"""Luma ``[height, width]``, 0-255."""
Mask = NDArray[np.uint8]
"""1 where a pixel counts, else 0 ``[height, width]``."""
Matrix = NDArray[np.float64]
"""An affine map ``[2, 3]`` from the points of one picture to those of another."""

_DISTINCT = 0.85
"""The nearest descriptor has to be this much nearer than the second nearest."""
_INLIER_PX = 3.0
_RANSAC_ROUNDS = 1000


class Points(NamedTuple):
    """Recognisable points ``[n, 2]`` and what each looks like: bits ``[n, 32]``, or numbers ``[n, 128]``."""

    places: FloatArray
    descriptors: GreyArray | FloatArray


def leave_cores() -> None:
    """Let no single call use several cores; for callers that share their work out by themselves."""
    import cv2

    cv2.setNumThreads(1)


def grey(pixels: PixelArray) -> GreyArray:
    """Return the luma of a picture."""
    import cv2

    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def shrunk(pixels: GreyArray, width_px: int, height_px: int) -> GreyArray:
    """Return a picture, grey or in colours, at a smaller size: every pixel the mean of those it stands for."""
    import cv2

    return np.asarray(cv2.resize(pixels, (width_px, height_px), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def means(values: FloatArray, width: int, height: int) -> FloatArray:
    """Return the means of ``values`` over so many blocks across and down."""
    import cv2

    return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)


def enlarged(blocks: Mask, width_px: int, height_px: int) -> Mask:
    """Return a mask of blocks as one of pixels."""
    import cv2

    return np.asarray(cv2.resize(blocks, (width_px, height_px), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def blurred(values: FloatArray, sigma_px: float) -> FloatArray:
    """Return ``values`` with a Gaussian blur."""
    import cv2

    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma_px), dtype=np.float32)


def slopes(values: FloatArray) -> FloatArray:
    """Return how steep ``values`` are, per pixel."""
    import cv2

    across = cv2.Sobel(values, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(values, cv2.CV_32F, 0, 1, scale=1 / 8)
    return np.asarray(cv2.magnitude(across, down), dtype=np.float32)


def shrink_mask(mask: Mask, by_px: int) -> Mask:
    """Return ``mask`` without its rim; beyond the picture nothing counts."""
    import cv2

    square = np.ones((2 * by_px + 1, 2 * by_px + 1), np.uint8)
    return np.asarray(cv2.erode(mask, square, borderType=cv2.BORDER_CONSTANT, borderValue=(0,)), dtype=np.uint8)


def grow_mask(mask: Mask, by_px: int) -> Mask:
    """Return ``mask`` with what is around it."""
    import cv2

    return np.asarray(cv2.dilate(mask, np.ones((2 * by_px + 1, 2 * by_px + 1), np.uint8)), dtype=np.uint8)


def thick_parts(mask: Mask, width_px: int) -> Mask:
    """Return what of ``mask`` a disc so wide fits into."""
    import cv2

    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width_px, width_px))
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc), dtype=np.uint8)


def polygon_mask(corners: NDArray[np.float64], width_px: int, height_px: int) -> Mask:
    """Return what lies within a convex polygon."""
    import cv2

    sixteenths = np.round((corners - 0.5) * 16).astype(np.int32)
    canvas = np.zeros((height_px, width_px), np.uint8)
    return np.asarray(cv2.fillConvexPoly(canvas, sixteenths, (1,), shift=4), dtype=np.uint8)


def warped(
    source: GreyArray, matrix: Matrix, width_px: int, height_px: int, *, outside: int | None = None
) -> GreyArray:
    """Return ``source`` as it lies on a canvas; ``matrix`` leads from its points there.

    What it does not cover is ``outside``, or its edge drawn out.
    """
    import cv2

    centred = matrix.copy()
    centred[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
    scale = math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
    smooth: Any = source
    if scale < 0.9:
        smooth = cv2.GaussianBlur(source, (0, 0), 0.5 * math.sqrt(1 / scale**2 - 1))
    border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    laid = cv2.warpAffine(smooth, centred, (width_px, height_px), borderMode=border, borderValue=(outside or 0,))
    return np.asarray(laid, dtype=np.uint8)


def flow(a: GreyArray, b: GreyArray) -> FloatArray:
    """Return how far, and where to, each pixel of a went in b ``[height, width, 2]``."""
    import cv2

    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    start = np.zeros((*a.shape, 2), np.float32)
    return np.asarray(finder.calc(a, b, start), dtype=np.float32)


def points(picture: GreyArray, most: int, contrast: int) -> Points:
    """Find ORB's points, corners of at least so much ``contrast``, described by bits."""
    import cv2

    return _points(cv2.ORB.create(most, edgeThreshold=16, fastThreshold=contrast), picture)


def faint_points(picture: GreyArray, most: int) -> Points:
    """Find SIFT's points, described by numbers.

    Of 144 crops it recognises 9 that ORB does not, for 18 ms a picture instead of 1.5.
    """
    import cv2

    return _points(cv2.SIFT.create(most, contrastThreshold=0.015), picture)


def _points(finder: Any, picture: GreyArray) -> Points:
    found, descriptors = finder.detectAndCompute(picture, None)
    if not found:
        return Points(np.zeros((0, 2), np.float32), np.zeros((0, 0), np.uint8))
    return Points(np.array([point.pt for point in found], np.float32) + np.float32(0.5), descriptors)


def fitted(a: Points, b: Points, least: int) -> Matrix | None:
    """Return the map that most points with the same looks agree on, if at least so many do."""
    import cv2

    if min(len(a.places), len(b.places)) < least:
        return None
    norm = cv2.NORM_HAMMING if a.descriptors.dtype == np.uint8 else cv2.NORM_L2
    pairs = cv2.BFMatcher(norm).knnMatch(a.descriptors, b.descriptors, k=2)
    clear = [best for best, second in pairs if best.distance < _DISTINCT * second.distance]
    if len(clear) < least:
        return None
    there, here = a.places[[match.queryIdx for match in clear]], b.places[[match.trainIdx for match in clear]]
    matrix, inliers = cv2.estimateAffine2D(
        there, here, method=cv2.RANSAC, ransacReprojThreshold=_INLIER_PX, maxIters=_RANSAC_ROUNDS
    )
    if int(np.count_nonzero(inliers)) < least:
        return None
    return np.asarray(matrix, dtype=np.float64)
