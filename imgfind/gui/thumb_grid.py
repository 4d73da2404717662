"""The grid of photos: what keys and mouse do in it, what it has loaded, and what it keeps when the library changes.

Where things are and how they are painted is :class:`~imgfind.gui.cell_view.CellView`'s. GUI thread only.
"""

import math
from dataclasses import dataclass, replace

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QContextMenuEvent, QDrag, QGuiApplication, QKeyEvent, QMouseEvent, QPixmap, QWheelEvent
from PySide6.QtWidgets import QAbstractItemView, QWidget

from imgfind.core.records import PhotoId
from imgfind.gui.cell_view import Anchor, CellView
from imgfind.gui.grid_layout import NO_ROW
from imgfind.gui.preferences import THUMB_PX
from imgfind.gui.results_model import ResultsModel, mime_data_of
from imgfind.gui.thumb_delegate import drag_pixmap

_Index = QModelIndex | QPersistentModelIndex
_WANT_AFTER_MS = 15
"""Several scroll steps of one frame make one wish."""
_LINES_AHEAD = 3
_BAND_SCROLL_MS = 30
_NOTCH = 120
_ZOOM_FACTOR = 1.04
_NO_MODIFIER = Qt.KeyboardModifier.NoModifier
_Action = QAbstractItemView.CursorAction
_STEPS = {_Action.MoveLeft: -1, _Action.MovePrevious: -1, _Action.MoveRight: 1, _Action.MoveNext: 1}
_LINES = {_Action.MoveUp: -1, _Action.MoveDown: 1}
_PAGES = {_Action.MovePageUp: -1, _Action.MovePageDown: 1}


class ThumbGrid(CellView):
    """Thumbnails in lines under headings.

    Signals:
        viewer_requested(int): show the photo of this row large (double click, Space).
        open_requested(int): open it with the system's program (Enter).
        context_requested(QPoint): a menu for what is selected is wanted at this point of the screen.
        zoomed(int): the wheel has changed the edge of the thumbnails.
        end_reached(): the last rows are in sight and there could be more.
        current_changed(int): another row is the current one, -1 none.
        copies_toggled(): the copies of a picture are shown behind it, or no longer.
    """

    viewer_requested = Signal(int)
    open_requested = Signal(int)
    context_requested = Signal(QPoint)
    zoomed = Signal(int)
    end_reached = Signal()
    current_changed = Signal(int)
    copies_toggled = Signal()

    def __init__(self, results: ResultsModel, parent: QWidget | None = None) -> None:
        super().__init__(results, parent)
        self._turned = 0.0
        self._kept: _Kept | None = None
        self._band_start: QPoint | None = None
        self._is_on_count = False
        self._chosen_before = QItemSelection()
        self._pointer = QPoint()
        self._band_timer = QTimer(self, interval=_BAND_SCROLL_MS)
        self._band_timer.timeout.connect(self._scroll_with_band)
        self._want_later = QTimer(self, singleShot=True, interval=_WANT_AFTER_MS)
        self._want_later.timeout.connect(self._want)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setAccessibleName(self.tr("Photos"))
        self.view_moved.connect(self._look_around)
        results.modelAboutToBeReset.connect(self._before_reset)
        self.setModel(results)
        results.modelReset.connect(self._after_reset)  # after the selection model, which empties itself
        results.rowsRemoved.connect(lambda *_: self._lay_out(None))

    def set_thumb_px(self, thumb_px: int) -> None:
        """Set the least edge of the thumbnails; what is in sight stays in sight."""
        self._zoom_to(thumb_px, self._place())

    def thumb_px(self) -> int:
        """Return the least edge of the thumbnails."""
        return self._thumb_px

    def current_row(self) -> int:
        """Return the current row, -1 where there is none."""
        return self.currentIndex().row()

    def select_row(self, row: int) -> None:
        """Make ``row`` the current and only selected one, and bring it into sight."""
        self.setCurrentIndex(self._results.index(row))

    def selected_rows(self) -> list[range]:
        """Return the selected rows as ascending ranges."""
        chosen = self.selectionModel().selection()
        parts = (chosen.at(number) for number in range(chosen.count()))
        return sorted((range(part.top(), part.bottom() + 1) for part in parts), key=lambda rows: rows.start)

    def selected_ids(self) -> list[PhotoId]:
        """Return the selected photos in the order they are shown."""
        return self._results.photo_ids(self.selected_rows())

    def toggle_copies(self, row: int) -> None:
        """Show the copies of a picture behind it, or no longer; the current photo stays in sight."""
        picture, current = self._results.picture_row(row), self.current_row()
        if current >= 0 and self._results.picture_row(current) == picture != current:
            self.select_row(picture)
        self._results.toggle_copies(picture)
        self.copies_toggled.emit()

    def _count_at(self, event: QMouseEvent) -> int:
        """Return the row whose number of copies is pressed, :data:`NO_ROW` elsewhere."""
        point = event.position().toPoint()
        index = self.indexAt(point)
        is_plain = event.button() == Qt.MouseButton.LeftButton and event.modifiers() == _NO_MODIFIER
        if not index.isValid() or not is_plain:
            return NO_ROW
        place = self._delegate.copies_place(self.visualRect(index), index, self.devicePixelRatioF())
        return index.row() if place.contains(point) else NO_ROW

    def _zoom_to(self, thumb_px: int, anchor: Anchor | None) -> None:
        self._thumb_px = max(THUMB_PX[0], min(thumb_px, THUMB_PX[1]))
        self._lay_out(anchor)

    def _zoom_by(self, notches: int, point: QPoint) -> None:
        """Change the size by as much as changes the number of columns, once a notch."""
        anchor = self._place_at(point)
        for _ in range(abs(notches)):
            columns, size_px = self.grid_layout.columns, float(self._thumb_px)
            while self.grid_layout.columns == columns and THUMB_PX[0] <= size_px <= THUMB_PX[1]:
                size_px *= _ZOOM_FACTOR if notches > 0 else 1 / _ZOOM_FACTOR
                self._zoom_to(round(size_px), anchor)
        self.zoomed.emit(self._thumb_px)

    def _drag(self, photo_paths: list[str]) -> None:
        if not photo_paths or not QGuiApplication.mouseButtons() & Qt.MouseButton.LeftButton:
            return  # let go while the paths were looked up
        drag = QDrag(self)
        drag.setMimeData(mime_data_of(photo_paths))
        shown: QPixmap | None = self.currentIndex().data(Qt.ItemDataRole.DecorationRole)
        drag.setPixmap(drag_pixmap(shown, len(photo_paths), self.palette()))
        drag.exec(Qt.DropAction.CopyAction)

    # The rubber band

    def _stretch_band(self, point: QPoint) -> None:
        """Select what is between where the band began and the pointer; scroll while that is outside."""
        assert self._band_start is not None, "a band has a beginning"
        self._pointer = point
        self._band = QRect(self._band_start, point + QPoint(0, self.verticalOffset())).normalized()
        chosen = QItemSelection(self._chosen_before)
        chosen.merge(self._selection_of(self.grid_layout.rows_in(self._band)), QItemSelectionModel.SelectionFlag.Select)
        self.selectionModel().select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self.viewport().update()
        if not self._outside_px():
            self._band_timer.stop()
        elif not self._band_timer.isActive():
            self._band_timer.start()

    def _outside_px(self) -> int:
        """Return how far the pointer is above (negative) or below the viewport."""
        y = self._pointer.y()
        return min(y, 0) + max(y - self.viewport().height(), 0)

    def _scroll_with_band(self) -> None:
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + self._outside_px())
        self._stretch_band(self._pointer)

    # Loading

    def _look_around(self) -> None:
        """Soon have loaded what is in sight, and tell when that is the end."""
        if not self._want_later.isActive():
            self._want_later.start()

    def _want(self) -> None:
        self._results.loader.set_edge(self.grid_layout.edge_px, self.devicePixelRatioF())
        rows = self.visible_rows()
        ahead = self.grid_layout.columns * _LINES_AHEAD
        count = self.grid_layout.row_count
        self._results.want(
            [rows, range(rows.stop, min(count, rows.stop + ahead)), range(max(0, rows.start - ahead), rows.start)]
        )
        if rows.stop == count and not self._results.listing.complete:
            self.end_reached.emit()

    # What stays when the model is reset

    def _before_reset(self) -> None:
        self._kept = self._what_to_keep() if self._results.keeps else None

    def _what_to_keep(self) -> "_Kept":
        current, place, rows = self.current_row(), self._place(), self.selected_rows()
        in_sight = range(place.row, max(self.visible_rows().stop, place.row + 1)) if place is not None else range(0)
        return _Kept(
            selected=self.selected_ids(),
            first_row=rows[0].start if rows else NO_ROW,
            current=self._results.photo_id(current) if current >= 0 else None,
            place=place,
            in_sight=self._results.photo_ids([in_sight]),
        )

    def _after_reset(self) -> None:
        if self._kept is not None:
            self._bring_back(self._kept)

    def _bring_back(self, kept: "_Kept") -> None:
        selection, count = self.selectionModel(), self._results.rowCount()
        rows = self._results.rows_of(kept.selected)
        if rows or not kept.selected or not count:
            selection.select(self._selection_of(rows), QItemSelectionModel.SelectionFlag.ClearAndSelect)
            if kept.current is not None and (row := self._results.row_of(kept.current)) is not None:
                selection.setCurrentIndex(self._results.index(row), QItemSelectionModel.SelectionFlag.NoUpdate)
        else:  # what was chosen is gone, into the trash most likely: the next one takes its place
            next_one = self._results.index(min(kept.first_row, count - 1))
            selection.setCurrentIndex(next_one, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if kept.place is not None:
            still_there = (self._results.row_of(photo_id) for photo_id in kept.in_sight)
            row = next((row for row in still_there if row is not None), None)
            if row is not None:
                self._restore(replace(kept.place, row=row))

    # Qt's names from here on.

    def reset(self) -> None:
        super().reset()
        self.verticalScrollBar().setValue(0)
        self._anchor = None
        self._lay_out(None)

    def rowsInserted(self, parent: _Index, start: int, end: int) -> None:
        super().rowsInserted(parent, start, end)
        self._lay_out(None)

    def currentChanged(self, current: _Index, previous: _Index) -> None:
        super().currentChanged(current, previous)
        self.viewport().update()
        self.current_changed.emit(current.row())

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        # A click, or with Shift: from the centre of one cell to a point in another.
        indexes = (self.indexAt(rect.topLeft()), self.indexAt(rect.bottomRight()))
        ends = [index.row() for index in indexes if index.isValid()]
        rows = [range(min(ends), max(ends) + 1)] if ends else []
        self.selectionModel().select(self._selection_of(rows), command)

    def _selection_of(self, parts: list[range]) -> QItemSelection:
        chosen = QItemSelection()
        for part in parts:
            chosen.select(self._results.index(part.start), self._results.index(part.stop - 1))
        return chosen

    def moveCursor(self, action: QAbstractItemView.CursorAction, _modifiers: Qt.KeyboardModifier) -> QModelIndex:
        count, row = self.grid_layout.row_count, self.current_row()
        if not count:
            return QModelIndex()
        if action in (_Action.MoveHome, _Action.MoveEnd):
            return self._results.index(0 if action == _Action.MoveHome else count - 1)
        if row < 0:
            return self._results.index(self.visible_rows().start)
        if action in _LINES:
            return self._results.index(self.grid_layout.row_below(row, _LINES[action]))
        if action in _PAGES:
            page = max(1, self.viewport().height() // self.grid_layout.line_px)
            return self._results.index(self.grid_layout.row_below(row, _PAGES[action] * page))
        return self._results.index(min(max(0, row + _STEPS[action]), count - 1))

    def keyboardSearch(self, _text: str) -> None:
        """Typing is for the search bar."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row, plain = self.current_row(), event.modifiers() in (_NO_MODIFIER, Qt.KeyboardModifier.KeypadModifier)
        if plain and row >= 0 and event.key() == Qt.Key.Key_Space:
            self.viewer_requested.emit(row)
        elif plain and row >= 0 and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.open_requested.emit(row)
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if (row := self._count_at(event)) != NO_ROW:
            self._is_on_count = True
            self.toggle_copies(row)
            return
        super().mousePressEvent(event)
        point = event.position().toPoint()
        if event.button() == Qt.MouseButton.LeftButton and not self.indexAt(point).isValid():
            self._band_start = point + QPoint(0, self.verticalOffset())
            adds = event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
            self._chosen_before = self.selectionModel().selection() if adds else QItemSelection()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        # Qt's own band stands still while the pointer is between two photos, or outside.
        if self._band_start is not None:
            self._stretch_band(event.position().toPoint())
        elif not self._is_on_count:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._is_on_count:
            self._is_on_count = False
        elif self._band is None:  # Qt would take the end of a band for a click beside the photos
            super().mouseReleaseEvent(event)
        elif rows := self.selected_rows():  # the keyboard goes on from here
            first = self._results.index(rows[0].start)
            self.selectionModel().setCurrentIndex(first, QItemSelectionModel.SelectionFlag.NoUpdate)
        self._band_start = self._band = None
        self._band_timer.stop()
        self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        if self._count_at(event) != NO_ROW:
            self.mousePressEvent(event)
        elif index.isValid() and event.button() == Qt.MouseButton.LeftButton:
            self.viewer_requested.emit(index.row())
        else:
            super().mouseDoubleClickEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().wheelEvent(event)
            return
        self._turned += event.angleDelta().y()
        notches, self._turned = int(self._turned / _NOTCH), math.fmod(self._turned, _NOTCH)
        if notches:
            self._zoom_by(notches, event.position().toPoint())
        event.accept()

    def startDrag(self, _actions: Qt.DropAction) -> None:
        self._results.loader.with_paths(self.selected_ids(), self._drag)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        position = event.globalPos()
        if event.reason() == QContextMenuEvent.Reason.Keyboard and self.currentIndex().isValid():
            position = self.viewport().mapToGlobal(self.visualRect(self.currentIndex()).center())
        self.context_requested.emit(position)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a view keeps when the same listing comes again: by photo, for the rows will be others."""

    selected: list[PhotoId]
    first_row: int
    """The first row that was selected."""
    current: PhotoId | None
    place: Anchor | None
    in_sight: list[PhotoId]
    """The photos from the place on, so that the next one serves where the first is gone."""
