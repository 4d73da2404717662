"""The sidebar: all photos by month, folders, favourites, saved searches, pages. Shows and asks, changes nothing itself.

GUI thread; the library is read in the READ lane.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import PurePath

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QVBoxLayout, QWidget

from imgfind.core.browsing import Folder
from imgfind.gui.icons import icon
from imgfind.gui.places import Place, PlaceKind, place_of
from imgfind.gui.sidebar_content import Content, entries, read_content
from imgfind.gui.sidebar_model import Entry, EntryRole, SidebarModel
from imgfind.gui.sidebar_tree import SidebarTree
from imgfind.gui.tasks import Lane, TaskRunner

_Action = tuple[str, str, Callable[[], None]]
"""Icon, text and what it does."""


class Sidebar(QWidget):
    """Where one can go in a library.

    Signals:
        place_chosen(Place): the user went somewhere.
        add_folder_requested(): the button or the menu.
        show_folder_requested(str), rescan_requested(str): asked for a folder.
        remove_folder_requested(str), relocate_requested(str), forget_offline_requested(str): asked for a root.
        rename_search_requested(str), remove_search_requested(str): asked for the saved search of this name.
    """

    place_chosen = Signal(object)
    add_folder_requested = Signal()
    # Paths as objects: Qt's own strings cannot hold the bytes of a name that are no text.
    show_folder_requested = Signal(object)
    rescan_requested = Signal(object)
    remove_folder_requested = Signal(object)
    relocate_requested = Signal(object)
    forget_offline_requested = Signal(object)
    rename_search_requested = Signal(str)
    remove_search_requested = Signal(str)

    def __init__(self, runner: TaskRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._content: Content | None = None
        self._indexing = False
        self._is_stale = False
        self._is_quiet = False
        self._selected: Place | None = None
        self._model = SidebarModel(self)
        self._model.wanted.connect(self._read_subfolders)
        self._tree = SidebarTree(self._model)
        self._tree.setAccessibleName(self.tr("Places"))
        self._tree.expanded.connect(self._on_expanded)
        self._tree.selectionModel().currentChanged.connect(self._on_current_changed)
        self._tree.customContextMenuRequested.connect(self._show_menu)
        self._tree.installEventFilter(self)
        self._add = QToolButton()
        self._add.setIcon(icon("plus"))
        self._add.setText(self.tr("Add folder…"))
        self._add.setToolTip(self.tr("Add a folder of photos to the library"))
        self._add.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._add.setAutoRaise(True)
        self._add.clicked.connect(self.add_folder_requested)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 6)
        layout.setSpacing(4)
        layout.addWidget(self._tree, 1)
        below = QHBoxLayout()
        below.setContentsMargins(12, 0, 6, 0)  # its icon is below those of the places
        below.addWidget(self._add, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addLayout(below)
        self.setFocusProxy(self._tree)

    @property
    def has_folders(self) -> bool:
        """Tell whether the library has any folder, as far as it has been read."""
        return self._content is not None and bool(self._content.roots)

    def refresh(self) -> None:
        """Read the library again; what is selected and expanded stays."""
        key = (self, "content")
        self._is_stale = self._runner.is_busy(key)
        if not self._is_stale:
            opened = [place.value for place in self._tree.expanded_places() if place.kind is PlaceKind.FOLDER]
            known = list(self._content.subfolders) if self._content is not None else []
            self._runner.run(
                Lane.READ, lambda library: read_content(library, opened, known), self._on_read, key=key, owner=self
            )

    def set_indexing(self, indexing: bool) -> None:
        """Tell whether the folders are being indexed."""
        if self._indexing != indexing:
            self._indexing = indexing
            self._show()

    def select(self, place: Place | None) -> None:
        """Show where one is, without telling it; folders are opened down to it."""
        self._selected = place
        self._reveal()

    def select_query(self, query: str) -> None:
        """Show which place a query shows: a saved search, one of :func:`place_of`, or none."""
        saved = Place(PlaceKind.SAVED, query)
        self.select(saved if self._model.index_of(saved).isValid() else place_of(query))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._tree and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._took_key(event.key())
        return False

    def _on_read(self, content: Content) -> None:
        known = self._content.subfolders if self._content is not None else {}
        self._content = replace(content, subfolders={**known, **content.subfolders})
        self._show()
        if self._is_stale:
            self.refresh()

    def _on_expanded(self, index: QModelIndex) -> None:
        """Read a folder again that was closed, and so left out by :meth:`refresh`."""
        entry: Entry = index.data(EntryRole)
        if entry.place is not None and entry.place.kind is PlaceKind.FOLDER:
            self._read_subfolders(entry.key)

    def _read_subfolders(self, folder: str) -> None:
        def done(found: list[Folder]) -> None:
            if self._content is not None:
                self._content = replace(self._content, subfolders={**self._content.subfolders, folder: found})
                self._show()

        key = (self, folder)
        if not self._runner.is_busy(key):
            self._runner.run(Lane.READ, lambda library: library.photos.subfolders(folder), done, key=key, owner=self)

    def _show(self) -> None:
        if self._content is None:
            return
        current = QPersistentModelIndex(self._tree.currentIndex())
        with self._quiet():
            self._model.show(entries(self._content, indexing=self._indexing))
        self._tree.expand_new_headings()
        if not current.isValid():  # there was none, or it has gone
            self._reveal()

    def _reveal(self) -> None:
        """Make the selected place the current row; have the way to it read where it is a folder not read yet."""
        shown: Entry | None = self._tree.currentIndex().data(EntryRole)
        if shown is not None and shown.place is not None and shown.place == self._selected:
            return
        index = self._model.index_of(self._selected) if self._selected is not None else QModelIndex()
        with self._quiet():
            self._tree.setCurrentIndex(index)
            if not index.isValid():
                self._tree.clearSelection()
        if not index.isValid() and self._selected is not None and self._selected.kind == PlaceKind.FOLDER:
            self._read_towards(self._selected.value)

    def _read_towards(self, folder: str) -> None:
        for above in PurePath(folder).parents:
            index = self._model.index_of(Place(PlaceKind.FOLDER, str(above)))
            if index.isValid():
                if self._model.canFetchMore(index):
                    self._model.fetchMore(index)
                return

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Tell nobody where one is: the program moves, not the user."""
        self._is_quiet = True
        try:
            yield
        finally:
            self._is_quiet = False

    def _on_current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        entry: Entry | None = current.data(EntryRole)
        if not self._is_quiet and entry is not None and entry.place is not None:
            self._selected = entry.place
            self.place_chosen.emit(entry.place)

    def _took_key(self, key: int) -> bool:
        entry: Entry | None = self._tree.currentIndex().data(EntryRole)
        if entry is None or entry.place is None:
            return False
        is_saved = entry.place.kind == PlaceKind.SAVED
        if key == Qt.Key.Key_Delete and (is_saved or entry.is_root):
            (self.remove_search_requested if is_saved else self.remove_folder_requested).emit(entry.key)
            return True
        if key == Qt.Key.Key_F2 and is_saved:
            self.rename_search_requested.emit(entry.key)
            return True
        return False

    def _show_menu(self, at: QPoint) -> None:
        index = self._tree.indexAt(at)
        actions = self._actions(index.data(EntryRole)) if index.isValid() else [self._add_action()]
        if not actions:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for name, text, act in actions:
            menu.addAction(icon(name), text).triggered.connect(lambda _checked, act=act: act())
        menu.popup(self._tree.viewport().mapToGlobal(at))

    def _actions(self, entry: Entry) -> list[_Action]:
        if entry.place is None:
            return [self._add_action()]
        match entry.place.kind:
            case PlaceKind.FOLDER:
                return self._folder_actions(entry)
            case PlaceKind.SAVED:
                return [
                    ("pencil", self.tr("Rename…"), lambda: self.rename_search_requested.emit(entry.key)),
                    ("x", self.tr("Remove saved search"), lambda: self.remove_search_requested.emit(entry.key)),
                ]
            case _:
                return []

    def _folder_actions(self, entry: Entry) -> list[_Action]:
        folder = entry.key
        actions: list[_Action] = []
        if not entry.offline:
            actions += [
                ("folder-open", self.tr("Show in file manager"), lambda: self.show_folder_requested.emit(folder)),
                ("refresh-cw", self.tr("Look for changes now"), lambda: self.rescan_requested.emit(folder)),
            ]
        if not entry.is_root:
            return actions
        if entry.badge == "unplug":
            relocate = self.tr("Find its new place…")
            forget = self.tr("Forget offline photos…")
            actions += [
                ("folder-search", relocate, lambda: self.relocate_requested.emit(folder)),
                ("eye-off", forget, lambda: self.forget_offline_requested.emit(folder)),
            ]
        remove = self.tr("Remove from the library…")
        return [*actions, ("x", remove, lambda: self.remove_folder_requested.emit(folder))]

    def _add_action(self) -> _Action:
        return "plus", self.tr("Add folder…"), self.add_folder_requested.emit
