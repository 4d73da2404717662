"""How well two pictures agree where one lies on the other.

Indifferent to what a copy goes through: other tones, less sharpness, noise, JPEG blocks. Sensitive to what another shot
brings along: things that moved, near against far, other people, other words. Pure
functions, safe on every thread.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgfind.core import opencv
from imgfind.core.opencv import GreyArray, Mask, Matrix
from imgfind.core.records import FloatArray
from imgfind.core.registration import composed, inverse, plausible

Blocks = FloatArray
"""One value for each block of pixels ``[rows, columns]``."""

_LEAST_EDGE_PX = 24
_BLOCK_PX = 12
_SMOOTH_PX = 0.9
"""Takes the worst off noise and JPEG blocks; finer detail does not survive a resized copy anyway."""
_NOISE = 30.0
"""Variance in grey levels that two copies of a block may differ by for free: sigma 15 after smoothing."""
_STRUCTURE = 36.0
"""Variance from which a block shows something."""
_LEAST_BLOCKS = 12
"""With something to see; below it there is nothing to decide by."""
_TONES = 32
_SAME_TONE, _SAME_TONE_SHARE = 6.0, 0.8
"""Grey levels a tone may be off, and for how much of the picture, to be the same."""
_SAMPLES = 10_000
"""Pixels the curve of tones is fitted to."""
_BLURS_PX = (0.5, 0.8, 1.2, 1.8, 2.6, 3.5)
_EDGE = 4.0
"""Grey levels per pixel from which it can be seen that something moved."""
_LEAST_EDGES, _EDGES = 100, 2000
"""Pixels on edges that are needed to see a drift, and that are looked at."""
_EDGE_SMOOTH_PX, _STEEPEST = 0.8, 0.999
_CELL_PX = 4
_HOPELESS = 0.35
"""Mean agreement below which no small move helps."""
_EXACT = 0.9
"""Where all but the worst hundredth agrees better than this nothing moved: two shots reached 0.6 at most."""
_MOVED_PX = 0.12
"""What is off by this much in the middle is moved into place and compared again."""
_ODD_BLOCKS = 4
_DIFFERENT = 0.5
"""Blocks below this agreement show something else."""
_STRIP_SHARE = 0.25
"""How far from its side a caption or border may reach."""
_STRIP_DIFFERS = 0.4
"""So much of every row of blocks in it shows something else."""
_PLAIN_SHARE = 0.5
"""So much of it is of one tone."""
_STROKE_PX = 11
"""What is written over a picture is thinner than this, of 256; most that moves is thicker."""
_STROKE_CONTRAST = 12.0
_THICK_SHARE = 0.3
_WRITTEN_SHARE = 0.12
_ONE_SIDED = 0.94


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """What two pictures have in common where they overlap.

    ``matrix`` leads from a to b, more exactly than the one it began with. ``low`` is how well all blocks but the worst
    twentieth agree, ``worst`` the mean of the worst fiftieth, ``mean`` that of all, 1 being equal. ``drift_px`` is how
    far what is seen lies apart, in all but the worst tenth. ``odd`` is by how much the worst four blocks agree less
    than ``low``, writing and strips included: high where a small spot differs in a picture that agrees elsewhere.
    ``unexplained`` is the share of contrast that no change of tones accounts for. ``tone`` (grey levels) and
    ``blur_px`` are what was done to the one to make it look like the other. ``a_share`` and ``b_share`` are the parts
    of the pictures that overlap, ``compared_share`` what of the overlap was compared; ``written_over`` tells that
    strips along the sides or thin writing were left out.
    """

    matrix: Matrix
    low: float
    worst: float
    mean: float
    drift_px: float
    odd: float
    unexplained: float
    tone: float
    blur_px: float
    a_share: float
    b_share: float
    compared_share: float
    written_over: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """Two pictures in the pixels of the coarser one, cut to where they overlap."""

    a: GreyArray
    b: GreyArray
    mask: Mask
    from_a: Matrix
    from_b: Matrix


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Two pictures made as alike as tones and sharpness can make them, and the blocks they are compared by.

    ``mask`` is ``whole`` without its rim. ``shown`` are the blocks that show something in either picture.
    """

    a: FloatArray
    b: FloatArray
    whole: Mask
    mask: Mask
    scores: Blocks
    shown: NDArray[np.bool_]
    unexplained: float
    tone: float
    blur_px: float


def agreement(a: GreyArray, b: GreyArray, matrix: Matrix) -> Agreement | None:
    """Compare two pictures that lie on each other as ``matrix`` says; None where there is nothing to compare."""
    frame = _framed(a, b, matrix)
    seen = _seen(frame) if frame else None
    if frame is None or seen is None:
        return None
    drift = _drift(seen)
    if drift is not None and drift.middle_px > _MOVED_PX:
        moved = composed(inverse(frame.from_b), composed(drift.correction, frame.from_a))
        second = _framed(a, b, moved)
        better = _seen(second) if second else None
        if second and better and better.scores[better.shown].mean() > seen.scores[seen.shown].mean():
            frame, seen, matrix, drift = second, better, moved, _drift(better)
    everything = np.sort(seen.scores[seen.shown])
    written_over = False
    without = _without_writing(frame, seen)
    if without is not None:
        seen, drift, written_over = without, _drift(without), True
    scores = np.sort(seen.scores[seen.shown])
    area_px = float(np.count_nonzero(frame.mask))
    return Agreement(
        matrix,
        low=float(scores[len(scores) // 20]),
        worst=float(scores[: max(2, len(scores) // 50)].mean()),
        mean=float(scores.mean()),
        drift_px=drift.most_px if drift else 0.0,
        odd=float(everything[len(everything) // 20] - everything[:_ODD_BLOCKS].mean()),
        unexplained=seen.unexplained,
        tone=seen.tone,
        blur_px=seen.blur_px,
        a_share=min(1.0, area_px / _determinant(frame.from_a) / a.size),
        b_share=min(1.0, area_px / _determinant(frame.from_b) / b.size),
        compared_share=np.count_nonzero(seen.whole) / area_px,
        written_over=written_over,
    )


def plain_share(grey: GreyArray) -> float:
    """Return the share of the pixels that have about the most frequent tone."""
    counts = np.bincount(grey.ravel() >> 2, minlength=64)
    return float(np.convolve(counts, [1, 1, 1], "same").max() / grey.size)


def sharpness(grey: GreyArray) -> float:
    """Return how steep the steepest edges are, in grey levels per pixel; noise and JPEG blocks hardly count."""
    return float(np.quantile(opencv.slopes(opencv.blurred(grey.astype(np.float32), _EDGE_SMOOTH_PX)), _STEEPEST))


def spread(a: GreyArray, b: GreyArray) -> float:
    """Return by how much two pictures of one size differ where little is to be seen, in grey levels.

    It is the standard deviation, taken from the median, of the means of squares so small that noise is left in them.
    """
    size = (max(1, a.shape[1] // _CELL_PX), max(1, a.shape[0] // _CELL_PX))
    cells = opencv.means(b.astype(np.float32) - a.astype(np.float32), *size)
    return float(np.median(np.abs(cells - np.median(cells)))) / 0.6745


def _framed(a: GreyArray, b: GreyArray, matrix: Matrix) -> _Frame | None:
    if not plausible(matrix):
        return None
    b_is_finer = _determinant(matrix) >= 1
    coarse, fine = (a, b) if b_is_finer else (b, a)
    to_coarse = inverse(matrix) if b_is_finer else matrix
    corners = _corners(fine) @ to_coarse[:, :2].T + to_coarse[:, 2]
    left, top = (int(edge) for edge in np.floor(np.maximum(corners.min(axis=0), 0)))
    right, bottom = (int(edge) for edge in np.ceil(np.minimum(corners.max(axis=0), (coarse.shape[1], coarse.shape[0]))))
    if min(right - left, bottom - top) < _LEAST_EDGE_PX:
        return None
    shift = np.array([[1.0, 0, -left], [0, 1, -top]])
    to_frame = composed(shift, to_coarse)
    laid = opencv.warped(fine, to_frame, right - left, bottom - top)
    mask = opencv.polygon_mask(corners - (left, top), right - left, bottom - top)
    cut = coarse[top:bottom, left:right]
    if b_is_finer:
        return _Frame(cut, laid, mask, shift, to_frame)
    return _Frame(laid, cut, mask, to_frame, shift)


def _seen(frame: _Frame, mask: Mask | None = None) -> _Seen | None:
    whole = frame.mask if mask is None else mask
    inner = opencv.shrink_mask(whole, 2)
    if np.count_nonzero(inner) < _LEAST_EDGE_PX**2:
        return None
    one, other = frame.a.astype(np.float32), frame.b.astype(np.float32)
    there, lost_there = _toned(frame.a, frame.b, inner)
    back, lost_back = _toned(frame.b, frame.a, inner)
    # What was overexposed can be made from what was not, but not the other way round.
    if lost_there <= lost_back:
        tone = float(np.abs(there - one)[inner > 0].mean())
        one = there
    else:
        tone = float(np.abs(back - other)[inner > 0].mean())
        other = back
    one, other, blur_px = _equally_sharp(one, other, inner)
    one, other = opencv.blurred(one, _SMOOTH_PX), opencv.blurred(other, _SMOOTH_PX)
    scores, shown = _block_scores(one, other, inner)
    if np.count_nonzero(shown) < _LEAST_BLOCKS:
        return None
    return _Seen(one, other, whole, inner, scores, shown, min(lost_there, lost_back), tone, blur_px)


def _toned(source: GreyArray, target: GreyArray, mask: Mask) -> tuple[FloatArray, float]:
    """Give ``source`` the tones of ``target``, lighter staying lighter, and return the share of contrast that is left.

    Where most keep their tone all do, and the curve is fitted a second time without what differs most: what only one
    picture shows, as writing, must not bend it.
    """
    inside = np.flatnonzero(mask)
    inside = inside[:: max(1, len(inside) // _SAMPLES)]
    tones, wanted = source.ravel()[inside], target.ravel()[inside].astype(np.float64)
    if np.mean(np.abs(tones - wanted) <= _SAME_TONE) >= _SAME_TONE_SHARE:
        curve = np.arange(256, dtype=np.float64)
    else:
        curve = _curve(tones, wanted)
        off = np.abs(curve[tones] - wanted)
        kept = off <= max(_SAME_TONE, 2.5 * float(np.median(off)))
        curve = _curve(tones[kept], wanted[kept])
    left = float(np.mean((curve[tones] - wanted) ** 2)) / max(1.0, float(wanted.var()))
    return curve.astype(np.float32)[source], left


def _curve(tones: GreyArray, wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rising curve ``[256]`` nearest to the mean of ``wanted`` over every tone."""
    bins = tones >> 3
    counts = np.bincount(bins, minlength=_TONES)
    used = np.flatnonzero(counts)
    means = np.bincount(bins, wanted, minlength=_TONES)[used] / counts[used]
    levels: list[tuple[float, float, int]] = []  # pooled adjacent violators: mean, weight, length
    for mean, weight in zip(means.tolist(), counts[used].tolist(), strict=True):
        level = (mean, float(weight), 1)
        while levels and levels[-1][0] > level[0]:
            before = levels.pop()
            total = before[1] + level[1]
            level = ((before[0] * before[1] + level[0] * level[1]) / total, total, before[2] + level[2])
        levels.append(level)
    rising = np.repeat([level[0] for level in levels], [level[2] for level in levels])
    return np.asarray(np.interp(np.arange(256), used * 8 + 3.5, rising), dtype=np.float64)


def _equally_sharp(a: FloatArray, b: FloatArray, mask: Mask) -> tuple[FloatArray, FloatArray, float]:
    """Blur the sharper picture until both have as much fine detail, and say by how much."""
    a_detail, b_detail = _detail(a, mask), _detail(b, mask)
    sharper, least = (a, b_detail) if a_detail > b_detail else (b, a_detail)
    blurred, detail, blur_px = sharper, max(a_detail, b_detail), 0.0
    for sigma_px in _BLURS_PX:
        if detail <= least * 1.05:
            break
        blurred, blur_px = opencv.blurred(sharper, sigma_px), sigma_px
        detail = _detail(blurred, mask)
    return (blurred, b, blur_px) if a_detail > b_detail else (a, blurred, blur_px)


def _detail(picture: FloatArray, mask: Mask) -> float:
    return float(np.mean(np.square(opencv.slopes(picture)[mask > 0])))


def _block_scores(a: FloatArray, b: FloatArray, mask: Mask) -> tuple[Blocks, NDArray[np.bool_]]:
    """Return how well each block agrees (structural similarity without its mean), and which show something."""
    size = (max(1, round(a.shape[1] / _BLOCK_PX)), max(1, round(a.shape[0] / _BLOCK_PX)))
    inside = mask.astype(np.float32)
    weight = opencv.means(inside, *size)
    counted = np.maximum(weight, np.float32(1e-3))

    def means(picture: FloatArray) -> Blocks:
        return np.asarray(opencv.means(picture * inside, *size) / counted, dtype=np.float32)

    a_mean, b_mean = means(a), means(b)
    a_variance, b_variance = means(a * a) - a_mean**2, means(b * b) - b_mean**2
    covariance = means(a * b) - a_mean * b_mean
    scores = (2 * covariance + _NOISE) / (a_variance + b_variance + _NOISE)
    shown = (weight > 0.6) & (np.maximum(a_variance, b_variance) > _STRUCTURE)
    return np.asarray(scores, dtype=np.float32), shown


@dataclass(frozen=True, slots=True, eq=False)
class _Drift:
    """How far things lie apart, in the middle and in all but the worst tenth, and the map that puts most in place."""

    middle_px: float
    most_px: float
    correction: Matrix


def _drift(seen: _Seen) -> _Drift | None:
    """See how far things lie apart; None where all or nearly nothing agrees, or there are too few edges to tell."""
    scores = seen.scores[seen.shown]
    if scores.mean() < _HOPELESS or np.quantile(scores, 0.01) > _EXACT:
        return None
    # What is not compared must not pull at what is.
    a, b = (np.clip(np.where(seen.mask, picture, 128), 0, 255).astype(np.uint8) for picture in (seen.a, seen.b))
    rows, columns = np.nonzero((opencv.slopes(seen.b) > _EDGE) & (seen.mask > 0))
    if len(rows) < _LEAST_EDGES:
        return None
    step = max(1, len(rows) // _EDGES)
    rows, columns = rows[::step], columns[::step]
    flow = opencv.flow(a, b)[rows, columns].astype(np.float64)
    distance = np.hypot(flow[:, 0], flow[:, 1])
    places = np.column_stack([columns + 0.5, rows + 0.5, np.ones(len(rows))])
    kept = np.ones(len(places), np.bool_)
    for _ in range(3):
        fit = np.linalg.lstsq(places[kept], flow[kept], rcond=None)[0]
        off = np.hypot(*(flow - places @ fit).T)
        kept = off <= max(0.3, 2 * float(np.median(off)))
    correction = fit.T + np.array([[1.0, 0, 0], [0, 1, 0]])
    return _Drift(float(np.median(distance)), float(np.quantile(distance, 0.9)), correction)


def _without_writing(frame: _Frame, seen: _Seen) -> _Seen | None:
    """Compare again without plain strips along the sides or thin writing anywhere, where something differs."""
    different = seen.shown & (seen.scores < _DIFFERENT)
    if not different.any():
        return None
    mask = _without_strips(frame, seen.shown, different)
    if mask is None:
        mask = _without_strokes(frame, seen, different)
    return _seen(frame, mask) if mask is not None else None


def _without_strips(frame: _Frame, shown: NDArray[np.bool_], different: NDArray[np.bool_]) -> Mask | None:
    """Return what is left without captions and borders: strips along a side, different all along, plain in one picture.

    None where there are none.
    """
    mask = frame.mask.copy()
    for quarter_turns in range(4):  # each side is once the upper one
        turned_mask = np.rot90(mask, quarter_turns)
        height = len(turned_mask)
        counts = np.rot90(shown, quarter_turns).sum(axis=1)
        differ = np.rot90(different, quarter_turns).sum(axis=1) >= _STRIP_DIFFERS * np.maximum(counts, 1)
        rows = int(np.argmin(differ)) if not differ.all() else len(differ)
        depth_px = math.ceil(rows / len(differ) * height)
        if not 0 < depth_px <= _STRIP_SHARE * height:
            continue
        strips = (np.rot90(picture, quarter_turns)[:depth_px] for picture in (frame.a, frame.b))
        if max(plain_share(strip) for strip in strips) >= _PLAIN_SHARE:
            turned_mask[:depth_px] = 0
    return mask if not np.array_equal(mask, frame.mask) else None


def _without_strokes(frame: _Frame, seen: _Seen, different: NDArray[np.bool_]) -> Mask | None:
    """Return what is left without thin strokes that are all lighter, or all darker, than what they cover.

    What moved shows where it is and where it was, lighter here and darker there. None where there are no such strokes.
    """
    height, width = seen.mask.shape
    around = opencv.grow_mask(different.astype(np.uint8), 1)
    inside = (opencv.enlarged(around, width, height) > 0) & (seen.mask > 0)
    change = np.where(inside, seen.b - seen.a, 0)
    change[np.abs(change) < _STROKE_CONTRAST] = 0
    lighter, darker = float(change[change > 0].sum()), float(-change[change < 0].sum())
    if max(lighter, darker) <= _ONE_SIDED * (lighter + darker):
        return None
    strokes = (change != 0).astype(np.uint8)
    # The soft edges of small letters run into each other, their middles do not.
    middles = (np.abs(change) > np.quantile(np.abs(change[change != 0]), 0.95) / 2).astype(np.uint8)
    thick = opencv.thick_parts(middles, _STROKE_PX)
    if thick.sum() > _THICK_SHARE * middles.sum() or strokes.mean() > _WRITTEN_SHARE:
        return None
    return np.where(opencv.grow_mask(strokes, 2) > 0, 0, frame.mask).astype(np.uint8)


def _corners(picture: GreyArray) -> NDArray[np.float64]:
    height, width = picture.shape
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)


def _determinant(matrix: Matrix) -> float:
    return abs(float(np.linalg.det(matrix[:, :2])))
