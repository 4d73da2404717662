"""What happens in the window: connects its parts, and answers what none of them can answer alone.

GUI thread only.
"""

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QObject, Qt
from PySide6.QtGui import QGuiApplication

from imgfind.core.filters import WordFilter
from imgfind.core.paths import displayed
from imgfind.core.query import ImageTerm, Query, unparse
from imgfind.core.records import Listing, PhotoId
from imgfind.gui import window_actions
from imgfind.gui.drops import copied, folders_among, maybe_folders
from imgfind.gui.empty_page import EmptyState
from imgfind.gui.finder import Finder
from imgfind.gui.navigation import Navigation
from imgfind.gui.photo_actions import PhotoActions
from imgfind.gui.places import ALL_PHOTOS, DUPLICATES, FAVOURITES, PROBLEMS, Place, PlaceKind, place_of
from imgfind.gui.results_model import mime_data_of
from imgfind.gui.saved_searches import SavedSearches
from imgfind.gui.tasks import Lane
from imgfind.gui.texts import counted
from imgfind.gui.window_actions import Entry

if TYPE_CHECKING:
    from imgfind.gui.main_window import MainWindow

_HIDDEN = WordFilter("is", "hidden")


class Controller(QObject):
    """Joins the parts of one window."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window = window
        self._runner = window.runner
        self._query: Query | None = None
        self.finder = Finder(window.runner, self)
        self.navigation = Navigation(self.finder, self)
        self.saved = SavedSearches(window.runner, window)
        photos = window.photos
        self.photo_actions = PhotoActions(window.runner, photos.chosen, photos.grid, photos.model.copies_unseen)
        self.actions = window_actions.add_actions(window, self._entries())
        self.actions["quit"].setShortcutContext(Qt.ShortcutContext.ApplicationShortcut)  # from the settings as well

    def connect_parts(self) -> None:
        """Connect everything; the parts are in their places by then."""
        self._connect_query()
        self._connect_photos()
        self._connect_library()
        self._on_navigated()
        self._runner.failed.connect(lambda error: self._window.messages.show_error(str(error)))

    def _connect_query(self) -> None:
        self._window.bar.query_changed.connect(
            lambda query: self.navigation.show_query(query, typing=self._window.bar.is_typing)
        )
        self._window.bar.entered.connect(self.navigation.settle)
        self._window.bar.results_wanted.connect(self._window.photos.take_keyboard)
        self._window.bar.save_requested.connect(self._save_search)
        self._window.sidebar.place_chosen.connect(self.navigation.show_place)
        self.navigation.query_shown.connect(self._window.bar.set_query)
        self.navigation.changed.connect(self._on_navigated)
        self.navigation.told.connect(self._window.messages.show_note)
        self.finder.found.connect(self._on_found)
        self.finder.failed.connect(self._on_not_found)
        self.finder.busy_changed.connect(self._window.bar.set_busy)

    def _connect_photos(self) -> None:
        photos, actions, grid = self._window.photos, self.photo_actions, self._window.photos.grid
        photos.chosen_changed.connect(self._on_chosen)
        grid.viewer_requested.connect(self._view)
        grid.open_requested.connect(lambda row: actions.open_file(photos.model.photo_id(row)))
        grid.context_requested.connect(lambda point: actions.menu(self._window).popup(point))
        grid.end_reached.connect(self._on_end_reached)
        grid.copies_toggled.connect(self._on_chosen)
        actions.copies_requested.connect(lambda: grid.toggle_copies(grid.current_row()))
        grid.view_moved.connect(lambda: self.navigation.note_row(grid.visible_rows().start))
        grid.zoomed.connect(self._window.zoom.setValue)
        photos.empty.add_folder_requested.connect(self._window.work.choose_folder)
        photos.empty.clear_requested.connect(self.clear)
        actions.view_requested.connect(self._view_chosen)
        actions.query_requested.connect(self.navigation.show_like)
        actions.copy_requested.connect(self._copy)
        actions.changed.connect(self._on_photos_changed)
        actions.marked.connect(
            lambda text, undo: self._window.messages.show_note(text, action=self.tr("Undo"), on_action=undo)
        )
        actions.told.connect(self._window.messages.show_note)
        actions.failed.connect(self._window.messages.show_error)
        self._connect_removal()
        self._connect_panels()
        self._connect_duplicates()

    def _connect_removal(self) -> None:
        removal, line = self.photo_actions.removal, self._window.removal_line
        what = self.tr("Moving to the trash")
        removal.state_changed.connect(lambda state: line.set_state(state, what))
        removal.progressed.connect(lambda progress: line.show_progress(progress, what))
        line.cancel_requested.connect(removal.cancel)

    def _connect_panels(self) -> None:
        actions, inspector, viewer = self.photo_actions, self._window.inspector, self._window.viewer
        for kind in ("similar", "more", "less"):
            asked = getattr(inspector, f"{kind}_requested")
            asked.connect(lambda photo_id, kind=kind: actions.ask(kind, photo_id))
        inspector.folder_requested.connect(lambda path: self.navigation.show_place(Place(PlaceKind.FOLDER, path)))
        inspector.view_requested.connect(actions.view_requested)
        for panel in (inspector, viewer):
            panel.favourite_requested.connect(lambda photo_id, on: actions.set_favourite([photo_id], on))
            panel.open_requested.connect(actions.open_file)
        inspector.show_in_folder_requested.connect(actions.show_in_folder)
        viewer.trash_requested.connect(lambda photo_id: actions.trash([photo_id]))
        viewer.copy_requested.connect(lambda photo_id: self._copy([photo_id]))
        viewer.name_changed.connect(self._tell_where)
        viewer.closed.connect(self._on_viewer_closed)

    def _connect_duplicates(self) -> None:
        page, groups, actions = self._window.duplicates, self._window.duplicates.on_groups, self.photo_actions
        page.found_changed.connect(self._tell_where)
        page.current_changed.connect(lambda _photo_id: self._on_chosen())
        page.work.failed.connect(self._window.messages.show_error)
        page.work.count_changed.connect(self._window.sidebar.refresh)
        self._window.work.search.found.connect(self._window.sidebar.refresh)
        groups.removed.connect(actions.tell_removal)
        groups.marked.connect(actions.mark)
        groups.told.connect(self._window.messages.show_note)
        groups.open_requested.connect(actions.open_file)
        groups.show_in_folder_requested.connect(actions.show_in_folder)
        actions.changed.connect(lambda _photo_ids: page.refresh())
        page.view.zoomed.connect(self._window.zoom.setValue)
        self._window.zoom.valueChanged.connect(page.view.set_thumb_px)

    def _connect_library(self) -> None:
        work, sidebar = self._window.work, self._window.sidebar
        work.changed.connect(self._refresh)
        work.indexing_changed.connect(sidebar.set_indexing)
        work.indexing_changed.connect(lambda _: self._window.photos.tell_why_empty(self._why_empty()))
        work.told.connect(self._window.messages.show_note)
        work.failed.connect(self._window.messages.show_error)
        work.captions_changed.connect(self._window.photos.grid.set_captions)
        work.shown.connect(self._window.come_forward)
        sidebar.add_folder_requested.connect(work.choose_folder)
        sidebar.rescan_requested.connect(lambda path: work.index([path]))
        sidebar.remove_folder_requested.connect(work.remove_folder)
        sidebar.relocate_requested.connect(work.relocate_folder)
        sidebar.forget_offline_requested.connect(work.forget_offline)
        sidebar.show_folder_requested.connect(self.photo_actions.show_file)
        sidebar.rename_search_requested.connect(self.saved.rename)
        sidebar.remove_search_requested.connect(self.saved.remove)
        self.saved.changed.connect(sidebar.refresh)
        self._window.problems.retry_requested.connect(work.retry)
        self._window.problems.show_in_folder_requested.connect(self.photo_actions.show_file)
        self._window.zoom.valueChanged.connect(self._window.photos.grid.set_thumb_px)

    def begin(self) -> None:
        """Show what is there, then let the work begin that nobody waits for."""
        self.finder.find(None)
        self._window.sidebar.refresh()
        self._window.work.begin()

    def _refresh(self) -> None:
        self.finder.refresh()
        self._window.sidebar.refresh()
        self._window.problems.refresh()

    def _on_navigated(self) -> None:
        place = self.navigation.place
        pages = {PlaceKind.PROBLEMS: self._window.problems, PlaceKind.DUPLICATES: self._window.duplicates}
        self._window.pages.setCurrentWidget(pages[place.kind] if place is not None else self._window.photos)
        self._window.zoom.setVisible(place is None)  # there are no thumbnails elsewhere
        if place is None:
            self._window.sidebar.select_query(self.navigation.query)
        else:
            self._tell_where()
            self._on_chosen()
        self.actions["back"].setEnabled(self.navigation.can_go_back)
        self.actions["forward"].setEnabled(self.navigation.can_go_forward)

    def _on_found(self, query: Query | None, listing: Listing, keep: bool) -> None:
        self._query = query
        self._window.bar.show_error("")
        self.photo_actions.show_hidden(query is not None and _HIDDEN in query.filters)
        self._window.photos.show_listing(listing, keep=keep, empty=self._why_empty(), row=self.navigation.row)
        self._tell_where()
        self._on_chosen()  # another query has other reasons, and a new listing tells of no choice that is gone

    def _on_not_found(self, why: str) -> None:
        """Say it where something was asked; without a query it is the library that cannot be read."""
        (self._window.bar.show_error if self._window.bar.query() else self._window.messages.show_error)(why)

    def _why_empty(self) -> EmptyState:
        place = self.navigation.place or place_of(self.navigation.query)
        match place.kind if place is not None else None:
            case PlaceKind.FAVOURITES:
                return EmptyState.NO_FAVOURITES
            case PlaceKind.FOLDER:
                return EmptyState.INDEXING if self._window.work.is_indexing else EmptyState.EMPTY_FOLDER
            case PlaceKind.ALL:
                if self._window.work.is_indexing:
                    return EmptyState.INDEXING
                return EmptyState.EMPTY_FOLDER if self._window.sidebar.has_folders else EmptyState.FIRST_LAUNCH
            case _:
                return EmptyState.NOTHING_FOUND

    def _tell_where(self) -> None:
        """Say what is shown: the photo that is shown large, a page, or a query and how much it finds."""
        if self._window.viewer.isVisible():
            self._window.tell(self._window.viewer.name)
            return
        if self.navigation.place is not None:
            self._window.count.clear()
            if self.navigation.place.kind is PlaceKind.PROBLEMS:
                self._window.tell(self.tr("Problems"))
            else:
                self._window.tell(self.tr("Duplicates"), self._window.duplicates.found)
            return
        found = self._found()
        shown = _shown(self._query) or self.tr("All photos")
        self._window.count.setText(found)
        self._window.tell(shown, found)

    def _found(self) -> str:
        listing = self._window.photos.model.found
        count = len(listing.photo_ids)
        if listing.scores is None or not listing.sections:
            return counted(count, self.tr("photo"), self.tr("photos")) if count else ""
        strong = next((section.first for section in listing.sections if section.key == "weaker"), count)
        if not strong:
            return counted(count, self.tr("weaker match"), self.tr("weaker matches"))
        told = counted(strong, self.tr("match"), self.tr("matches"))
        return told if listing.complete or strong < count else self.tr("more than {0}").format(told)

    def _on_end_reached(self) -> None:
        if not self._window.photos.model.listing.complete:
            self.finder.more()

    def _on_chosen(self) -> None:
        photos, inspector = self._window.photos, self._window.inspector
        chosen = photos.chosen() if self.navigation.place is None else []
        self.photo_actions.show_copies(photos.standing())
        self.photo_actions.enable(len(chosen))
        if self._window.pages.currentWidget() is self._window.duplicates:
            spot = self._window.duplicates.current()
            inspector.show_photo(spot.photo.photo_id if spot is not None else None, None)
        elif len(chosen) > 1:
            inspector.show_many(len(chosen))
        elif self.navigation.place is not None or not photos.model.rowCount():
            inspector.show_nothing()
        else:
            inspector.show_photo(chosen[0] if chosen else None, self._query)

    def _on_photos_changed(self, photo_ids: list[PhotoId]) -> None:
        self._window.photos.loader.forget(photo_ids)
        self._refresh()
        self.finder.refresh_now()
        self._on_chosen()

    def _view(self, row: int) -> None:
        self._window.viewer.open(self._window.photos.model, row)
        self._tell_where()

    def _view_chosen(self) -> None:
        chosen = self._window.photos.chosen()
        row = self._window.photos.model.row_of(chosen[0]) if chosen else None
        if row is not None:
            self._view(row)

    def _on_viewer_closed(self, row: int) -> None:
        self._tell_where()
        if row >= 0:
            self._window.photos.make_current(row)

    def _copy(self, photo_ids: list[PhotoId]) -> None:
        def done(paths: list[str]) -> None:
            QGuiApplication.clipboard().setMimeData(mime_data_of(paths))
            self._window.messages.show_note(
                self.tr("{0} copied").format(counted(len(paths), self.tr("photo"), self.tr("photos")))
            )

        self._runner.run(Lane.READ, lambda library: library.photos.paths(photo_ids), done, owner=self)

    def _paste(self) -> None:
        if not self.take(copied()):
            self._window.messages.show_note(self.tr("There is no picture on the clipboard."))

    def take(self, mime: QMimeData) -> bool:
        """Search by the pictures, and add the folders, that were dropped or copied; tell whether there may be any."""
        paths, is_taken = maybe_folders(mime), self._window.bar.take(mime)

        def done(folders: list[str]) -> None:
            if folders:
                self._window.work.add_folders(folders)
            elif not is_taken:
                self._window.messages.show_note(self.tr("Neither a picture nor a folder can be found there."))

        if paths:
            self._runner.run(Lane.READ, lambda _library: folders_among(paths), done, owner=self)
        return is_taken or bool(paths)

    def clear(self) -> None:
        """Show all photos again."""
        self.navigation.show_query(None)

    def _go(self, place: Place) -> None:
        self._window.sidebar.select(place)
        self.navigation.show_place(place)

    def _review_duplicates(self) -> None:
        self._go(DUPLICATES)
        self._window.duplicates.take_keyboard()

    def _save_search(self) -> None:
        self.saved.ask_name(self.navigation.query)

    def _undo(self) -> None:
        self.photo_actions.undo_last()

    def _focus_search(self) -> None:
        self._window.bar.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _zoom_by(self, px: int) -> None:
        self._window.zoom.setValue(self._window.zoom.value() + px)

    def _toggle_sidebar(self) -> None:
        self._window.sidebar.setVisible(self._window.sidebar.isHidden())

    def _toggle_inspector(self) -> None:
        self._window.inspector.setVisible(self._window.inspector.isHidden())

    def _collapse(self) -> None:
        self.finder.set_collapsing(self.actions["collapse"].isChecked())
        if self.navigation.place is None:
            self.finder.refresh_now()

    def _toggle_full_screen(self) -> None:
        self._window.setWindowState(self._window.windowState() ^ Qt.WindowState.WindowFullScreen)

    def _show_shortcuts(self) -> None:
        actions = [*self.actions.values(), *self.photo_actions.all(), *self._window.duplicates.on_groups.all()]
        window_actions.shortcuts_dialog(self._window, actions).open()

    def _show_about(self) -> None:
        window_actions.about_dialog(self._window).open()

    def _entries(self) -> list[Entry]:
        return [
            Entry("menu", self.tr("Menu"), "ellipsis-vertical", ("F10",), lambda: None),
            Entry("search", self.tr("Search"), "search", ("Ctrl+F", "/"), self._focus_search),
            Entry("paste", self.tr("Paste a picture to search by"), "", ("Ctrl+V",), self._paste),
            Entry("back", self.tr("Back"), "arrow-left", ("Alt+Left", "Back"), self.navigation.back),
            Entry("forward", self.tr("Forward"), "arrow-right", ("Alt+Right", "Forward"), self.navigation.forward),
            Entry("all", self.tr("All photos"), "images", ("Ctrl+1",), lambda: self._go(ALL_PHOTOS)),
            Entry("favourites", self.tr("Favourites"), "heart", ("Ctrl+2",), lambda: self._go(FAVOURITES)),
            Entry("duplicates", self.tr("Duplicates"), "copy", ("Ctrl+3",), self._review_duplicates),
            Entry("problems", self.tr("Problems"), "triangle-alert", ("Ctrl+4",), lambda: self._go(PROBLEMS)),
            Entry("sidebar", self.tr("Sidebar"), "panel-left", ("F9",), self._toggle_sidebar),
            Entry("inspector", self.tr("Details"), "panel-right", ("Ctrl+I",), self._toggle_inspector),
            Entry("add_folder", self.tr("Add folder…"), "plus", ("Ctrl+O",), self._window.work.choose_folder),
            Entry("update", self.tr("Update the library"), "refresh-cw", ("F5",), self._window.work.update),
            Entry("save_search", self.tr("Save this search…"), "bookmark-plus", ("Ctrl+S",), self._save_search),
            Entry("undo", self.tr("Undo"), "undo-2", ("Ctrl+Z",), self._undo),
            Entry("larger", self.tr("Larger thumbnails"), "zoom-in", ("Ctrl++", "Ctrl+="), lambda: self._zoom_by(32)),
            Entry("smaller", self.tr("Smaller thumbnails"), "zoom-out", ("Ctrl+-",), lambda: self._zoom_by(-32)),
            Entry("collapse", self.tr("Collapse copies"), "", ("Ctrl+E",), self._collapse, is_checkable=True),
            Entry("full_screen", self.tr("Full screen"), "maximize-2", ("F11",), self._toggle_full_screen),
            Entry("settings", self.tr("Settings…"), "settings", ("Ctrl+,",), self._window.work.show_settings),
            Entry("shortcuts", self.tr("Keyboard shortcuts"), "circle-help", ("F1",), self._show_shortcuts),
            Entry("about", self.tr("About imgfind"), "info", (), self._show_about),
            Entry("quit", self.tr("Quit"), "", ("Ctrl+Q",), self._window.close),
        ]


def _shown(query: Query | None) -> str:
    """Return a query as a title: pictures and folders by their names alone."""
    if query is None:
        return ""
    terms = (replace(term, path=_name(term.path)) if isinstance(term, ImageTerm) else term for term in query.terms)
    filters = (
        replace(item, value=_name(item.value)) if isinstance(item, WordFilter) and item.name == "in" else item
        for item in query.filters
    )
    return displayed(unparse(Query(tuple(terms), tuple(filters))))


def _name(path: str) -> str:
    return os.path.basename(path) or path
