"""Which groups to show: by what they are, where they lie, and what they gain. GUI thread only."""

import os

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QWidget

from imgfind.core.grouping import DUPLICATES
from imgfind.core.paths import displayed
from imgfind.core.records import Label
from imgfind.gui import texts, verdict_words
from imgfind.gui.review import Review, Shown

_GAINS_BYTES = (0, 10**6, 10**7, 10**8)


class ReviewFilters(QWidget):
    """Three lists to choose from.

    Signals:
        changed(Shown): others are to be shown.
    """

    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder: str | None = None
        self._labels, self._folders, self._gains = QComboBox(), QComboBox(), QComboBox()
        self._labels.setAccessibleName(self.tr("Kind of duplicates"))
        self._folders.setAccessibleName(self.tr("Folder"))
        self._gains.setAccessibleName(self.tr("Least gain"))
        self._labels.addItem(self.tr("All duplicates"), DUPLICATES)
        for label in Label:
            if label is Label.SAME_SCENE:
                self._labels.insertSeparator(self._labels.count())
            self._labels.addItem(verdict_words.explained(label), frozenset({label}))
        for gain_bytes in _GAINS_BYTES:
            text = self.tr("{} and more to gain").format(texts.size(gain_bytes)) if gain_bytes else self.tr("Any gain")
            self._gains.addItem(text, gain_bytes)
        self._list_folders()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for box in (self._labels, self._folders, self._gains):
            layout.addWidget(box)
        self._labels.activated.connect(lambda _: self._tell())
        self._gains.activated.connect(lambda _: self._tell())
        self._folders.activated.connect(self._on_folder)

    def shown(self) -> Shown:
        """Return what is chosen."""
        return Shown(self._labels.currentData(), self._folder, self._gains.currentData())

    def show_counts(self, review: Review) -> None:
        """Say how many groups there are of each kind."""
        for row in range(self._labels.count()):
            labels = self._labels.itemData(row)
            if labels is not None:  # no separator
                name = self.tr("All duplicates") if row == 0 else verdict_words.explained(next(iter(labels)))
                self._labels.setItemText(row, f"{name} ({texts.number(review.count(labels))})")

    def clear(self) -> None:
        """Show all duplicates."""
        self._folder = None
        self._labels.setCurrentIndex(0)
        self._gains.setCurrentIndex(0)
        self._list_folders()
        self._tell()

    def _list_folders(self) -> None:
        self._folders.clear()
        self._folders.addItem(self.tr("All folders"))
        if self._folder is not None:
            self._folders.addItem(displayed(os.path.basename(self._folder) or self._folder))
            self._folders.setItemData(1, displayed(self._folder), 3)
        self._folders.addItem(self.tr("Choose a folder…"))
        self._folders.setCurrentIndex(0 if self._folder is None else 1)

    def _on_folder(self, row: int) -> None:
        if row == 0:
            self._folder = None
        elif row == self._folders.count() - 1:
            self._folder = self.choose_folder() or self._folder
        self._list_folders()
        self._tell()

    def choose_folder(self) -> str:
        """Let the user choose a folder; nothing where none was."""
        return QFileDialog.getExistingDirectory(self, self.tr("Show duplicates in a folder"), self._folder or "")

    def _tell(self) -> None:
        self.changed.emit(self.shown())
