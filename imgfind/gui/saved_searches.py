"""Saving, renaming and removing searches by name. GUI thread; the library is written in the WRITE lane."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QInputDialog, QWidget

from imgfind.core import Library
from imgfind.gui import theme
from imgfind.gui.tasks import Lane, TaskRunner


class SavedSearches(QObject):
    """What the user does with saved searches.

    Signals:
        changed(): there is another one, or one less.
    """

    changed = Signal()

    def __init__(self, runner: TaskRunner, window: QWidget) -> None:
        super().__init__(window)
        self._runner = runner
        self._window = window

    def ask_name(self, query: str) -> None:
        """Ask for a name and save ``query`` under it."""
        if query:
            self._ask(self.tr("Save search"), query, lambda name: lambda it: it.photos.save_search(name, query))

    def rename(self, name: str) -> None:
        """Ask for another name of a saved search."""
        self._ask(self.tr("Rename search"), name, lambda new: lambda it: it.photos.rename_search(name, new))

    def remove(self, name: str) -> None:
        """Forget a saved search."""
        self._write(lambda library: library.photos.remove_search(name))

    def _ask(self, title: str, text: str, change: Callable[[str], Callable[[Library], object]]) -> None:
        dialog = QInputDialog(self._window)
        dialog.setWindowTitle(title)
        dialog.setLabelText(self.tr("Name"))
        dialog.setTextValue(text)
        dialog.textValueSelected.connect(lambda name: self._write(change(name.strip())) if name.strip() else None)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        theme.without_icons(dialog)

    def _write(self, change: Callable[[Library], object]) -> None:
        self._runner.run(Lane.WRITE, change, lambda _: self.changed.emit(), owner=self)
