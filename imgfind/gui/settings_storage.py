"""Settings: what the library takes on the disk, and whether indexing goes on without a window."""

from PySide6.QtCore import QCoreApplication, Slot
from PySide6.QtWidgets import QCheckBox, QFormLayout, QHBoxLayout, QLabel, QPushButton, QSpinBox

from imgfind.core import Library
from imgfind.core.care.pruning import PruneOptions
from imgfind.core.paths import displayed
from imgfind.gui import texts
from imgfind.gui.preferences import PREVIEWS_CAP_GB, Preferences
from imgfind.gui.settings_page import SettingsPage, faint
from imgfind.gui.tasks import Lane, TaskRunner


class StoragePage(SettingsPage):
    """Disk space, the cap of the previews, and indexing without a window."""

    def __init__(self, runner: TaskRunner, preferences: Preferences) -> None:
        super().__init__(runner, QCoreApplication.translate("StoragePage", "Storage"))
        self._preferences = preferences
        self._sizes = QFormLayout()
        self._where = faint()
        self._cap = QSpinBox(minimum=PREVIEWS_CAP_GB[0], maximum=PREVIEWS_CAP_GB[1], suffix=self.tr(" GB"))
        self._cap.setValue(preferences.previews_cap_gb)
        self._cap.setAccessibleName(self.tr("Most disk space for previews"))
        self._cap.editingFinished.connect(self._on_cap)
        self._clear = QPushButton(self.tr("&Delete previews"))
        self._clear.setToolTip(self.tr("Thumbnails are then made from the photos themselves, which takes longer"))
        self._clear.clicked.connect(self._on_clear)
        cap = QHBoxLayout()
        cap.addWidget(self._cap)
        cap.addWidget(self._clear)
        cap.addStretch(1)
        cap_label = QLabel(self.tr("&Previews may take"))
        cap_label.setBuddy(self._cap)
        self._sizes.addRow(cap_label, cap)
        self._rows: dict[str, QLabel] = {}
        for kind in ("previews", "catalogue", "graphs", "backups"):
            self._rows[kind] = QLabel("–")
            self._sizes.addRow(self._kind_name(kind), self._rows[kind])
        keep = QCheckBox(self.tr("&Go on indexing when the window is closed"))
        keep.setChecked(preferences.keep_indexing)
        keep.toggled.connect(self._on_keep)
        self.body.addLayout(self._sizes)
        self.body.addWidget(self._where)
        self.body.addSpacing(8)
        self.body.addWidget(keep)
        self.body.addStretch(1)

    def refresh(self) -> None:
        """Read how large things are."""
        self.ask(Lane.READ, _read, self._show)

    def _show(self, found: tuple[str, dict[str, int]]) -> None:
        folder, sizes = found
        for kind, label in self._rows.items():
            label.setText(texts.size(sizes.get(kind, 0)))
        self._where.setText(self.tr("All of it lies in {}").format(displayed(folder)))
        self._clear.setEnabled(sizes.get("previews", 0) > 0)

    def _kind_name(self, kind: str) -> str:
        return {
            "previews": self.tr("Previews"),
            "catalogue": self.tr("Catalogue"),
            "graphs": self.tr("Search index"),
            "backups": self.tr("Backups"),
        }[kind]

    @Slot()
    def _on_cap(self) -> None:
        if self._cap.value() == self._preferences.previews_cap_gb:
            return
        self._preferences.previews_cap_gb = self._cap.value()
        options = PruneOptions(previews_cap_bytes=self._cap.value() * 10**9)
        self.ask(
            Lane.WRITE,
            lambda library: library.care.prune(options) if library.photos.counts().roots else None,
            lambda _: self.refresh(),
        )

    @Slot()
    def _on_clear(self) -> None:
        self._clear.setEnabled(False)
        self.ask(Lane.WRITE, lambda library: library.care.clear_previews(), lambda _: self.refresh(), self.refresh)

    @Slot(bool)
    def _on_keep(self, on: bool) -> None:
        self._preferences.keep_indexing = on


def _read(library: Library) -> tuple[str, dict[str, int]]:
    exists = library.photos.counts().roots > 0
    return str(library.folder), library.status().sizes if exists else {}
