"""Settings: which folders belong to the library, and what in them is left out."""

import os

from PySide6.QtCore import QCoreApplication, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
)

from imgfind.core import Library
from imgfind.core.paths import displayed
from imgfind.core.store import Root
from imgfind.gui import texts
from imgfind.gui.icons import icon
from imgfind.gui.settings_page import SettingsPage, faint
from imgfind.gui.tasks import Lane, TaskRunner

_PATH = Qt.ItemDataRole.UserRole


class FoldersPage(SettingsPage):
    """The roots of the library and the patterns of what is left out.

    Signals:
        add_requested(): the user wants to choose a folder.
        remove_requested(str): the user wants this root out of the library.
        excludes_changed(): the next index run goes by other patterns.
    """

    add_requested = Signal()
    remove_requested = Signal(object)  # Qt's strings lose the bytes of names that are not UTF-8
    excludes_changed = Signal()

    def __init__(self, runner: TaskRunner) -> None:
        super().__init__(runner, QCoreApplication.translate("FoldersPage", "Folders"))
        self._roots = QTreeWidget()
        self._roots.setRootIsDecorated(False)
        self._roots.setUniformRowHeights(True)
        self._roots.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._roots.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._roots.setHeaderLabels([self.tr("Folder"), self.tr("Photos"), self.tr("State")])
        self._roots.setAccessibleName(self.tr("Folders of the library"))
        header = self._roots.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._roots.currentItemChanged.connect(self._on_current_changed)
        add = QPushButton(icon("plus"), self.tr("Add folder…"))
        add.clicked.connect(self.add_requested)
        self._remove = QPushButton(icon("minus"), self.tr("Take out"))
        self._remove.setEnabled(False)
        self._remove.setToolTip(self.tr("Take the folder out of the library. Its photos stay on the disk."))
        self._remove.clicked.connect(self._on_remove)
        buttons = QHBoxLayout()
        buttons.addWidget(add)
        buttons.addWidget(self._remove)
        buttons.addStretch(1)

        self._excludes = QPlainTextEdit()
        self._excludes.setPlaceholderText("*.tmp.jpg\nThumbnails")
        self._excludes.setTabChangesFocus(True)
        self._excludes.setFixedHeight(5 * self._excludes.fontMetrics().lineSpacing() + 12)
        self._excludes.textChanged.connect(self._on_edited)
        label = QLabel(self.tr("&Leave out"))
        label.setBuddy(self._excludes)
        self._save = QPushButton(self.tr("Save"))
        self._save.setEnabled(False)
        self._save.clicked.connect(self._on_save)
        explained = QHBoxLayout()
        explained.addWidget(faint(self.tr("One name of files or folders a line; * stands for any letters.")), 1)
        explained.addWidget(self._save)

        self.body.addWidget(self._roots, 1)
        self.body.addLayout(buttons)
        self.body.addSpacing(8)
        self.body.addWidget(label)
        self.body.addWidget(self._excludes)
        self.body.addLayout(explained)
        self._saved: list[str] = []

    def refresh(self) -> None:
        """Read roots and patterns; a pattern that is being edited stays."""
        self.ask(Lane.READ, _read, self._show)

    def _show(self, found: tuple[list[Root], list[str]]) -> None:
        roots, excludes = found
        current = self._current()
        self._roots.clear()
        for root in roots:
            item = QTreeWidgetItem([texts.path(root.path), texts.number(root.photos), self._state_of(root)])
            item.setData(0, _PATH, os.fsencode(root.path))
            item.setToolTip(0, texts.tip(displayed(root.path)))
            item.setIcon(0, icon("folder" if root.state == "online" else "unplug"))
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._roots.addTopLevelItem(item)
            if root.path == current:
                self._roots.setCurrentItem(item)
        if not self._save.isEnabled():
            self._saved = excludes
            self._excludes.setPlainText("\n".join(excludes))
            self._save.setEnabled(False)

    def _state_of(self, root: Root) -> str:
        if root.state != "online":
            return self.tr("offline")
        if root.offline:
            return self.tr("{} missing").format(texts.number(root.offline))
        return self.tr("online")

    def _current(self) -> str | None:
        item = self._roots.currentItem()
        return None if item is None else os.fsdecode(item.data(0, _PATH))

    @Slot()
    def _on_current_changed(self) -> None:
        self._remove.setEnabled(self._current() is not None)

    @Slot()
    def _on_remove(self) -> None:
        path = self._current()
        if path is not None:
            self.remove_requested.emit(path)

    def _edited(self) -> list[str]:
        return [line.strip() for line in self._excludes.toPlainText().splitlines() if line.strip()]

    @Slot()
    def _on_edited(self) -> None:
        self._save.setEnabled(self._edited() != self._saved)

    @Slot()
    def _on_save(self) -> None:
        patterns = self._edited()

        def saved(_: None) -> None:
            self._saved = patterns
            self._on_edited()
            self.excludes_changed.emit()

        self.ask(Lane.WRITE, lambda library: library.photos.set_excludes(patterns), saved)


def _read(library: Library) -> tuple[list[Root], list[str]]:
    return (library.roots() if library.photos.counts().roots else [], library.photos.excludes())
