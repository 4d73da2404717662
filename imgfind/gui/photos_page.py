"""The photos: grid, date scale and what stands there when there are none.

Owns model and loader of the thumbnails. GUI thread only.
"""

from PySide6.QtCore import QItemSelectionModel, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from imgfind.core.records import Listing, PhotoId
from imgfind.gui.empty_page import EmptyPage, EmptyState
from imgfind.gui.results_model import ResultsModel, Standing
from imgfind.gui.scrubber import Scrubber
from imgfind.gui.tasks import TaskRunner
from imgfind.gui.thumb_grid import ThumbGrid
from imgfind.gui.thumb_loader import ThumbLoader


class PhotosPage(QStackedWidget):
    """A listing as thumbnails.

    Signals:
        chosen_changed(): other photos are chosen, or another is the current one.
    """

    chosen_changed = Signal()

    def __init__(self, runner: TaskRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.loader = ThumbLoader(runner, self)
        self.model = ResultsModel(self.loader, self)
        self.grid = ThumbGrid(self.model)
        self.empty = EmptyPage()
        self._scrubber = Scrubber(self.grid, self.model)
        photos = QWidget()
        layout = QHBoxLayout(photos)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.grid, 1)
        layout.addWidget(self._scrubber)
        self.addWidget(photos)
        self.addWidget(self.empty)
        selection = self.grid.selectionModel()
        selection.selectionChanged.connect(lambda *_: self.chosen_changed.emit())
        selection.currentChanged.connect(lambda *_: self.chosen_changed.emit())

    def show_listing(self, listing: Listing, *, keep: bool, empty: EmptyState, row: int = 0) -> None:
        """Show ``listing`` from ``row`` on; with ``keep`` the place and the choice stay. ``empty`` is for none."""
        self.model.set_listing(listing, keep=keep)
        self.tell_why_empty(empty)
        self.setCurrentIndex(0 if len(listing.photo_ids) else 1)
        if not keep:
            self.grid.scrollTo(self.model.index(row), ThumbGrid.ScrollHint.PositionAtTop)

    def tell_why_empty(self, why: EmptyState) -> None:
        """Tell why there are no photos to see, where there are none."""
        if not self.model.rowCount():
            self.empty.show_state(why)

    def chosen(self) -> list[PhotoId]:
        """Return the chosen photos, the current one first."""
        rows = self.grid.selected_rows()
        ids = self.model.photo_ids(rows)
        current = self.current()
        return ids if current not in ids or current is None else [current, *(i for i in ids if i != current)]

    def current(self) -> PhotoId | None:
        """Return the photo the keyboard is at."""
        index = self.grid.currentIndex()
        return self.model.photo_id(index.row()) if index.isValid() else None

    def standing(self) -> Standing | None:
        """Return what the current photo has to do with copies."""
        index = self.grid.currentIndex()
        return self.model.standing(index.row()) if index.isValid() else None

    def take_keyboard(self) -> None:
        """Give the keyboard to the photos, and choose the first where none is chosen."""
        if self.model.rowCount() and not self.grid.selected_rows():
            self.make_current(max(0, self.grid.current_row()))
        self.grid.setFocus(Qt.FocusReason.OtherFocusReason)

    def make_current(self, row: int) -> None:
        """Choose one photo and bring it into view."""
        index = self.model.index(row)
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect
        self.grid.selectionModel().setCurrentIndex(index, flags)
        self.grid.scrollTo(index)
        self.grid.setFocus(Qt.FocusReason.OtherFocusReason)
