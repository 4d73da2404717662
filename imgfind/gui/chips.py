"""A chip: one part of the query as a small button with a picture, an icon or words.

Shows a part and tells what the user wants done with it; the field it stands in does it. GUI thread only.
"""

import base64
import html

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QFontMetrics,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractButton, QMenu, QToolButton, QToolTip, QWidget

from imgfind.core.query import ImageTerm, Term
from imgfind.gui import part_words, query_pictures, texts
from imgfind.gui.icons import icon, paint_icon
from imgfind.gui.query_parts import Part, is_excluded

PICTURE_PX = 256
"""How large a picture is asked for: it is shown that large under the pointer, and small on the chip."""

_PADDING_PX = 7
_GAP_PX = 5
_MARGIN_PX = 3
"""Around the picture."""
_RADIUS_PX = 6
_WIDEST_EM = 16
_WIDEST_PICTURE = 1.6
"""Width to height; a panorama is cut at its sides."""
_FAINT = 0.45


class Chip(QAbstractButton):
    """One part of the query.

    Signals:
        exclusion_chosen(bool): the part is to have a minus or not.
        weight_chosen(float): the part is to count that much.
        removed(): the part is to go.
        edit_wanted(): the part is to become text again.
        region_wanted(): a region of the picture is to be chosen.
        whole_wanted(): the whole picture is meant again.
        stepped(int, bool): the keyboard goes to the neighbour (-1, 1), selecting on its way where true.
        select_toggled(): Ctrl and a click.
    """

    exclusion_chosen = Signal(bool)
    weight_chosen = Signal(float)
    removed = Signal()
    edit_wanted = Signal()
    region_wanted = Signal()
    whole_wanted = Signal()
    stepped = Signal(int, bool)
    select_toggled = Signal()

    def __init__(self, part: Part, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image: QImage | None = None
        self._unreadable = False
        self._selected = False
        self._pixmap = QPixmap()
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._close = QToolButton(self, autoRaise=True)
        self._close.setIcon(icon("x"))
        self._close.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._close.setCursor(Qt.CursorShape.ArrowCursor)
        self._close.clicked.connect(self.removed)
        self.clicked.connect(self.open_menu)
        self.set_part(part)

    @property
    def part(self) -> Part:
        """Return what the chip stands for."""
        return self._part

    def set_part(self, part: Part) -> None:
        """Show another part; a picture stays what it is until :meth:`show_picture`."""
        self._part = part
        described = part_words.description(part)
        self.setText(part_words.words(part))
        self.setAccessibleName(described)
        self.setAccessibleDescription(self.tr("Space opens the menu, Minus excludes, Delete removes"))
        self.setToolTip(texts.tip(described))
        self._close.setToolTip(self.tr("Remove (Delete)"))
        self._close.setAccessibleName(self.tr("Remove {}").format(described))
        self.updateGeometry()
        self.update()

    def show_picture(self, image: QImage | None) -> None:
        """Show the picture of an image term; None where it cannot be read."""
        self._image, self._unreadable = image, image is None
        self._pixmap = QPixmap()
        if self._unreadable:
            self.setToolTip(texts.tip(self.tr("{} cannot be read").format(part_words.description(self._part))))
        self.updateGeometry()
        self.update()

    @property
    def is_selected(self) -> bool:
        """Tell whether the chip is one of several that are dealt with at once."""
        return self._selected

    def set_selected(self, selected: bool) -> None:
        """Take the chip among those that are dealt with at once, or out of them."""
        self._selected = selected
        self.update()

    def sizeHint(self) -> QSize:
        """Return the room the chip needs; all chips are equally high."""
        width = _PADDING_PX + self._close_px() + _MARGIN_PX
        if is_excluded(self._part):
            width += self._icon_px() + _GAP_PX
        if self._shows_picture():
            width += self._picture_size().width() + _GAP_PX
        else:
            width += self._words_width() + _GAP_PX
            width += self._icon_px() + _GAP_PX if self._icon() else 0
        if weight := self._weight_words():
            width += self.fontMetrics().horizontalAdvance(weight) + _GAP_PX
        return QSize(width, height_px(self.fontMetrics()))

    def open_menu(self) -> None:
        """Show what can be done with the part."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        exclude = menu.addAction(self.tr("Leave out what matches") + "\t-")
        exclude.setCheckable(True)
        exclude.setChecked(is_excluded(self._part))
        exclude.triggered.connect(self.exclusion_chosen)
        if isinstance(self._part, Term):
            menu.addSeparator()
            for name, weight in (
                (self.tr("Counts half"), 0.5),
                (self.tr("Counts as usual"), 1.0),
                (self.tr("Counts double"), 2.0),
            ):
                action = menu.addAction(name)
                action.setCheckable(True)
                action.setChecked(abs(self._part.weight) == weight)
                action.triggered.connect(lambda _on, chosen=weight: self.weight_chosen.emit(chosen))
        menu.addSeparator()
        if isinstance(self._part, ImageTerm):
            menu.addAction(icon("crop"), self.tr("Search by a part of it…"), self.region_wanted.emit)
            if self._part.region:
                menu.addAction(self.tr("Search by the whole picture"), self.whole_wanted.emit)
        else:
            menu.addAction(icon("pencil"), self.tr("Edit as text"), self.edit_wanted.emit)
        menu.addAction(icon("x"), self.tr("Remove") + "\tDel", self.removed.emit)
        menu.popup(self.mapToGlobal(QPoint(0, self.height())))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Select with Ctrl, press otherwise."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.select_toggled.emit()
            return
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Open the menu, unless the press selected."""
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk, exclude and remove; what means nothing here goes to the field."""
        extends = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        match event.key():
            case Qt.Key.Key_Left:
                self.stepped.emit(-1, extends)
            case Qt.Key.Key_Right:
                self.stepped.emit(1, extends)
            case Qt.Key.Key_Delete | Qt.Key.Key_Backspace:
                self.removed.emit()
            case Qt.Key.Key_Minus:
                self.exclusion_chosen.emit(not is_excluded(self._part))
            case Qt.Key.Key_Plus:
                self.exclusion_chosen.emit(False)
            case Qt.Key.Key_Space | Qt.Key.Key_Return | Qt.Key.Key_Enter | Qt.Key.Key_Menu:
                self.open_menu()
            case _:
                event.ignore()

    def event(self, event: QEvent) -> bool:
        """Show the picture large under the pointer."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent) and self._image is not None:
            QToolTip.showText(event.globalPos(), self._large(self._image), self)
            return True
        return super().event(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the ring around the chip."""
        super().focusInEvent(event)
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the closing button at the end."""
        edge = self._close_px()
        self._close.setGeometry(self.width() - edge - _MARGIN_PX, (self.height() - edge) // 2, edge, edge)
        self._close.setIconSize(QSize(edge - 4, edge - 4))
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the chip."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_panel(painter)
        colours = self.palette()
        role = QPalette.ColorRole.HighlightedText if self._selected else QPalette.ColorRole.ButtonText
        painter.setPen(colours.color(role))
        left = _PADDING_PX
        if is_excluded(self._part):
            left = self._paint_icon(painter, "minus", left)
        if self._shows_picture():
            left = self._paint_picture(painter, left)
        else:
            if name := self._icon():
                left = self._paint_icon(painter, name, left)
            right = self.width() - self._close_px() - _MARGIN_PX
            room = min(self._words_width(), right - left)
            words = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room)
            painter.drawText(QRect(left, 0, room, self.height()), Qt.AlignmentFlag.AlignVCenter, words)
            left += room + _GAP_PX
        if weight := self._weight_words():
            painter.drawText(QRect(left, 0, self.width(), self.height()), Qt.AlignmentFlag.AlignVCenter, weight)

    def _paint_panel(self, painter: QPainter) -> None:
        colours = self.palette()
        excluded = is_excluded(self._part)
        if self._selected:
            painter.setBrush(colours.color(QPalette.ColorRole.Highlight))
        elif excluded:
            painter.setBrush(Qt.BrushStyle.NoBrush)
        else:
            painter.setBrush(
                colours.color(QPalette.ColorRole.Midlight if self.underMouse() else QPalette.ColorRole.Button)
            )
        focused = self.hasFocus()
        if focused:
            pen = QPen(colours.color(QPalette.ColorRole.Highlight), 2)
        elif excluded:  # an empty outline has to be seen by itself; Mid is nearly Base where the palette is dark
            pen = QPen(colours.color(QPalette.ColorRole.PlaceholderText), 1, Qt.PenStyle.DashLine)
        else:
            pen = QPen(colours.color(QPalette.ColorRole.Mid), 1)
        painter.setPen(pen)
        inset = pen.widthF() / 2
        frame = QRectF(self.rect()).adjusted(inset, inset, -inset, -inset)
        painter.drawRoundedRect(frame, _RADIUS_PX, _RADIUS_PX)

    def _paint_icon(self, painter: QPainter, name: str, left: int) -> int:
        edge = self._icon_px()
        paint_icon(painter, name, QRectF(left, (self.height() - edge) / 2, edge, edge), painter.pen().color())
        return left + edge + _GAP_PX

    def _paint_picture(self, painter: QPainter, left: int) -> int:
        size = self._picture_size()
        area = QRect(left, (self.height() - size.height()) // 2, size.width(), size.height())
        painter.setOpacity(_FAINT if is_excluded(self._part) else 1)
        painter.drawPixmap(area, self._scaled(size))
        painter.setOpacity(1)
        return area.right() + 1 + _GAP_PX

    def _scaled(self, size: QSize) -> QPixmap:
        """Return the picture to fill ``size``, cut where it is longer; made anew only where size or screen changed."""
        ratio = self.devicePixelRatioF()
        if (
            self._pixmap.isNull()
            or self._pixmap.devicePixelRatioF() != ratio
            or self._pixmap.deviceIndependentSize() != size
        ):
            assert self._image is not None
            wanted = size * ratio
            filling = self._image.scaled(
                wanted, Qt.AspectRatioMode.KeepAspectRatioByExpanding, Qt.TransformationMode.SmoothTransformation
            )
            area = QRect(QPoint(0, 0), wanted)
            area.moveCenter(filling.rect().center())
            self._pixmap = QPixmap.fromImage(filling.copy(area))
            self._pixmap.setDevicePixelRatio(ratio)
        return self._pixmap

    def _large(self, image: QImage) -> str:
        """Return the picture and its name as Qt's rich text."""
        data = base64.b64encode(query_pictures.as_png(image)).decode()
        name = html.escape(part_words.description(self._part))
        return f'<img src="data:image/png;base64,{data}"><br>{name}'

    def _shows_picture(self) -> bool:
        return self._image is not None

    def _icon(self) -> str | None:
        return "image-off" if self._unreadable else part_words.icon_name(self._part)

    def _weight_words(self) -> str:
        if not isinstance(self._part, Term) or abs(self._part.weight) == 1:
            return ""
        return f"×{part_words.factor(self._part.weight)}"

    def _words_width(self) -> int:
        metrics = self.fontMetrics()
        return min(metrics.horizontalAdvance(self.text()), _WIDEST_EM * metrics.horizontalAdvance("m")) + 1

    def _picture_size(self) -> QSize:
        assert self._image is not None
        height = height_px(self.fontMetrics()) - 2 * _MARGIN_PX
        shape = self._image.width() / max(self._image.height(), 1)
        return QSize(round(height * min(max(shape, 1 / _WIDEST_PICTURE), _WIDEST_PICTURE)), height)

    def _icon_px(self) -> int:
        return round(self.fontMetrics().height() * 0.85)

    def _close_px(self) -> int:
        return self.fontMetrics().height()


def height_px(metrics: QFontMetrics) -> int:
    """Return how high chips of this font are."""
    return metrics.height() + 12
