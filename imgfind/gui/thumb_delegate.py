"""Paints one cell of the grid: the whole photo, its badges and its caption; and the headings.

Takes everything from the model's roles and the palette. Called for every visible cell of every frame: what can be kept
between two frames is kept. GUI thread only.
"""

import functools
import math
import os

from PySide6.QtCore import (
    QDate,
    QLocale,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QGuiApplication, QPainter, QPalette, QPen, QPixmap, QStaticText
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from imgfind.core import paths
from imgfind.core.records import Card
from imgfind.gui import texts
from imgfind.gui.grid_layout import thumb_height_px
from imgfind.gui.icons import paint_icon
from imgfind.gui.results_model import CardRole, CopiesRole, ScoreRole, Standing

_Index = QModelIndex | QPersistentModelIndex

_CAPTION_SIZE = 0.9
_HEADING_SIZE = 1.15
_PADDING_PX = 4
_RING_PX = 3
_RADIUS_PX = 5
BADGE_PX = 22
_COUNT_PADDING_PX = 14
_DRAG_PX = 96
_KEEP_ASPECT = Qt.AspectRatioMode.KeepAspectRatio
_BADGE_INK = QColor(255, 255, 255)
_BADGE_GROUND = QColor(0, 0, 0, 130)
_AWAY_OPACITY = 0.45
_SELECTED_ALPHA = 45
_PLACEHOLDER_ALPHA = 18
_EDGE_INK = 0.12
_FAMILY_ALPHA = 20
_HALF_GAP_PX = 7
"""Half of what is between two cells: the ground of a picture and its copies has no gaps."""


class ThumbDelegate(QStyledItemDelegate):
    """Paints the cells of one view."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.captions: tuple[str, ...] = ()
        """What stands below each photo, a line each: of ``name``, ``date`` and ``score``."""
        self.set_font(QGuiApplication.font())

    def set_font(self, font: QFont) -> None:
        """Make the fonts of captions and headings from that of the view."""
        self._caption_font = _sized(font, _CAPTION_SIZE)
        self._caption_metrics = QFontMetrics(self._caption_font)
        self.heading_font = _sized(font, _HEADING_SIZE)
        self.heading_font.setWeight(QFont.Weight.DemiBold)
        # A screen of captions took 5 ms when each frame shortened and laid them out again, and now takes 1.
        self._laid_out = functools.lru_cache(maxsize=2048)(self._lay_out)
        self._count_badge = functools.lru_cache(maxsize=64)(self._make_count_badge)

    def caption_px(self) -> int:
        """Return the height of the captions."""
        return self._caption_metrics.lineSpacing() * len(self.captions) + 2 * _PADDING_PX if self.captions else 0

    def heading_px(self) -> int:
        """Return the height of a heading."""
        return 2 * QFontMetrics(self.heading_font).height()

    def paint_heading(self, painter: QPainter, option: QStyleOptionViewItem, title: str, count: int | None) -> None:
        """Paint a heading into ``option.rect``: its title, and how many photos stand below it where that is known."""
        rect, palette = option.rect, option.palette
        painter.setFont(self.heading_font)
        painter.setPen(palette.color(QPalette.ColorRole.Text))
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(rect, flags, title)
        if count is None:
            return
        title_px = painter.fontMetrics().horizontalAdvance(title)
        painter.setFont(option.font)
        painter.setPen(palette.color(QPalette.ColorRole.PlaceholderText))
        painter.drawText(rect.adjusted(title_px + 3 * _PADDING_PX, 0, 0, 0), flags, texts.number(count))

    def caption(self, kind: str, card: Card, index: _Index) -> str:
        """Return one line of the caption."""
        return _caption(kind, card, index)

    def copies_place(self, cell: QRect, index: _Index, scale: float) -> QRect:
        """Return where on a photo stands how many copies there are, to be clicked; nowhere where there are none."""
        standing: Standing | None = index.data(CopiesRole)
        if standing is None or standing.is_copy:
            return QRect()
        return self._count_place(self._picture_place(cell, index.data(CardRole), scale), _counted(standing))

    def _count_place(self, picture: QRect, text: str) -> QRect:
        width_px = self._caption_metrics.horizontalAdvance(text) + _COUNT_PADDING_PX
        return QRect(picture.right() + 1 - width_px - 2, picture.top() + 2, width_px, BADGE_PX - 4)

    def _paint_standing(self, painter: QPainter, picture: QRect, standing: Standing) -> None:
        """Paint on a photo that it is a copy, or how many copies there are; a minus where they are shown."""
        if standing.is_copy:
            paint_badge(painter, "copy", QPointF(picture.right() + 1 - BADGE_PX, picture.top()))
            return
        text = _counted(standing)
        place = self._count_place(picture, text)
        painter.drawPixmap(place.topLeft(), self._count_badge(text, place.size(), painter.device().devicePixelRatioF()))

    def _make_count_badge(self, text: str, size: QSize, scale: float) -> QPixmap:
        pixmap = QPixmap(size * scale)
        pixmap.setDevicePixelRatio(scale)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_BADGE_GROUND)
        place = QRect(QPoint(), size)
        painter.drawRoundedRect(place, place.height() / 2, place.height() / 2)
        painter.setPen(_BADGE_INK)
        painter.setFont(self._caption_font)
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)
        painter.end()
        return pixmap

    def paint_signs(self, painter: QPainter, rect: QRect, card: Card, _index: _Index) -> None:
        """Paint on a photo, which is at ``rect``, what there is to know of it at a glance."""
        if card.favourite:
            paint_badge(painter, "heart", QPointF(rect.left(), rect.bottom() + 1 - BADGE_PX))
        if card.offline:
            paint_badge(painter, "unplug", QPointF(rect.right() + 1 - BADGE_PX, rect.bottom() + 1 - BADGE_PX))

    def _paint_picture(
        self, painter: QPainter, option: QStyleOptionViewItem, card: Card | None, pixmap: QPixmap | None
    ) -> QRect:
        """Paint the photo, or what stands for it, and return where."""
        scale = painter.device().devicePixelRatioF()
        rect = self._picture_place(option.rect, card, scale)
        if pixmap is None or pixmap.isNull():
            _paint_placeholder(painter, rect, option.palette, is_missing=pixmap is not None)
            return rect
        _paint_edge(painter, rect, option.palette)
        if card is not None and card.offline:
            painter.fillRect(rect, option.palette.color(QPalette.ColorRole.Base))
            painter.setOpacity(_AWAY_OPACITY)
        if abs(pixmap.width() - rect.width() * scale) < 2:
            painter.drawPixmap(rect.topLeft(), pixmap)
        else:  # made for another size; the right one is on its way
            painter.drawPixmap(rect, pixmap)
        painter.setOpacity(1.0)
        return rect

    def _picture_place(self, cell: QRect, card: Card | None, scale: float) -> QRect:
        room = QRect(cell.topLeft(), QSize(cell.width(), thumb_height_px(cell.width())))
        # A caption belongs to its photo: below a wide one it would hang in the air.
        rise = 1 if self.captions else 2
        natural = QSize(card.width_px, card.height_px) / scale if card is not None else room.size()
        return _fitted(natural, room, rise)

    def _paint_caption(self, painter: QPainter, option: QStyleOptionViewItem, card: Card, index: _Index) -> None:
        line = QRect(option.rect)
        line.setTop(line.top() + thumb_height_px(line.width()) + _PADDING_PX)
        line.setHeight(self._caption_metrics.lineSpacing())
        painter.setFont(self._caption_font)
        for kind in self.captions:
            role = QPalette.ColorRole.Text if kind == "name" else QPalette.ColorRole.PlaceholderText
            painter.setPen(option.palette.color(role))
            text = self._laid_out(self.caption(kind, card, index), line.width())
            painter.drawStaticText(line.left() + (line.width() - round(text.size().width())) // 2, line.top(), text)
            line.translate(0, line.height())

    def _lay_out(self, text: str, width_px: int) -> QStaticText:
        made = QStaticText(self._caption_metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, width_px))
        made.setTextFormat(Qt.TextFormat.PlainText)
        made.prepare(font=self._caption_font)
        return made

    # Qt's names from here on.

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        card: Card | None = index.data(CardRole)
        standing: Standing | None = index.data(CopiesRole)
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        if standing is not None and standing.is_open:
            _paint_family(painter, option)
        if is_selected:
            _paint_ground(painter, option)
        rect = self._paint_picture(painter, option, card, index.data(Qt.ItemDataRole.DecorationRole))
        if card is not None:
            self.paint_signs(painter, rect, card, index)
            if standing is not None:
                self._paint_standing(painter, rect, standing)
            if self.captions:
                self._paint_caption(painter, option, card, index)
        if is_selected or option.state & QStyle.StateFlag.State_HasFocus:
            _paint_ring(painter, option, rect, _RING_PX if is_selected else 1)


def _fitted(size: QSize, room: QRect, rise: int) -> QRect:
    """Return the place of a picture in its room: whole, not enlarged, with 1/``rise`` of what is free above it."""
    if room.size().expandedTo(size) != room.size():
        size = size.scaled(room.size(), _KEEP_ASPECT)
    size = size.expandedTo(QSize(1, 1))
    left = room.left() + (room.width() - size.width()) // 2
    return QRect(QPoint(left, room.top() + (room.height() - size.height()) // rise), size)


def _paint_edge(painter: QPainter, rect: QRect, palette: QPalette) -> None:
    """Paint a faint line around the place of a photo, without which a white sky would end nowhere."""
    # As a ground that the photo covers but for the line: a screen of 63 photos is painted in 3.3 ms, with a rectangle
    # drawn around each in 8 to 10, with four filled lines in 6.5.
    width_px = 1 / painter.device().devicePixelRatioF()
    base, ink = palette.color(QPalette.ColorRole.Base), palette.color(QPalette.ColorRole.Text)
    painter.fillRect(QRectF(rect).adjusted(-width_px, -width_px, width_px, width_px), _mixed(base.rgb(), ink.rgb()))


@functools.lru_cache(maxsize=8)
def _mixed(base: int, ink: int) -> QColor:
    """Return a little ink on a base, opaque."""
    below, above = QColor(base), QColor(ink)
    parts = ((below.red(), above.red()), (below.green(), above.green()), (below.blue(), above.blue()))
    return QColor(*(round(light + _EDGE_INK * (dark - light)) for light, dark in parts))


def _paint_family(painter: QPainter, option: QStyleOptionViewItem) -> None:
    """Paint the ground that a picture shares with the copies behind it."""
    colour = option.palette.color(QPalette.ColorRole.Text)
    colour.setAlpha(_FAMILY_ALPHA)
    painter.fillRect(option.rect.adjusted(-_HALF_GAP_PX, -_HALF_GAP_PX, _HALF_GAP_PX, _HALF_GAP_PX), colour)


def _counted(standing: Standing) -> str:
    return f"{'−' if standing.is_open else '+'}{texts.number(standing.copies)}"


def _paint_ground(painter: QPainter, option: QStyleOptionViewItem) -> None:
    colour = option.palette.color(QPalette.ColorRole.Highlight)
    colour.setAlpha(_SELECTED_ALPHA)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    around = option.rect.adjusted(-_PADDING_PX, -_PADDING_PX, _PADDING_PX, _PADDING_PX)
    painter.drawRoundedRect(around, _RADIUS_PX, _RADIUS_PX)


def _paint_ring(painter: QPainter, option: QStyleOptionViewItem, rect: QRect, width_px: int) -> None:
    painter.setPen(QPen(option.palette.color(QPalette.ColorRole.Highlight), width_px))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(QRectF(rect).adjusted(-1.5, -1.5, 1.5, 1.5), _RADIUS_PX, _RADIUS_PX)


def _paint_placeholder(painter: QPainter, rect: QRect, palette: QPalette, *, is_missing: bool) -> None:
    colour = palette.color(QPalette.ColorRole.Text)
    colour.setAlpha(_PLACEHOLDER_ALPHA)
    painter.fillRect(rect, colour)
    if is_missing:
        edge_px = min(32, rect.width() // 2, rect.height() // 2)
        icon_rect = QRectF(0, 0, edge_px, edge_px)
        icon_rect.moveCenter(QRectF(rect).center())
        paint_icon(painter, "image", icon_rect, palette.color(QPalette.ColorRole.PlaceholderText))


def paint_badge(painter: QPainter, name: str, corner: QPointF) -> None:
    """Paint a small sign on a photo; ``corner`` is its upper left one."""
    painter.drawPixmap(corner, _badge(name, painter.device().devicePixelRatioF()))


def drag_pixmap(pixmap: QPixmap | None, count: int, palette: QPalette) -> QPixmap:
    """Return what is dragged along with the pointer: a photo and, where there are several, their number."""
    shown = QPixmap(_DRAG_PX, _DRAG_PX) if pixmap is None or pixmap.isNull() else pixmap
    if shown is not pixmap:
        shown.fill(palette.color(QPalette.ColorRole.Mid))
    scale = shown.devicePixelRatio()
    edge_px = round(_DRAG_PX * scale)
    shown = shown.scaled(edge_px, edge_px, _KEEP_ASPECT, Qt.TransformationMode.SmoothTransformation)
    if count > 1:
        painter = QPainter(shown)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = texts.number(count)
        place = QRectF(0, 0, painter.fontMetrics().horizontalAdvance(text) + 12, painter.fontMetrics().height() + 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color(QPalette.ColorRole.Highlight))
        painter.drawRoundedRect(place, place.height() / 2, place.height() / 2)
        painter.setPen(palette.color(QPalette.ColorRole.HighlightedText))
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)
        painter.end()
    return shown


@functools.lru_cache(maxsize=16)
def _badge(name: str, scale: float) -> QPixmap:
    """Return a white icon on a dark disc, to be read on any photo; painting it from its SVG took 60 us each time."""
    edge_px = math.ceil(BADGE_PX * scale)
    pixmap = QPixmap(edge_px, edge_px)
    pixmap.setDevicePixelRatio(scale)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_BADGE_GROUND)
    disc = QRectF(0, 0, BADGE_PX, BADGE_PX).adjusted(2, 2, -2, -2)
    painter.drawEllipse(disc)
    paint_icon(painter, name, disc.adjusted(3, 3, -3, -3), _BADGE_INK)
    painter.end()
    return pixmap


def _caption(kind: str, card: Card, index: _Index) -> str:
    if kind == "name":
        return _name(card.path)
    if kind == "date":
        return _day(card.taken_at[:10]) if card.taken_at else ""
    score = index.data(ScoreRole)
    return QLocale().toString(score, "f", 2) if score is not None else ""


@functools.lru_cache(maxsize=1024)
def _name(path: str) -> str:
    return paths.displayed(os.path.basename(path))


@functools.lru_cache(maxsize=1024)
def _day(iso: str) -> str:
    return QLocale().toString(QDate.fromString(iso, Qt.DateFormat.ISODate), "d MMM yyyy")


def _sized(font: QFont, factor: float) -> QFont:
    sized = QFont(font)
    sized.setPointSizeF(factor * font.pointSizeF())
    return sized
