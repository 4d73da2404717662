"""Chips and the words behind them, in as many rows as they need: what the query looks like while it is made.

Owns the widgets, their places and the keyboard among them; knows parts and text, not what they mean together. GUI
thread only.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QEvent, QMimeData, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QContextMenuEvent,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
)
from PySide6.QtWidgets import QFrame, QLineEdit, QScrollArea, QSizePolicy, QWidget

from imgfind.core import query as language
from imgfind.core.query import ImageTerm, Term
from imgfind.gui import chips, query_parts, query_pictures
from imgfind.gui.chips import Chip
from imgfind.gui.drops import copied
from imgfind.gui.query_parts import Part
from imgfind.gui.tasks import Lane, TaskRunner

_SPACING_PX = 5
_MOST_ROWS = 3
_NARROWEST_WORDS_EM = 12
"""Chips that would leave less room than this for the words push them into a row of their own."""

Take = Callable[[QMimeData], bool]


class ChipField(QScrollArea):
    """Chips, then text.

    Signals:
        parts_changed(): the user changed a chip.
        edited(): the user changed the text.
        entered(): Enter was pressed in the text.
        results_wanted(): Down was pressed in the text.
        region_wanted(int): a region of the picture of this chip is to be chosen.
    """

    parts_changed = Signal()
    edited = Signal()
    entered = Signal()
    results_wanted = Signal()
    region_wanted = Signal(int)

    def __init__(self, runner: TaskRunner, take: Take, parent: QWidget | None = None) -> None:
        """``take`` is offered what is pasted before it becomes text."""
        super().__init__(parent)
        self._runner = runner
        self._chips: list[Chip] = []
        self._inner = QWidget()
        self.words = Words(take, self._inner)
        self.words.textEdited.connect(lambda _text: self.edited.emit())
        self.words.returnPressed.connect(self.entered)
        self.words.down_pressed.connect(self.results_wanted)
        self.words.backspaced.connect(self._unmake_last)
        self.words.left_pressed.connect(lambda: self._step(None, -1, extends=False))
        self.words.focused.connect(self._select_none)
        self.setWidget(self._inner)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        bar = self.verticalScrollBar()
        bar.rangeChanged.connect(lambda _low, high: bar.setValue(high))  # the words stand at the end
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFocusProxy(self.words)
        for area in (self.viewport(), self._inner):
            area.setAutoFillBackground(False)
            area.setCursor(Qt.CursorShape.IBeamCursor)
        self._arrange()

    @property
    def parts(self) -> list[Part]:
        """Return what the chips stand for."""
        return [chip.part for chip in self._chips]

    @property
    def text(self) -> str:
        """Return the words behind the chips."""
        return self.words.text()

    def show_parts(self, parts: Sequence[Part], text: str | None = None) -> None:
        """Show these chips, and ``text`` where it is given, without telling."""
        left = list(self._chips)
        self._chips = [self._chip(part, left) for part in parts]
        for chip in left:
            if chip.hasFocus():
                self.words.setFocus()
            chip.hide()
            chip.deleteLater()
        if text is not None and text != self.words.text():
            self.words.setText(text)
        self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Find places anew."""
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._arrange()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go on typing where a chip has the keyboard and no use for the key."""
        typed = event.text()
        if typed and typed.isprintable() and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.words.setFocus()
            self.words.end(False)
            self.words.insert(typed)
            self.edited.emit()
            return
        event.ignore()

    def _chip(self, part: Part, left: list[Chip]) -> Chip:
        """Return a chip: one of those left over, so that its picture and the keyboard stay, or a new one."""
        for chip in left:
            if query_parts.same_operand(chip.part, part):
                left.remove(chip)
                chip.set_part(part)
                return chip
        chip = Chip(part, self._inner)
        chip.exclusion_chosen.connect(partial(self._exclude, chip))
        chip.weight_chosen.connect(partial(self._weigh, chip))
        chip.removed.connect(partial(self._remove, chip))
        chip.edit_wanted.connect(partial(self._unmake, chip))
        chip.region_wanted.connect(lambda: self.region_wanted.emit(self._chips.index(chip)))
        chip.whole_wanted.connect(partial(self._mean_whole, chip))
        chip.stepped.connect(lambda by, extends: self._step(chip, by, extends=extends))
        chip.select_toggled.connect(partial(self._toggle_selected, chip))
        if isinstance(part, ImageTerm):
            size = QSize(chips.PICTURE_PX, chips.PICTURE_PX)
            self._runner.run(
                Lane.PICTURES,
                lambda _library: query_pictures.thumbnail(part, size),
                lambda image: self._show_picture(chip, image),
                owner=chip,
            )
        chip.show()
        return chip

    def _show_picture(self, chip: Chip, image: QImage | None) -> None:
        chip.show_picture(image)
        self._arrange()

    def _meant(self, chip: Chip) -> list[Chip]:
        """Return the chips that are dealt with: all selected ones where ``chip`` is one of them."""
        return [one for one in self._chips if one is chip or (chip.is_selected and one.is_selected)]

    def _exclude(self, chip: Chip, yes: bool) -> None:
        for one in self._meant(chip):
            one.set_part(query_parts.excluded(one.part, yes))
        self._tell()

    def _weigh(self, chip: Chip, weight: float) -> None:
        for one in self._meant(chip):
            if isinstance(one.part, Term):
                one.set_part(query_parts.weighted(one.part, weight))
        self._tell()

    def _mean_whole(self, chip: Chip) -> None:
        parts = [
            replace(one, region=None) if one is chip.part and isinstance(one, ImageTerm) else one for one in self.parts
        ]
        self.show_parts(parts)
        self._tell()

    def _remove(self, chip: Chip) -> None:
        gone = self._meant(chip)
        had_keyboard = any(one.hasFocus() for one in gone)
        index = self._chips.index(chip)
        self.show_parts([one.part for one in self._chips if one not in gone])
        if had_keyboard and self._chips:
            self._chips[min(index, len(self._chips) - 1)].setFocus()
        self._tell()

    def _unmake_last(self) -> None:
        if self._chips:
            self._unmake(self._chips[-1])

    def _unmake(self, chip: Chip) -> None:
        """Turn a chip back into text, with the cursor behind it; a picture just goes."""
        if isinstance(chip.part, ImageTerm):
            self._remove(chip)
            return
        part = chip.part
        text = query_parts.put_back(part, self.words.text())
        self.show_parts([one.part for one in self._chips if one is not chip], text)
        self.words.setFocus()
        self.words.setCursorPosition(len(query_parts.as_text(part)))
        self._tell()

    def _step(self, chip: Chip | None, by: int, *, extends: bool) -> None:
        """Give the keyboard to the neighbour of ``chip`` (None: of the text)."""
        index = (len(self._chips) if chip is None else self._chips.index(chip)) + by
        if not extends:
            self._select_none()
        if index >= len(self._chips):
            self.words.setFocus()
            self.words.setCursorPosition(0)
            return
        if index < 0:
            return
        self._chips[index].setFocus()
        if extends and chip is not None:
            chip.set_selected(True)
            self._chips[index].set_selected(True)
        self.ensureWidgetVisible(self._chips[index])

    def _toggle_selected(self, chip: Chip) -> None:
        chip.set_selected(not chip.is_selected)
        chip.setFocus()

    def _select_none(self) -> None:
        for chip in self._chips:
            chip.set_selected(False)

    def _tell(self) -> None:
        self._arrange()
        self.parts_changed.emit()

    def _arrange(self) -> None:
        metrics = self.fontMetrics()
        row_px = chips.height_px(metrics)
        narrowest = _NARROWEST_WORDS_EM * metrics.horizontalAdvance("m")
        places = flow([chip.sizeHint().width() for chip in self._chips], narrowest, self.viewport().width(), row_px)
        for chip, place in zip(self._chips, places, strict=False):
            chip.setGeometry(place)
        self.words.setGeometry(places[-1])
        height = places[-1].bottom() + 1
        self._inner.resize(self.viewport().width(), height)
        self.setFixedHeight(min(height, _MOST_ROWS * (row_px + _SPACING_PX) - _SPACING_PX))


class Words(QLineEdit):
    """The text behind the chips.

    Signals:
        backspaced(): Backspace was pressed before the first character.
        left_pressed(): Left was pressed before the first character.
        down_pressed(): Down was pressed.
        focused(): The text got the keyboard.
    """

    backspaced = Signal()
    left_pressed = Signal()
    down_pressed = Signal()
    focused = Signal()

    def __init__(self, take: Take, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._take = take
        self.setFrame(False)
        self.setMaxLength(language.MAX_QUERY_CHARS)
        self.setAcceptDrops(False)  # else the path of a dropped file becomes text; the search bar takes what is dropped

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave the text at its begin, leave it for the photos, and paste pictures."""
        at_begin = self.cursorPosition() == 0 and not self.hasSelectedText() and not event.modifiers()
        if event.matches(QKeySequence.StandardKey.Paste):
            self.paste_or_take()
        elif at_begin and event.key() == Qt.Key.Key_Backspace:
            self.backspaced.emit()
        elif at_begin and event.key() == Qt.Key.Key_Left:
            self.left_pressed.emit()
        elif event.key() == Qt.Key.Key_Down:
            self.down_pressed.emit()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Show the usual menu, in which *Paste* takes pictures as well."""
        menu = self.createStandardContextMenu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        paste = menu.findChild(QAction, "edit-paste")
        if isinstance(paste, QAction):
            paste.triggered.disconnect()
            paste.setEnabled(True)
            paste.triggered.connect(self.paste_or_take)
        menu.popup(event.globalPos())

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Tell that the text got the keyboard."""
        super().focusInEvent(event)
        self.focused.emit()

    def paste_or_take(self) -> None:
        """Have what was copied taken as a picture, or paste it as text."""
        if not self._take(copied()):
            self.paste()


def flow(widths: Sequence[int], narrowest: int, total: int, row_px: int) -> list[QRect]:
    """Return the places of chips of these widths, row by row, and behind them that of the text.

    The text gets what is left of the last row, or a row of its own where that is less than ``narrowest``.
    """
    places: list[QRect] = []
    left = top = 0
    for wanted in widths:
        width = min(wanted, total)
        if left and left + width > total:
            left, top = 0, top + row_px + _SPACING_PX
        places.append(QRect(left, top, width, row_px))
        left += width + _SPACING_PX
    if left and total - left < narrowest:
        left, top = 0, top + row_px + _SPACING_PX
    return [*places, QRect(left, top, max(total - left, 0), row_px)]
