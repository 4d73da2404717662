"""What goes on in the library behind the photos: indexing, looking for duplicates, fetching a model, folders.

Joins the child processes to the lines that show them. GUI thread only.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from imgfind.core import ImgfindError, Library
from imgfind.core.paths import displayed
from imgfind.gui import theme
from imgfind.gui.duplicate_search import DuplicateSearch
from imgfind.gui.indexer import Indexer
from imgfind.gui.model_fetch import ModelFetch
from imgfind.gui.model_offer import ModelOffer
from imgfind.gui.notifications import Notifier
from imgfind.gui.preferences import Preferences
from imgfind.gui.previews_cap import PreviewsCap
from imgfind.gui.rescans import Rescans
from imgfind.gui.settings_dialog import SettingsDialog
from imgfind.gui.tasks import Lane, TaskRunner
from imgfind.gui.texts import counted
from imgfind.gui.work_line import WorkLine

_LAST_WAIT_S = 3.0
"""How long a child may take to finish its batch once the window is gone, then it is killed; nothing stored is lost."""
_PROCESSES_AFTER_MS = 1_000
"""The first screen of photos is not to share the cores with processes that start: of a library of 100,000 it came
0.23 s behind the window instead of 0.35 (two cores, idle), 0.38 s instead of 1.0 (busy)."""

_Change = Callable[[Library], object]


class LibraryWork(QObject):
    """The work on one library.

    Signals:
        changed(): there are other photos, problems or folders.
        indexing_changed(bool): indexing has begun, or ended.
        told(str), failed(str): a sentence for the message bar.
        captions_changed(frozenset): what stands below a thumbnail.
        shown(): the user wants to see the window.
    """

    changed = Signal()
    indexing_changed = Signal(bool)
    told = Signal(str)
    failed = Signal(str)
    captions_changed = Signal(object)
    shown = Signal()

    def __init__(self, folder: Path, runner: TaskRunner, preferences: Preferences, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._runner = runner
        self._changes: list[tuple[_Change, Callable[[], None]]] = []
        self._preferences = preferences
        self.indexer = Indexer(folder, preferences, self)
        self.search = DuplicateSearch(folder, runner, self.indexer, self)
        self.fetch = ModelFetch(folder, runner, self.indexer, self)
        self.line = WorkLine()
        self.fetch_line = WorkLine()
        self.search_line = WorkLine(can_pause=False)
        self.offer = ModelOffer(runner, preferences, self.indexer, self.fetch)
        self._cap = PreviewsCap(runner, preferences, self)
        self._rescans = Rescans(self.indexer, self)
        self._notifier = Notifier(QGuiApplication.windowIcon(), self)
        self._settings: SettingsDialog | None = None
        self._connect()

    @property
    def is_indexing(self) -> bool:
        """Tell whether photos may be on their way."""
        return self.indexer.state in ("running", "waiting")

    def begin(self) -> None:
        """Do what is to be done at the start: finish what a crash left, then bring the library up to date."""

        def done(prepared: tuple[list[str], bool]) -> None:
            reports, has_folders = prepared
            for report in reports:
                self.told.emit(report)
            self.changed.emit()
            self.offer.refresh()
            if has_folders:
                QTimer.singleShot(_PROCESSES_AFTER_MS, self._rescans.begin)

        self._runner.run(Lane.WRITE, _prepared, done, failed=self._fail, owner=self)
        QTimer.singleShot(_PROCESSES_AFTER_MS, self._warm_up)

    def show_settings(self) -> None:
        """Open the settings, or bring them to the front."""
        if self._settings is None:
            settings = SettingsDialog(self._runner, self._preferences, self.indexer, self.fetch, self._window)
            settings.add_folder_requested.connect(self.choose_folder)
            settings.remove_folder_requested.connect(self.remove_folder)
            settings.captions_changed.connect(self.captions_changed)
            self.changed.connect(settings.refresh)
            self._settings = settings
        self._settings.show()
        self._settings.raise_()
        self._settings.activateWindow()

    def update(self) -> None:
        """Bring the library up to date now."""
        self.indexer.start()

    def index(self, folders: Sequence[str]) -> None:
        """Bring some folders up to date now."""
        self.indexer.start(folders)

    def choose_folder(self) -> None:
        """Let the user choose a folder to add."""
        folder = QFileDialog.getExistingDirectory(self._window, self.tr("Add a folder of photos"))
        if folder:
            self.add_folders([folder])

    def add_folders(self, folders: Sequence[str]) -> None:
        """Add folders to the library and index them."""
        self.indexer.start(folders)

    def retry(self, problems: Sequence[str]) -> None:
        """Try to read files again that could not be read."""
        self._runner.run(
            Lane.WRITE,
            lambda library: library.photos.forget_problems(problems),
            lambda _: self.indexer.start(),
            failed=self._fail,
            owner=self,
        )

    def remove_folder(self, folder: str) -> None:
        """Take a folder out of the library, when the user has confirmed it."""
        self._confirm(
            self.tr("Take {0} out of the library?").format(displayed(folder)),
            self.tr("Its photos stay on the disk, untouched. They are no longer found."),
            self.tr("Take out"),
            lambda library: library.remove_root(folder),
        )

    def relocate_folder(self, folder: str) -> None:
        """Let the user say where a folder of the library is now."""
        new = QFileDialog.getExistingDirectory(self._window, self.tr("Where is {0} now?").format(displayed(folder)))
        if new:
            self._change_alone(lambda library: library.relocate_root(folder, new), self.indexer.start)

    def forget_offline(self, folder: str) -> None:
        """Forget the photos of a folder that are not there any more, when the user has confirmed it."""
        self._confirm(
            self.tr("Forget the photos of {0} that are not there any more?").format(displayed(folder)),
            self.tr("If their drive comes back, they are found again at the next update."),
            self.tr("Forget"),
            lambda library: library.forget_offline(folder),
        )

    def close(self) -> None:
        """End the child processes, or leave them alone where the user chose so."""
        self.fetch.close(_LAST_WAIT_S)
        self.search.close(_LAST_WAIT_S)
        self.indexer.close(_LAST_WAIT_S)

    def _confirm(self, question: str, consequence: str, action: str, change: _Change) -> None:
        """Ask; where the answer is yes, change what only the indexer may."""
        box = QMessageBox(QMessageBox.Icon.Question, "", question, QMessageBox.StandardButton.Cancel, self._window)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setInformativeText(consequence)
        box.setDefaultButton(box.addButton(action, QMessageBox.ButtonRole.AcceptRole))
        box.accepted.connect(lambda: self._change_alone(change))
        box.finished.connect(box.deleteLater)
        theme.without_icons(box)
        box.open()

    def _warm_up(self) -> None:
        """Start the encoder's process, for which the first search would wait; it does nothing while there is no photo.

        Where that fails the first search says so.
        """
        self._runner.run(Lane.PATIENT, lambda library: library.warm_up(), failed=lambda _: None, key="warm up")

    def _change_alone(self, change: _Change, then: Callable[[], None] = lambda: None) -> None:
        """Change what only the indexer may: it is stopped first, and goes on afterwards."""
        was_running = self.indexer.state == "running"

        def and_then() -> None:
            then()
            if was_running:
                self.indexer.start()

        self._changes.append((change, and_then))
        if was_running:
            self.indexer.cancel()
        else:
            self._make_changes()

    def _make_changes(self) -> None:
        changes, self._changes = self._changes, []
        for change, then in changes:

            def done(_: object, then: Callable[[], None] = then) -> None:
                self.changed.emit()
                then()

            self._runner.run(Lane.WRITE, change, done, failed=self._fail, owner=self)

    def _connect(self) -> None:
        indexer, line = self.indexer, self.line
        indexer.state_changed.connect(self._on_state)
        indexer.progressed.connect(lambda progress: line.show_progress(progress, self.tr("Indexing")))
        indexer.batch_stored.connect(self.changed)
        indexer.batch_stored.connect(self._warm_up)
        indexer.finished.connect(self._on_finished)
        indexer.finished.connect(self._cap.enforce)
        indexer.failed.connect(self.failed)
        line.set_state(indexer.state, self.tr("Indexing"))  # it may have been paused before
        self._notifier.clicked.connect(self.shown)
        for work, its_line in ((indexer, line), (self.fetch, self.fetch_line)):
            its_line.pause_requested.connect(work.pause)
            its_line.resume_requested.connect(work.resume)
            its_line.cancel_requested.connect(work.cancel)
        self._connect_search()
        self._connect_fetch()

    def _connect_search(self) -> None:
        search, line, what = self.search, self.search_line, self.tr("Looking for duplicates")
        # That it waits needs no telling: the line of what it waits for is there.
        search.state_changed.connect(lambda state: line.set_state("running" if state == "running" else "idle", what))
        search.progressed.connect(lambda progress: line.show_progress(replace(progress, per_s=None), what))
        search.failed.connect(self.failed)
        line.cancel_requested.connect(search.cancel)
        self.indexer.finished.connect(lambda _summary: search.look())

    def _connect_fetch(self) -> None:
        fetch, line = self.fetch, self.fetch_line
        what = self.tr("Downloading the model")
        fetch.state_changed.connect(lambda state: line.set_state(state, what))
        fetch.state_changed.connect(lambda _state: self.offer.refresh())
        fetch.progressed.connect(lambda progress: line.show_progress(progress, what, in_bytes=True))
        fetch.finished.connect(
            lambda _name: self.told.emit(self.tr("The model is here. It takes over once it knows all photos."))
        )
        fetch.failed.connect(self.failed)

    def _on_state(self, state: str) -> None:
        self.line.set_state(state, self.tr("Indexing"))
        self.indexing_changed.emit(self.is_indexing)
        if state == "running":
            self._notifier.begin()
        if state == "idle":
            self._notifier.end()
            self.changed.emit()
            self.offer.refresh()
            self._make_changes()

    def _on_finished(self, summary: dict[str, Any]) -> None:
        self.changed.emit()
        if summary.get("encoded"):
            text = self.tr("{0} added").format(counted(summary["encoded"], self.tr("photo"), self.tr("photos")))
            self._notifier.end(text)
            self.told.emit(text)

    def _fail(self, error: ImgfindError) -> None:
        self.failed.emit(str(error))


def _prepared(library: Library) -> tuple[list[str], bool]:
    """Migrate an older library and finish what a crash left of a removal.

    Returns what there is to tell, and whether there are folders to look through.
    """
    library.photos.prepare()
    return library.removing.recover(), library.photos.counts().roots > 0
