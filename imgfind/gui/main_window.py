"""The window: arranges the parts and connects them; what they do is their own.

GUI thread only.
"""

from pathlib import Path

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QSlider,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from imgfind.core.access import QUERIES_FOLDER
from imgfind.gui.controller import Controller
from imgfind.gui.drops import maybe_folders
from imgfind.gui.duplicates_page import DuplicatesPage
from imgfind.gui.inspector import Inspector
from imgfind.gui.library_work import LibraryWork
from imgfind.gui.message_bar import MessageBar
from imgfind.gui.photos_page import PhotosPage
from imgfind.gui.preferences import THUMB_PX, Preferences
from imgfind.gui.problems_page import ProblemsPage
from imgfind.gui.search_bar import SearchBar
from imgfind.gui.sidebar import Sidebar
from imgfind.gui.tasks import OpenLibrary, TaskRunner
from imgfind.gui.viewer import Viewer
from imgfind.gui.work_line import WorkLine


class MainWindow(QMainWindow):
    """The window of one library."""

    def __init__(self, folder: Path, open_library: OpenLibrary, preferences: Preferences) -> None:
        super().__init__()
        self._preferences = preferences
        self.runner = TaskRunner(open_library, self)
        self.sidebar = Sidebar(self.runner)
        self.bar = SearchBar(self.runner, folder / QUERIES_FOLDER)
        self.messages = MessageBar()
        self.photos = PhotosPage(self.runner)
        self.problems = ProblemsPage(self.runner)
        self.inspector = Inspector(self.runner)
        self.work = LibraryWork(folder, self.runner, preferences, self)
        self.duplicates = DuplicatesPage(self.runner, self.work.search)
        self.removal_line = WorkLine(can_pause=False)
        self.controller = Controller(self)
        self.count = QLabel()
        self.zoom = QSlider(Qt.Orientation.Horizontal)
        self.pages = QStackedWidget()
        self._splitter = QSplitter()
        self._arrange()
        self.viewer = Viewer(self.runner, self)
        self.controller.connect_parts()
        self._restore()
        self.setAcceptDrops(True)
        self.tell()
        QTimer.singleShot(0, self.controller.begin)

    def tell(self, *what: str) -> None:
        """Say in the title what is shown; Qt puts the program's name behind it, but not behind nothing."""
        self.setWindowTitle(" - ".join(part for part in what if part) or QGuiApplication.applicationDisplayName())

    def come_forward(self) -> None:
        """Show the window in front of all others."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def shut_down(self) -> bool:
        """End all work; the window is gone by then. Tell whether none is left."""
        self.controller.photo_actions.removal.cancel()
        self.duplicates.work.cancel()
        self.work.close()
        return self.runner.close()

    # Arranged

    def _arrange(self) -> None:
        self.pages.addWidget(self.photos)
        self.pages.addWidget(self.duplicates)
        self.pages.addWidget(self.problems)
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._top())
        column.addWidget(self.work.offer)
        column.addWidget(self.messages)
        column.addWidget(self.pages, 1)
        work = self.work
        for line in (work.fetch_line, work.line, work.search_line, self.removal_line, self.duplicates.line):
            column.addWidget(line)
        column.addLayout(self._bottom())
        for part, name in ((self.sidebar, "sidebar"), (centre, "centre"), (self.inspector, "inspector")):
            part.setObjectName(name)
            self._splitter.addWidget(part)
        self._splitter.setStretchFactor(1, 1)
        self._splitter.setCollapsible(1, False)
        self._splitter.setSizes([220, 800, 280])
        self._splitter.setHandleWidth(1)
        self.setCentralWidget(self._splitter)

    def _top(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(8, 8, 8, 8)
        row.setSpacing(4)
        for name in ("sidebar", "back", "forward"):
            row.addWidget(self._button(name), 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.bar, 1)
        row.addWidget(self._button("inspector"), 0, Qt.AlignmentFlag.AlignTop)
        button, menu = self._button("menu"), self._menu()
        # Not its own menu: for that, styles squeeze an arrow beside the three dots.
        self.controller.actions["menu"].triggered.connect(lambda: menu.popup(_below(button, menu)))
        row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        return row

    def _bottom(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(10, 2, 10, 2)
        row.addWidget(self.count)
        row.addStretch()
        self.zoom.setRange(*THUMB_PX)
        self.zoom.setFixedWidth(120)
        self.zoom.setAccessibleName(self.tr("Size of the thumbnails"))
        self.zoom.setToolTip(self.tr("Size of the thumbnails (Ctrl and wheel)"))
        row.addWidget(self.zoom)
        return row

    def _button(self, name: str) -> QToolButton:
        button = QToolButton(autoRaise=True)
        button.setFixedHeight(self.bar.sizeHint().height())  # below the field there may be a line about its words
        button.setDefaultAction(self.controller.actions[name])
        button.setAccessibleName(self.controller.actions[name].text())
        return button

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        groups = (
            ("add_folder", "update"),
            ("save_search", "undo"),
            ("sidebar", "inspector", "collapse", "full_screen"),
            ("settings", "shortcuts", "about", "quit"),
        )
        for number, names in enumerate(groups):
            if number:
                menu.addSeparator()
            menu.addActions([self.controller.actions[name] for name in names])
        return menu

    # Qt

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.source() is None and (self.bar.accepts(event.mimeData()) or maybe_folders(event.mimeData())):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if self.controller.take(event.mimeData()):
            event.acceptProposedAction()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:  # nobody who has the keyboard has a use for it
            self.controller.clear()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.viewer.setGeometry(self.rect())

    def closeEvent(self, event: QCloseEvent) -> None:
        self._keep()
        super().closeEvent(event)

    def _restore(self) -> None:
        preferences = self._preferences
        self.resize(1280, 800)
        if not preferences.geometry.isEmpty():
            self.restoreGeometry(preferences.geometry)
        if not preferences.splitter.isEmpty():
            self._splitter.restoreState(preferences.splitter)
        self.sidebar.setVisible(preferences.sidebar_shown)
        self.inspector.setVisible(preferences.inspector_shown)
        self.zoom.setValue(preferences.thumb_px)
        self.photos.grid.set_thumb_px(preferences.thumb_px)
        self.duplicates.view.set_thumb_px(preferences.thumb_px)
        self.photos.grid.set_captions(preferences.captions)
        self.controller.actions["collapse"].setChecked(preferences.collapse_copies)
        self.controller.finder.set_collapsing(preferences.collapse_copies)

    def _keep(self) -> None:
        preferences = self._preferences
        preferences.geometry = self.saveGeometry()
        preferences.splitter = self._splitter.saveState()
        preferences.sidebar_shown = not self.sidebar.isHidden()
        preferences.inspector_shown = not self.inspector.isHidden()
        preferences.thumb_px = self.zoom.value()
        preferences.collapse_copies = self.controller.actions["collapse"].isChecked()
        preferences.save()


def _below(button: QWidget, menu: QMenu) -> QPoint:
    """Return where a menu begins that hangs from the right end of a button."""
    return button.mapToGlobal(button.rect().bottomRight()) - QPoint(menu.sizeHint().width(), 0)
