"""Icons by name, drawn in the colour of the text around them: one set for light and dark, sharp at every scale.

The files in ``resources/icons`` are Lucide's (ISC licence, beside them). GUI thread only.
"""

import functools

from PySide6.QtCore import QByteArray, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QIconEngine, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer

from imgfind.core import config


def icon(name: str) -> QIcon:
    """Return the icon ``resources/icons/<name>.svg``; it follows the palette by itself."""
    return QIcon(_Engine(name))


def paint_icon(painter: QPainter, name: str, rect: QRectF, colour: QColor) -> None:
    """Draw an icon in any colour, where a :class:`QIcon` has no place (on a photo, in an empty view)."""
    _renderer(name, colour.name(QColor.NameFormat.HexArgb)).render(painter, rect)


@functools.cache
def _text(name: str) -> str:
    return (config.resources_folder() / "icons" / f"{name}.svg").read_text("utf-8")


@functools.lru_cache(maxsize=256)
def _renderer(name: str, argb: str) -> QSvgRenderer:
    colour = QColor(argb)
    painted = _text(name).replace('stroke="currentColor"', f'stroke="currentColor" opacity="{colour.alphaF():.3f}"')
    painted = painted.replace("currentColor", colour.name())
    return QSvgRenderer(QByteArray(painted.encode()))


class _Engine(QIconEngine):
    """Draws one file in the palette's colour of the moment."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        palette = QGuiApplication.palette()
        group = QPalette.ColorGroup.Disabled if mode == QIcon.Mode.Disabled else QPalette.ColorGroup.Active
        role = QPalette.ColorRole.HighlightedText if mode == QIcon.Mode.Selected else QPalette.ColorRole.WindowText
        paint_icon(painter, self._name, QRectF(rect), palette.color(group, role))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(0, 0, size.width(), size.height()), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return _Engine(self._name)
