"""Two photos laid on each other, so that they can be looked at side by side, in turns, or as their difference.

Both become pictures of one frame in which the same thing is at the same place, whatever was turned, cropped or framed.
For worker threads: no pixmaps, no widgets.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QImage, QPainter, QTransform

from imgfind.core import Library, comparison, registration
from imgfind.core.records import Label, PhotoId, PixelArray
from imgfind.core.registration import Features
from imgfind.gui.picture_loader import load_picture

_WHOLE = frozenset({Label.IDENTICAL, Label.SAME_PIXELS, Label.RE_ENCODED})
"""These show the same from edge to edge."""
_MOST_FRAME = 2.0
"""A border of a photo is shown up to this size, of the photo itself."""
_MOST_PX = 24_000_000
"""Of the frame: 96 MB for each of its pictures."""
_CONTRAST = 4
"""Differences of a few grey levels are what one looks for, and cannot be seen."""
_AGREED = 0.85
"""Mean agreement from which no other map is tried: different pictures have up to 0.4, bursts about 0.7."""
_FORMAT = QImage.Format.Format_ARGB32_Premultiplied


class PairKey(NamedTuple):
    """The photos to compare, ``turn`` and ``label`` as :class:`~imgfind.core.grouping.Member` has them."""

    kept: PhotoId
    member: PhotoId
    label: Label
    turn: int


@dataclass(frozen=True, slots=True, eq=False)
class LaidPair:
    """Two pictures of one frame, transparent where a photo has nothing; None of what cannot be read, see ``problem``.

    ``size`` is the frame's in pixels of the kept photo.
    """

    kept: QImage | None = None
    member: QImage | None = None
    size: QSize = field(default_factory=QSize)
    problem: str = ""


def load_pair(library: Library, key: PairKey, box: QSize | None) -> LaidPair:
    """Load two photos to fill ``box`` (device pixels), or with all pixels, and lay them on each other."""
    kept, member = (load_picture(library, photo_id, box) for photo_id in (key.kept, key.member))
    if kept.image is None or member.image is None:
        return LaidPair(problem=kept.problem or member.problem)
    to_kept = _to_kept(kept.image, member.image, key)
    frame = _frame(kept.image, member.image, to_kept)
    scale = min(1.0, (_MOST_PX / (frame.width() * frame.height())) ** 0.5)
    times = kept.size.width() / kept.image.width()
    return LaidPair(
        _drawn(kept.image, QTransform(), frame, scale),
        _drawn(member.image, to_kept, frame, scale),
        QSize(round(frame.width() * times), round(frame.height() * times)),
    )


def difference(pair: LaidPair) -> QImage | None:
    """Return where two pictures differ, the brighter the more; black where they agree."""
    if pair.kept is None or pair.member is None:
        return None
    a, b = _pixels(pair.kept), _pixels(pair.member)
    made = np.minimum(np.maximum(a, b) - np.minimum(a, b), 255 // _CONTRAST) * np.uint8(_CONTRAST)
    made[..., 3] = np.minimum(a[..., 3], b[..., 3])
    made[made[..., 3] < 255] = 0  # shown by one of the two alone
    height, width = made.shape[:2]
    return QImage(made.tobytes(), width, height, 4 * width, _FORMAT).copy()


def _to_kept(kept: QImage, member: QImage, key: PairKey) -> QTransform:
    """Return what leads from the pixels of the member's picture to those of the kept one."""
    if key.label not in _WHOLE:
        a, b = (registration.features(_rgb(image)) for image in (kept, member))
        matrix = _best(a, b)
        if matrix is not None:
            found = _as_transform(registration.inverse(matrix))
            return _scaled(member, b.grey.shape) * found * _scaled(kept, a.grey.shape).inverted()[0]
    upright = QImage.trueMatrix(_undone(key.turn), member.width(), member.height())
    size = upright.mapRect(QRectF(member.rect())).size()
    return upright * QTransform.fromScale(kept.width() / size.width(), kept.height() / size.height())


def _best(a: Features, b: Features) -> NDArray[np.float64] | None:
    """Return the map from a to b on which the pictures agree; where they do nowhere, that on which they do most."""
    best = None
    for matrix in registration.alignments(a, b):
        found = comparison.agreement(a.grey, b.grey, matrix)
        if found is not None and (best is None or found.mean > best.mean):
            best = found
            if found.mean >= _AGREED:
                break
    return best.matrix if best is not None else None


def _frame(kept: QImage, member: QImage, to_kept: QTransform) -> QRectF:
    """Return what both pictures take up together, in pixels of the kept one."""
    own = QRectF(kept.rect())
    beyond_x, beyond_y = ((_MOST_FRAME - 1) / 2 * length for length in (own.width(), own.height()))
    most = own.adjusted(-beyond_x, -beyond_y, beyond_x, beyond_y)
    frame = own.united(to_kept.mapRect(QRectF(member.rect()))).intersected(most)
    return QRectF(frame.toAlignedRect())


def _drawn(image: QImage, transform: QTransform, frame: QRectF, scale: float) -> QImage:
    drawn = QImage((frame.size() * scale).toSize(), _FORMAT)
    drawn.fill(0)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.setTransform(
        transform * QTransform.fromTranslate(-frame.left(), -frame.top()) * QTransform.fromScale(scale, scale)
    )
    painter.drawImage(0, 0, image)
    painter.end()
    return drawn


def _undone(turn: int) -> QTransform:
    """Return what turns a picture back to which EXIF orientation ``turn`` + 1 leads."""
    turned = QTransform()
    if turn in (1, 2, 3):
        return turned.scale(-1 if turn != 3 else 1, -1 if turn != 1 else 1)
    return {
        0: turned,
        4: QTransform(0, 1, 1, 0, 0, 0),
        5: QTransform(0, -1, 1, 0, 0, 0),
        6: QTransform(0, -1, -1, 0, 0, 0),
        7: QTransform(0, 1, -1, 0, 0, 0),
    }[turn]


def _scaled(image: QImage, shape: tuple[int, ...]) -> QTransform:
    """Return what leads from the pixels of an image to those of its smaller version."""
    return QTransform.fromScale(shape[1] / image.width(), shape[0] / image.height())


def _as_transform(matrix: NDArray[np.float64]) -> QTransform:
    (a, b, x), (c, d, y) = matrix.tolist()
    return QTransform(a, c, b, d, x, y)  # Qt multiplies from the left


def _pixels(image: QImage) -> NDArray[np.uint8]:
    """Return the bytes of an image ``[height, width, 4]``: blue, green, red, and how opaque."""
    height, width = image.height(), image.width()
    return np.frombuffer(image.constBits(), np.uint8).reshape(height, image.bytesPerLine() // 4, 4)[:, :width]


def _rgb(image: QImage) -> PixelArray:
    return np.ascontiguousarray(_pixels(image)[..., 2::-1])
