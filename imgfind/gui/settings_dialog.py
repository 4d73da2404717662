"""The settings: pages on the left, one of them on the right. What is changed holds at once. GUI thread only."""

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from imgfind.gui import theme
from imgfind.gui.icons import icon
from imgfind.gui.indexer import Indexer
from imgfind.gui.model_fetch import ModelFetch
from imgfind.gui.preferences import Preferences
from imgfind.gui.settings_device import DevicePage
from imgfind.gui.settings_folders import FoldersPage
from imgfind.gui.settings_look import LookPage
from imgfind.gui.settings_models import ModelsPage
from imgfind.gui.settings_page import SettingsPage
from imgfind.gui.settings_storage import StoragePage
from imgfind.gui.tasks import TaskRunner

_ICON_PX = 20


class SettingsDialog(QDialog):
    """All settings; not modal.

    Signals:
        add_folder_requested(): the user wants to choose a folder.
        remove_folder_requested(str): the user wants this folder out of the library.
        captions_changed(frozenset): what stands below a thumbnail.
    """

    add_folder_requested = Signal()
    remove_folder_requested = Signal(object)
    captions_changed = Signal(object)

    def __init__(
        self,
        runner: TaskRunner,
        preferences: Preferences,
        indexer: Indexer,
        fetch: ModelFetch,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Settings"))
        folders = FoldersPage(runner)
        folders.add_requested.connect(self.add_folder_requested)
        folders.remove_requested.connect(self.remove_folder_requested)
        folders.excludes_changed.connect(indexer.start)
        look = LookPage(runner, preferences)
        look.captions_changed.connect(self.captions_changed)
        self._names = QListWidget()
        self._names.setAccessibleName(self.tr("Pages"))
        self._names.setFrameShape(QFrame.Shape.NoFrame)
        self._names.setSpacing(3)
        self._names.setIconSize(QSize(_ICON_PX, _ICON_PX))
        self._names.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._pages = QStackedWidget()
        self._trouble = QLabel(wordWrap=True)
        self._trouble.setTextFormat(Qt.TextFormat.PlainText)
        self._trouble.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._trouble.setContentsMargins(20, 0, 20, 0)
        self._trouble.hide()
        self._add(self.tr("Folders"), "folder", folders)
        self._add(self.tr("Model"), "layers", ModelsPage(runner, indexer, fetch))
        self._add(self.tr("Device"), "cpu", DevicePage(runner))
        self._add(self.tr("Storage"), "hard-drive", StoragePage(runner, preferences))
        self._add(self.tr("Appearance"), "sun", look)
        names = [self._names.item(row).text() for row in range(self._names.count())]
        longest_px = max(map(self._names.fontMetrics().horizontalAdvance, names))
        self._names.setFixedWidth(longest_px + _ICON_PX + 46)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        buttons.setContentsMargins(20, 0, 20, 12)
        right = QVBoxLayout()
        right.addWidget(self._pages, 1)
        right.addWidget(self._trouble)
        right.addWidget(buttons)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._names)
        layout.addLayout(right, 1)
        theme.without_icons(self)
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)  # Enter ends the editing of a field and presses nothing
        self._names.currentRowChanged.connect(self._on_chosen)
        self._names.setCurrentRow(0)
        self.resize(680, 520)

    def choose(self, name: str) -> None:
        """Bring up the page that is called so in the list."""
        for item in self._names.findItems(name, Qt.MatchFlag.MatchExactly):
            self._names.setCurrentItem(item)

    @Slot()
    def refresh(self) -> None:
        """Read anew what the page on show tells of the library."""
        page = self._pages.currentWidget()
        if self.isVisible() and isinstance(page, SettingsPage):
            page.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Show what is so now."""
        super().showEvent(event)
        self.refresh()

    def _add(self, name: str, icon_name: str, page: SettingsPage) -> None:
        item = QListWidgetItem(icon(icon_name), name)
        item.setSizeHint(QSize(0, round(2.2 * self.fontMetrics().height())))
        self._names.addItem(item)
        self._pages.addWidget(page)
        page.failed.connect(self._on_failed)

    @Slot(int)
    def _on_chosen(self, row: int) -> None:
        self._on_failed("")
        self._pages.setCurrentIndex(row)
        self.refresh()

    @Slot(str)
    def _on_failed(self, why: str) -> None:
        self._trouble.setText(why)
        self._trouble.setVisible(bool(why))
