"""One photo over the whole window, and from there to the next: the picture, and the keys that go with it.

Owns what is shown and where the walk stands; changes no photo itself. GUI thread only.
"""

import os
from collections.abc import Callable

from PySide6.QtCore import QEvent, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from imgfind.core import paths
from imgfind.core.records import Card, PhotoId
from imgfind.gui.image_canvas import ImageCanvas
from imgfind.gui.picture_loader import LoadedPicture, PictureLoader
from imgfind.gui.results_model import ResultsModel
from imgfind.gui.tasks import TaskRunner
from imgfind.gui.viewer_bar import Panel, ViewerBar, tool_button

_BAR_STAYS_MS = 2500
_RESIZED_AFTER_MS = 200
_MARGIN_PX = 12


class Viewer(QWidget):
    """Shows the photos of a model one by one; lay it over the window and give it the window's size.

    Signals:
        closed(int): it was left at this row; -1 where no photo is left.
        name_changed(): the name of what is shown is another, or has become known.
        favourite_requested(PhotoId, bool): make the photo a favourite, or make it none.
        trash_requested(PhotoId): move the photo to the trash; the next one is shown when the model has lost its row.
        copy_requested(PhotoId): put the file on the clipboard.
        open_requested(PhotoId): open it with the system's own program.
    """

    closed = Signal(int)
    name_changed = Signal()
    favourite_requested = Signal(object, bool)
    trash_requested = Signal(object)
    copy_requested = Signal(object)
    open_requested = Signal(object)

    def __init__(self, runner: TaskRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model: ResultsModel | None = None
        self._row = -1
        self._name = ""
        self._photo_id = PhotoId(0)
        self._step = 1
        self._favourites: dict[PhotoId, bool] = {}
        self._whole_wanted = False
        self._loader = PictureLoader(runner, self)
        self._loader.loaded.connect(self._on_loaded)
        self._canvas = ImageCanvas(self)
        self._canvas.setMouseTracking(True)
        self._bar = ViewerBar(self)
        self._problem = _ProblemLine(self)
        self._previous = self._side_button("arrow-left", self.tr("Previous photo (Left)"), -1)
        self._next = self._side_button("arrow-right", self.tr("Next photo (Right)"), 1)
        self._bar_timer = QTimer(self, singleShot=True, interval=_BAR_STAYS_MS)
        self._bar_timer.timeout.connect(self._hide_bar)
        self._resize_timer = QTimer(self, singleShot=True, interval=_RESIZED_AFTER_MS)
        self._resize_timer.timeout.connect(self._want)
        self._keys = self._made_keys()
        self._connect()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.hide()

    @property
    def row(self) -> int:
        """Return the row that is shown."""
        return self._row

    @property
    def name(self) -> str:
        """Return the name of the photo that is shown, empty until it is known."""
        return self._name

    def open(self, model: ResultsModel, row: int) -> None:
        """Show the photo in a row of ``model``, over everything."""
        self._watch(model)
        self._favourites.clear()
        self.show()
        self.raise_()
        self.setFocus()
        self._show_row(row)
        self._show_bar()
        self._show_arrows()

    def leave(self) -> None:
        """Close the viewer."""
        if self._model is None:
            return
        row = self._row
        self._watch(None)
        self._loader.want((), QSize())
        self._loader.drop_whole()
        self._canvas.show_picture(QSize(), None)
        self._bar_timer.stop()
        self.hide()
        self.closed.emit(row)

    def walk(self, rows: int) -> None:
        """Show the photo so many rows on, or back."""
        self._step = 1 if rows > 0 else -1
        self._go_to(self._row + rows)

    def toggle_favourite(self) -> None:
        """Ask for the photo to become a favourite, or to be none any more, and show it so."""
        favourite = not self._is_favourite()
        self._favourites[self._photo_id] = favourite
        self._bar.show_favourite(favourite)
        self._show_bar()
        self.favourite_requested.emit(self._photo_id, favourite)

    def _connect(self) -> None:
        self._canvas.zoom_changed.connect(self._bar.show_zoom)
        self._canvas.detail_wanted.connect(self._want_whole)
        self._bar.favourite_clicked.connect(self.toggle_favourite)
        self._bar.copy_clicked.connect(self._copy)
        self._bar.trash_clicked.connect(self._trash)
        self._bar.close_clicked.connect(self.leave)
        self._bar.zoom_clicked.connect(lambda step: self._canvas.zoom_by(step) if step else self._canvas.fit())

    def _made_keys(self) -> dict[tuple[Qt.Key, Qt.KeyboardModifier], Callable[[], object]]:
        key, canvas = Qt.Key, self._canvas
        none, shift = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
        return {
            (key.Key_Right, none): lambda: self.walk(1),
            (key.Key_PageDown, none): lambda: self.walk(1),
            (key.Key_Left, none): lambda: self.walk(-1),
            (key.Key_PageUp, none): lambda: self.walk(-1),
            (key.Key_Home, none): lambda: self._go_to(0),
            (key.Key_End, none): lambda: self._go_to(self._count() - 1),
            (key.Key_Space, none): self.leave,
            (key.Key_Escape, none): self.leave,
            (key.Key_Return, none): lambda: self.open_requested.emit(self._photo_id),
            (key.Key_Enter, none): lambda: self.open_requested.emit(self._photo_id),
            (key.Key_F, none): self.toggle_favourite,
            (key.Key_Delete, none): self._trash,
            (key.Key_Plus, none): lambda: canvas.zoom_by(1),
            (key.Key_Plus, shift): lambda: canvas.zoom_by(1),
            (key.Key_Equal, none): lambda: canvas.zoom_by(1),
            (key.Key_Minus, none): lambda: canvas.zoom_by(-1),
            (key.Key_0, none): canvas.fit,
            (key.Key_1, none): lambda: canvas.set_zoom(1.0),
            (key.Key_Left, shift): lambda: canvas.pan(-1, 0),
            (key.Key_Right, shift): lambda: canvas.pan(1, 0),
            (key.Key_Up, shift): lambda: canvas.pan(0, -1),
            (key.Key_Down, shift): lambda: canvas.pan(0, 1),
        }

    def _action_of(self, event: QKeyEvent) -> Callable[[], object] | None:
        if event.matches(QKeySequence.StandardKey.Copy):
            return self._copy
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        return self._keys.get((Qt.Key(event.key()), modifiers))

    def _side_button(self, name: str, text: str, step: int) -> Panel:
        panel = Panel(self)
        layout = QHBoxLayout(panel)
        layout.setContentsMargins(4, 12, 4, 12)
        button = tool_button(panel, name, text)
        button.clicked.connect(lambda: self.walk(step))
        layout.addWidget(button)
        panel.adjustSize()
        return panel

    def _watch(self, model: ResultsModel | None) -> None:
        """Follow ``model``, and no other."""
        if self._model is not None:
            for signal in (self._model.modelReset, self._model.rowsInserted, self._model.rowsRemoved):
                signal.disconnect(self._on_model_changed)
        self._model = model
        if model is not None:
            for signal in (model.modelReset, model.rowsInserted, model.rowsRemoved):
                signal.connect(self._on_model_changed)

    def _count(self) -> int:
        return self._model.rowCount() if self._model is not None else 0

    def _go_to(self, row: int) -> None:
        row = max(0, min(row, self._count() - 1))
        if row != self._row:
            self._show_row(row)
            self._show_bar()

    def _show_row(self, row: int) -> None:
        assert self._model is not None, "only an open viewer shows a row"
        self._row, self._photo_id = row, self._model.photo_id(row)
        self._whole_wanted = False
        self._loader.drop_whole()
        self._problem.hide()
        loaded = self._loader.picture(self._photo_id)
        if loaded is not None and loaded.image is not None:
            self._canvas.show_picture(loaded.size, loaded.image)
            self._show_card(loaded.card)
        else:
            self._show_preview()
            if loaded is not None:  # it was tried ahead of time, and is not tried again
                self._show_problem(loaded)
        self._want()

    def _show_preview(self) -> None:
        """Show what the grid has of the photo until its picture has come."""
        assert self._model is not None, "only an open viewer shows a row"
        card = self._model.loader.card(self._photo_id)
        pixmap = self._model.loader.pixmap(self._photo_id)
        size = QSize(card.width_px, card.height_px) if card is not None else QSize()
        self._canvas.show_picture(size, pixmap.toImage() if pixmap is not None else None)
        self._show_card(card)

    def _show_card(self, card: Card | None) -> None:
        name = paths.displayed(os.path.basename(card.path)) if card is not None else ""
        self._bar.show_place(name, self._row, self._count())
        self._bar.show_favourite(self._is_favourite())
        self._canvas.setAccessibleName(name)
        self._previous.setEnabled(self._row > 0)
        self._next.setEnabled(self._row + 1 < self._count())
        if name != self._name:
            self._name = name
            self.name_changed.emit()

    def _show_problem(self, loaded: LoadedPicture) -> None:
        self._problem.show_text(loaded.problem)
        self._arrange()

    def _is_favourite(self) -> bool:
        if self._photo_id in self._favourites:
            return self._favourites[self._photo_id]
        loaded = self._loader.picture(self._photo_id)
        card = loaded.card if loaded is not None else None
        if card is None and self._model is not None:
            card = self._model.loader.card(self._photo_id)
        return card is not None and card.favourite

    def _want(self) -> None:
        """Ask for this photo, and then for its neighbours, first the one in the direction of the walk."""
        if self._model is None:
            return
        rows = [self._row, self._row + self._step, self._row - self._step]
        box = self._canvas.size() * self.devicePixelRatioF()
        self._loader.want([self._model.photo_id(row) for row in rows if 0 <= row < self._count()], box)

    def _want_whole(self) -> None:
        loaded = self._loader.picture(self._photo_id)
        if not self._whole_wanted and not (loaded is not None and loaded.is_whole()):
            self._whole_wanted = True
            self._loader.want_whole(self._photo_id)

    def _on_loaded(self, photo_id: PhotoId, loaded: LoadedPicture) -> None:
        if photo_id != self._photo_id or self._model is None:
            return
        if loaded.image is not None and loaded.size == self._canvas.picture_size:
            self._canvas.add_version(loaded.image)
        elif loaded.image is not None:
            self._canvas.show_picture(loaded.size, loaded.image)
        self._show_card(loaded.card)
        self._show_problem(loaded)

    def _on_model_changed(self) -> None:
        assert self._model is not None, "only an open viewer watches a model"
        if not self._count():
            self._row = -1
            self.leave()
            return
        row = self._model.row_of(self._photo_id)
        if row is None:
            self._show_row(min(self._row, self._count() - 1))
        else:
            self._row = row
        self._show_card(self._shown_card())

    def _shown_card(self) -> Card | None:
        loaded = self._loader.picture(self._photo_id)
        if loaded is not None:
            return loaded.card
        return self._model.loader.card(self._photo_id) if self._model is not None else None

    def _copy(self) -> None:
        self.copy_requested.emit(self._photo_id)

    def _trash(self) -> None:
        self.trash_requested.emit(self._photo_id)

    def _show_bar(self) -> None:
        self._bar.show()
        self._bar_timer.start()

    def _show_arrows(self) -> None:
        """Offer the buttons at the sides, to those who have a hand on the mouse."""
        self._previous.show()
        self._next.show()

    def _hide_bar(self) -> None:
        parts = (self._bar, self._previous, self._next)
        if any(part.underMouse() for part in parts):
            self._bar_timer.start()
            return
        for part in parts:
            part.hide()

    def _arrange(self) -> None:
        self._canvas.setGeometry(self.rect())
        width = self.width() - 2 * _MARGIN_PX
        self._bar.setGeometry(_MARGIN_PX, _MARGIN_PX, width, self._bar.sizeHint().height())
        middle = (self.height() - self._previous.height()) // 2
        self._previous.move(_MARGIN_PX, middle)
        self._next.move(self.width() - _MARGIN_PX - self._next.width(), middle)
        self._problem.fit_into(self.rect())

    # Qt's names from here on.

    def event(self, event: QEvent) -> bool:
        # The keys are the viewer's, whatever shortcuts the window behind it has.
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._action_of(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        action = self._action_of(event)
        if action is None:
            super().keyPressEvent(event)
        else:
            action()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._show_bar()
        self._show_arrows()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._arrange()
        self._resize_timer.start()


class _ProblemLine(Panel):
    """Why there is no picture, or only a preview."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._text = QLabel(self)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(16, 8, 16, 8)
        self._layout.addWidget(self._text)
        self.hide()

    def show_text(self, text: str) -> None:
        """Show ``text``; nothing where it is empty."""
        self._text.setText(text)
        self.setAccessibleName(text)
        self.setVisible(bool(text))

    def fit_into(self, area: QRect) -> None:
        """Lie at the bottom of ``area``, as wide as the text needs."""
        most_px = area.width() - 2 * _MARGIN_PX
        width = min(most_px, self._text.fontMetrics().horizontalAdvance(self._text.text()) + 40)
        height = self._layout.heightForWidth(width)
        self.setGeometry((area.width() - width) // 2, area.height() - height - 2 * _MARGIN_PX, width, height)
