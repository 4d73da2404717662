"""What can be done with the photos that are chosen: one list of actions for menu, context menu and keyboard.

Owns the actions and what they do to the library; asks others for what is chosen. GUI thread only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from imgfind.core import ImgfindError, Library, paths
from imgfind.core.records import PhotoId
from imgfind.core.removing import Removal, Undone
from imgfind.gui import file_manager
from imgfind.gui.duplicates_work import LongTask, removed_until_stopped
from imgfind.gui.icons import icon
from imgfind.gui.results_model import Standing
from imgfind.gui.tasks import Lane, TaskRunner
from imgfind.gui.texts import counted

_Does = Callable[[list[PhotoId]], None]
_ONE = True
_MANY = 50
"""Photos that take a while to move to the trash: 4 ms each, and what a slow disk takes to read them."""


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    text: str
    icon: str
    shortcut: str
    does: _Does
    for_one: bool = False
    """Makes sense for a single photo only."""


class PhotoActions(QObject):
    """Actions on the chosen photos.

    Signals:
        view_requested(): show the current photo large.
        query_requested(str, str): find what is ``similar``, ``more`` or ``less`` like the photo of this path.
        copies_requested(): show the copies of the current photo, or no longer.
        copy_requested(list): put the files of these photos on the clipboard.
        changed(list): these photos look different now (a favourite), or are gone.
        marked(str, object): what was done, and what takes it back.
        told(str), failed(str): a sentence for the message bar.
    """

    view_requested = Signal()
    query_requested = Signal(str, object)  # Qt's strings lose the bytes of names that are not UTF-8
    copies_requested = Signal()
    copy_requested = Signal(list)
    changed = Signal(list)
    marked = Signal(str, object)
    told = Signal(str)
    failed = Signal(str)

    def __init__(
        self,
        runner: TaskRunner,
        chosen: Callable[[], list[PhotoId]],
        view: QWidget,
        copies_unseen: Callable[[list[PhotoId]], int] = lambda _ids: 0,
    ) -> None:
        """``chosen`` gives the photos, the current one first; the shortcuts hold while ``view`` has the focus.

        ``copies_unseen`` counts the copies photos stand for that are not shown, and stay where they are.
        """
        super().__init__(view)
        self._runner = runner
        self._chosen = chosen
        self._copies_unseen = copies_unseen
        self._has_copies = False
        self.removal = LongTask(runner, Lane.WRITE, self)
        """Moves many photos to the trash."""
        self._hides = True
        self._done: list[Callable[[], None]] = []
        """What takes back what was done here, the last at the end."""
        self._actions = {entry.name: self._made(entry, view) for entry in self._entries()}

    def action(self, name: str) -> QAction:
        """Return one action by name."""
        return self._actions[name]

    def show_hidden(self, shown: bool) -> None:
        """Tell whether hidden photos are shown: then *hide* shows them again."""
        self._hides = not shown
        self._actions["hide"].setText(self.tr("Hide") if self._hides else self.tr("Show again"))

    def show_copies(self, standing: Standing | None) -> None:
        """Tell what the current photo has to do with copies: they can be shown, or are."""
        self._has_copies = standing is not None
        is_open = standing is not None and standing.is_open
        self._actions["copies"].setText(self.tr("Hide copies") if is_open else self.tr("Show copies"))

    def all(self) -> list[QAction]:
        """Return all actions in the order of the menu."""
        return list(self._actions.values())

    def menu(self, parent: QWidget) -> QMenu:
        """Return the context menu for what is chosen."""
        menu = QMenu(parent)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.enable(len(self._chosen()))
        groups = (
            ("view", "open", "show_in_folder", "copies"),
            ("similar", "more", "less"),
            ("favourite", "hide"),
            ("copy", "copy_path"),
            ("trash",),
        )
        for number, names in enumerate(groups):
            if number:
                menu.addSeparator()
            menu.addActions([self._actions[name] for name in names])
        return menu

    def enable(self, count: int) -> None:
        """Enable what makes sense for ``count`` chosen photos."""
        for entry_name, action in self._actions.items():
            action.setEnabled(count == 1 or (count > 1 and entry_name not in self._for_one))
        self._actions["copies"].setEnabled(count == 1 and self._has_copies)

    def _entries(self) -> Sequence[_Entry]:
        def asks(kind: str) -> _Does:
            return lambda ids: self.ask(kind, ids[0])

        entries = (
            _Entry("view", self.tr("View"), "maximize-2", "Space", lambda _: self.view_requested.emit(), _ONE),
            _Entry("open", self.tr("Open"), "external-link", "Return", lambda ids: self.open_file(ids[0]), _ONE),
            _Entry(
                "show_in_folder",
                self.tr("Show in folder"),
                "folder-search",
                "Ctrl+Return",
                lambda ids: self.show_in_folder(ids[0]),
                _ONE,
            ),
            _Entry("copies", self.tr("Show copies"), "layers", "E", lambda _: self.copies_requested.emit(), _ONE),
            _Entry("similar", self.tr("Find similar"), "scan-search", "S", asks("similar"), _ONE),
            _Entry("more", self.tr("More like this"), "thumbs-up", "+", asks("more"), _ONE),
            _Entry("less", self.tr("Less like this"), "thumbs-down", "-", asks("less"), _ONE),
            _Entry("favourite", self.tr("Favourite"), "heart", "F", self.toggle_favourite),
            _Entry("hide", self.tr("Hide"), "eye-off", "H", lambda ids: self.set_hidden(ids, self._hides)),
            _Entry("copy", self.tr("Copy"), "copy", "Ctrl+C", self.copy_requested.emit),
            _Entry("copy_path", self.tr("Copy path"), "clipboard-copy", "Ctrl+Shift+C", self._copy_paths),
            _Entry("trash", self.tr("Move to the trash"), "trash-2", "Del", self.trash),
        )
        self._for_one = frozenset(entry.name for entry in entries if entry.for_one)
        return entries

    def _made(self, entry: _Entry, view: QWidget) -> QAction:
        action = QAction(icon(entry.icon), entry.text, view)
        action.setShortcut(QKeySequence(entry.shortcut))
        # Not in the whole window: "F" is a letter where text is typed.
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(lambda: entry.does(ids) if (ids := self._chosen()) else None)
        view.addAction(action)
        return action

    def ask(self, kind: str, photo_id: PhotoId) -> None:
        """Ask for what is ``similar``, ``more`` or ``less`` like a photo."""
        self._with_path(photo_id, lambda path: self.query_requested.emit(kind, path))

    def open_file(self, photo_id: PhotoId) -> None:
        """Open a photo with the program the system has for it."""
        self._with_path(photo_id, file_manager.open_file, has_to_be_there=True)

    def show_in_folder(self, photo_id: PhotoId) -> None:
        """Show a photo in the system's file manager."""
        self._with_path(photo_id, file_manager.show_in_folder, has_to_be_there=True)

    def show_file(self, path: str) -> None:
        """Show a file or a folder in the system's file manager."""
        self._hand_over(lambda _library: path, file_manager.show_in_folder, has_to_be_there=True)

    def _with_path(self, photo_id: PhotoId, use: Callable[[str], None], *, has_to_be_there: bool = False) -> None:
        def found(library: Library) -> str | None:
            return next(iter(library.photos.paths([photo_id])), None)

        self._hand_over(found, use, has_to_be_there=has_to_be_there)

    def _hand_over(
        self, found: Callable[[Library], str | None], use: Callable[[str], None], *, has_to_be_there: bool
    ) -> None:
        def work(library: Library) -> str | None:
            path = found(library)
            if path is not None and has_to_be_there:
                file_manager.check_there(path)
            return path

        def done(path: str | None) -> None:
            try:
                if path is not None:
                    use(path)
            except ImgfindError as error:
                self._runner.failed.emit(error)

        self._runner.run(Lane.READ, work, done, owner=self)

    def _copy_paths(self, ids: list[PhotoId]) -> None:
        def done(found: list[str]) -> None:
            QGuiApplication.clipboard().setText("\n".join(paths.displayed(path) for path in found))
            self.told.emit(counted(len(found), self.tr("path copied"), self.tr("paths copied")))

        self._runner.run(Lane.READ, lambda library: library.photos.paths(ids), done, owner=self)

    def set_favourite(self, ids: list[PhotoId], on: bool) -> None:
        """Make favourites of photos, or of none of them."""

        def work(library: Library) -> None:
            library.photos.set_favourite(ids, on)

        self._runner.run(Lane.WRITE, work, lambda _: self.changed.emit(ids), owner=self)

    def toggle_favourite(self, ids: list[PhotoId]) -> None:
        """Make favourites of photos, or of none of them where all are."""

        def work(library: Library) -> None:
            photos = library.photos
            photos.set_favourite(ids, not all(card.favourite for card in photos.cards(ids)))

        self._runner.run(Lane.WRITE, work, lambda _: self.changed.emit(ids), owner=self)

    def set_hidden(self, ids: list[PhotoId], hidden: bool) -> None:
        """Hide photos, or show them again; both can be taken back."""
        self._write_hidden(
            ids, hidden, lambda text: self.mark(text, lambda: self._write_hidden(ids, not hidden, self.told.emit))
        )

    def _write_hidden(self, ids: list[PhotoId], hidden: bool, tell: Callable[[str], None]) -> None:
        def done(_: None) -> None:
            text = self.tr("{0} hidden") if hidden else self.tr("{0} shown again")
            tell(text.format(self._photos(len(ids))))
            self.changed.emit(ids)

        self._runner.run(Lane.WRITE, lambda library: library.photos.set_hidden(ids, hidden), done, owner=self)

    def trash(self, ids: list[PhotoId]) -> None:
        """Move photos to the trash; many can be watched and stopped, what comes meanwhile waits for its turn."""
        staying = self._copies_unseen(ids)

        def done(removal: Removal) -> None:
            self.tell_removal(removal, ids, staying)

        if len(ids) < _MANY or self.removal.is_running:
            self._runner.run(Lane.WRITE, lambda library: library.removing.remove(ids), done, owner=self)
        else:
            self.removal.start(
                lambda library, job: removed_until_stopped(library, ids, lambda: library.removing.remove(ids, job)),
                done,
                self._runner.failed.emit,
            )

    def tell_removal(self, removal: Removal, ids: list[PhotoId], staying: int = 0) -> None:
        """Tell what became of photos that were to go, with the way back; so many copies of them were not shown."""
        if removal.trashed:
            text = self.tr("{0} moved to the trash").format(self._photos(removal.trashed))
            if staying:
                copies = counted(staying, self.tr("copy stays"), self.tr("copies stay"))
                text = self.tr("{0}; {1}").format(text, copies)
            self.mark(text, lambda: self.undo(removal.batch))
        elif removal.deleted:
            self.told.emit(self.tr("{0} deleted for good").format(self._photos(removal.deleted)))
        if removal.trashed or removal.deleted:
            self.changed.emit(ids)
        if removal.failed:
            first = removal.failed[0]
            more = self.tr(" (and {0:,} more)").format(len(removal.failed) - 1) if len(removal.failed) > 1 else ""
            text = self.tr("{0} was left where it is: {1}{2}")
            self.failed.emit(text.format(paths.displayed(first.path), first.reason, more))

    def undo(self, batch: str) -> None:
        """Take back what went into the trash at once."""

        def done(undone: Undone) -> None:
            self.changed.emit([])
            if undone.failed:
                first = undone.failed[0]
                text = self.tr("{0} could not be brought back: {1}")
                self.failed.emit(text.format(paths.displayed(first.path), first.reason))
            else:
                self.told.emit(self.tr("{0} back in place").format(self._photos(undone.restored)))

        self._runner.run(Lane.WRITE, lambda library: library.removing.undo(batch), done, owner=self)

    def undo_last(self) -> None:
        """Take back what was done last; at last what went into the trash before this start of the window."""
        if self._done:
            self._done[-1]()
            return

        def done(batch: str | None) -> None:
            if batch is None:
                self.told.emit(self.tr("There is nothing to undo."))
            else:
                self.undo(batch)

        self._runner.run(Lane.READ, lambda library: library.removing.last_batch(), done, owner=self)

    def mark(self, text: str, take_back: Callable[[], None]) -> None:
        """Tell what was done, with the way back, which can be gone once."""

        def once() -> None:
            if once in self._done:
                self._done.remove(once)
                take_back()

        self._done.append(once)
        self.marked.emit(text, once)

    def _photos(self, count: int) -> str:
        return counted(count, self.tr("photo"), self.tr("photos"))
