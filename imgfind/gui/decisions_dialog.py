"""What was decided about photos that show the same, and the way to take it back. GUI thread only."""

import contextlib
import os
from typing import NamedTuple

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from imgfind.core import Library
from imgfind.core.paths import displayed
from imgfind.core.thumbs import Previews
from imgfind.gui import texts, theme
from imgfind.gui.tasks import Lane, TaskRunner

_MOST = 500
"""The last ones: who wants to take one back has just decided, and a few hundred can be looked through."""
_EDGE_PX = 64
_GAP_PX = 4
_BATCH = 16


class _Row(NamedTuple):
    """A decision about pictures of these hashes, or the choice of this number to keep one."""

    decided_at: str
    what: str
    hashes: tuple[bytes, ...]
    choice_id: int | None = None
    detail: str = ""


class DecisionsDialog(QDialog):
    """The pairs that were decided about, and the photos that were chosen to be kept, the last one first.

    Signals:
        take_back_requested(list, list): the pairs of hashes, and the numbers of the choices, to be forgotten.
    """

    take_back_requested = Signal(object, object)

    def __init__(self, runner: TaskRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self.setWindowTitle(self.tr("Decided"))
        self._words = QLabel(wordWrap=True)
        self._list = QListWidget()
        self._list.setIconSize(QSize(2 * _EDGE_PX + _GAP_PX, _EDGE_PX))
        self._list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._list.setUniformItemSizes(True)
        self._list.setAccessibleName(self.tr("Decisions"))
        self._back = QPushButton(self.tr("Take back"))
        self._back.setEnabled(False)
        self._back.clicked.connect(self._take_back)
        self._list.itemSelectionChanged.connect(lambda: self._back.setEnabled(bool(self._list.selectedItems())))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.addButton(self._back, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self._words)
        layout.addWidget(self._list, 1)
        layout.addWidget(buttons)
        theme.without_icons(self)
        self.resize(460, 420)
        self.refresh()

    def refresh(self) -> None:
        """Read the decisions again."""
        self._runner.run(
            Lane.READ,
            _rows,
            self._on_read,
            key=(self, "read"),
            owner=self,
        )

    def _on_read(self, rows: list[_Row]) -> None:
        self._list.clear()
        self._words.setText(
            self.tr("Taken back, it is as if it had never been decided.") if rows else self.tr("Nothing was decided.")
        )
        words = {
            "different": self.tr("Not duplicates"),
            "keep": self.tr("Both are kept"),
            "chosen": self.tr("Chosen to be kept"),
        }
        for row in rows:
            told = " · ".join(filter(None, (row.detail, texts.moment(row.decided_at[:16]))))
            item = QListWidgetItem(f"{words[row.what]}\n{told}")
            item.setData(Qt.ItemDataRole.UserRole, row)
            item.setSizeHint(QSize(0, _EDGE_PX + 2 * _GAP_PX))
            self._list.addItem(item)
        self._load(0)

    def _load(self, first: int) -> None:
        rows = range(first, min(first + _BATCH, self._list.count()))
        shown = [self._list.item(row).data(Qt.ItemDataRole.UserRole).hashes for row in rows]
        if not shown:
            return

        def done(images: list[QImage]) -> None:
            for row, image in zip(rows, images, strict=True):
                item = self._list.item(row)
                if item is not None:
                    item.setIcon(QIcon(QPixmap.fromImage(image)))
            self._load(rows.stop)

        scale = self.devicePixelRatioF()
        self._runner.run(
            Lane.PICTURES, lambda library: _pictures(library, shown, scale), done, key=(self, "load"), owner=self
        )

    def _take_back(self) -> None:
        rows: list[_Row] = [item.data(Qt.ItemDataRole.UserRole) for item in self._list.selectedItems()]
        self.take_back_requested.emit(
            [row.hashes for row in rows if row.choice_id is None],
            [row.choice_id for row in rows if row.choice_id is not None],
        )


def _rows(library: Library) -> list[_Row]:
    """Return what was decided last. Runs in a worker."""
    decided = [
        _Row(each.decided_at, each.decision, (each.hash_a, each.hash_b)) for each in library.duplicates.decisions()
    ]
    chosen = [
        _Row(each.chosen_at, "chosen", (each.content_hash,), each.choice_id, displayed(os.path.basename(each.path)))
        for each in library.duplicates.choices()
    ]
    return sorted(decided + chosen, key=lambda row: row.decided_at, reverse=True)[:_MOST]


def _pictures(library: Library, shown: list[tuple[bytes, ...]], scale: float) -> list[QImage]:
    """Return a picture of each pair, or single one. Runs in a worker."""
    with contextlib.closing(Previews(library.folder, readonly=True)) as previews:
        return [_side_by_side([previews.get(each) for each in hashes], scale) for hashes in shown]


def _side_by_side(jpegs: list[bytes | None], scale: float) -> QImage:
    edge_px = round(_EDGE_PX * scale)
    image = QImage(2 * edge_px + round(_GAP_PX * scale), edge_px, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    painter = QPainter(image)
    for number, jpeg in enumerate(jpegs):
        part = QImage.fromData(jpeg) if jpeg is not None else QImage()
        if not part.isNull():
            shown = part.scaled(
                edge_px, edge_px, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
            left = number * (image.width() - edge_px) + (edge_px - shown.width()) // 2
            painter.drawImage(left, (edge_px - shown.height()) // 2, shown)
    painter.end()
    image.setDevicePixelRatio(scale)
    return image
