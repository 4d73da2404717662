"""Somebody in front of a whole window: sees what is shown, and acts with keys, mouse, drops and the clipboard only."""

import os
from collections.abc import Callable

from PySide6.QtCore import QMimeData, QModelIndex, QPoint, QRect, Qt
from PySide6.QtGui import (
    QAction,
    QContextMenuEvent,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QGuiApplication,
    QKeySequence,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QInputDialog, QLabel, QMenu, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from imgfind.core.library import Library
from imgfind.core.records import PhotoId
from imgfind.gui.chips import Chip
from imgfind.gui.fact_text import FactText
from imgfind.gui.main_window import MainWindow
from imgfind.gui.places import Place
from imgfind.gui.results_model import mime_data_of
from imgfind.gui.sidebar_model import EntryRole
from imgfind.gui.sidebar_tree import SidebarTree

WAIT_MS = 30_000
LEFT = Qt.MouseButton.LeftButton
NO_MODIFIER = Qt.KeyboardModifier.NoModifier


class Person:
    """Sits in front of one window."""

    def __init__(self, window: MainWindow, library: Library, qtbot: QtBot) -> None:
        self.window = window
        self.library = library
        self._qtbot = qtbot

    # Sees

    def wait(self, condition: Callable[[], object]) -> None:
        try:
            self._qtbot.waitUntil(lambda: bool(condition()), timeout=WAIT_MS)
        except self._qtbot.TimeoutError:
            raise AssertionError(self._account()) from None

    def _account(self) -> str:
        """Return what is to be seen, for somebody who wonders why it is not something else."""
        has_keyboard = QApplication.activePopupWidget() or QApplication.focusWidget()
        seen = (self.title, self.photos, self.chosen, self.chips, self.words, self.message, has_keyboard)
        return "still: " + ", ".join(map(repr, seen))

    @property
    def photos(self) -> list[str]:
        """The names of the photos on show, in order."""
        if self.window.photos.currentIndex() or self.window.pages.currentWidget() is not self.window.photos:
            return []
        return self._names(self.window.photos.model.listing.photo_ids.tolist())

    @property
    def chosen(self) -> list[str]:
        """The names of the chosen photos, in the order of the grid."""
        return self._names(self.window.photos.grid.selected_ids())

    def _names(self, photo_ids: list[PhotoId]) -> list[str]:
        known = {card.photo_id: card.path for card in self.library.photos.cards(photo_ids)} if photo_ids else {}
        return [os.path.basename(known.get(photo_id, "gone")) for photo_id in photo_ids]

    @property
    def title(self) -> str:
        return self.window.windowTitle()

    @property
    def message(self) -> str:
        return self.window.messages.text if self.window.messages.isVisible() else ""

    @property
    def chips(self) -> list[str]:
        """What the chips of the search bar say, as the query language writes it."""
        return [chip.accessibleName() for chip in self._chips()]

    @property
    def words(self) -> str:
        return self.window.bar._field.text

    def inspected(self) -> str:
        """Return all that the inspector says."""
        labels = self.window.inspector.findChildren(QLabel)
        texts = self.window.inspector.findChildren(FactText)
        shown = [label.text() for label in labels if label.isVisible()]
        return "\n".join([*shown, *(text.toPlainText() for text in texts if text.isVisible())])

    def waits_for(self, *names: str) -> None:
        """Wait until exactly these photos are shown, in any order."""
        self.wait(lambda: sorted(self.photos) == sorted(names))

    def waits_for_title(self, part: str) -> None:
        self.wait(lambda: part in self.title)

    def waits_for_message(self, part: str) -> None:
        self.wait(lambda: part in self.message)

    def entry(self, place: Place) -> QModelIndex:
        return self.window.sidebar._model.index_of(place)

    def count_of(self, place: Place) -> int | None:
        """Return the number behind an entry of the sidebar."""
        index = self.entry(place)
        return index.data(EntryRole).count if index.isValid() else None

    # Keyboard

    def press(self, *sequences: str) -> None:
        """Press keys, each as ``Ctrl+C``, wherever the keyboard is."""
        for sequence in sequences:
            QTest.keySequence(self._focused(), QKeySequence(sequence))

    def type(self, text: str) -> None:
        QTest.keyClicks(self._focused(), text)

    def searches(self, text: str) -> None:
        """Type ``text`` into the search bar."""
        self.press("Ctrl+F")
        self.type(text)

    # Mouse

    def place_of(self, name: str) -> QPoint:
        return self.cell(name).center()

    def cell(self, name: str) -> QRect:
        """Return where a photo is in the grid."""
        row = self.photos.index(name)
        return self.window.photos.grid.visualRect(self.window.photos.model.index(row))

    def click(self, name: str, modifiers: Qt.KeyboardModifier = NO_MODIFIER) -> None:
        QTest.mouseClick(self.window.photos.grid.viewport(), LEFT, modifiers, self.place_of(name))

    def double_click(self, name: str) -> None:
        at, viewport = self.place_of(name), self.window.photos.grid.viewport()
        QTest.mouseClick(viewport, LEFT, NO_MODIFIER, at)
        QTest.mouseDClick(viewport, LEFT, NO_MODIFIER, at)

    def draws_band(self, start: QPoint, end: QPoint) -> None:
        viewport = self.window.photos.grid.viewport()
        QTest.mousePress(viewport, LEFT, NO_MODIFIER, start)
        for part in (0.3, 0.7, 1.0):
            QTest.mouseMove(viewport, start + (end - start) * part)
        QTest.mouseRelease(viewport, LEFT, NO_MODIFIER, end)

    def goes_to(self, place: Place) -> None:
        """Click an entry of the sidebar, once it is there."""
        self.wait(lambda: self.entry(place).isValid())
        tree = self.window.sidebar.findChild(SidebarTree)
        QTest.mouseClick(tree.viewport(), LEFT, NO_MODIFIER, tree.visualRect(self.entry(place)).center())

    def chooses(self, name: str, *path: str) -> None:
        """Choose an entry of the context menu of a photo."""
        self._chooses_at(self.window.photos.grid.viewport(), self.place_of(name), *path)

    def chooses_of_place(self, place: Place, text: str) -> None:
        """Choose an entry of the context menu of an entry of the sidebar."""
        self.wait(lambda: self.entry(place).isValid())
        tree = self.window.sidebar.findChild(SidebarTree)
        self._chooses_at(tree.viewport(), tree.visualRect(self.entry(place)).center(), text)

    def _chooses_at(self, widget: QWidget, at: QPoint, text: str) -> None:
        QTest.mousePress(widget, Qt.MouseButton.RightButton, NO_MODIFIER, at)
        QTest.mouseRelease(widget, Qt.MouseButton.RightButton, NO_MODIFIER, at)
        event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, widget.mapToGlobal(at))
        QApplication.sendEvent(widget, event)
        self.picks(text)

    def picks(self, text: str) -> None:
        """Pick an entry of the menu that is open."""
        self.wait(QApplication.activePopupWidget)
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        action = next(action for action in menu.actions() if _plain(action) == text)
        assert action.isEnabled(), text
        QTest.mouseClick(menu, LEFT, NO_MODIFIER, menu.actionGeometry(action).center())
        self.wait(lambda: QApplication.activePopupWidget() is None)

    def presses_button(self, text: str, parent: QWidget | None = None) -> None:
        """Press the button that is called so, once all of it is in sight."""
        found = [button for button in (parent or self.window).findChildren(QPushButton) if button.text() == text]
        shown = [button for button in found if button.isVisible()]
        assert len(shown) == 1, f"{len(shown)} buttons are called {text!r}"
        self.wait(lambda: shown[0].visibleRegion().boundingRect() == shown[0].rect())
        QTest.mouseClick(shown[0], LEFT)

    def answers(self, text: str) -> None:
        """Type an answer into the dialog that asks for one."""
        self.wait(lambda: self.window.findChild(QInputDialog))
        dialog = self.window.findChild(QInputDialog)
        dialog.setTextValue("")
        QTest.keyClicks(dialog.focusWidget(), text)
        QTest.keyClick(dialog, Qt.Key.Key_Return)

    def drops(self, mime: QMimeData, at: QWidget) -> None:
        """Drag something from another program over a widget and let it go there, as the system tells a window."""
        handle = self.window.windowHandle()
        point = at.mapTo(self.window, at.rect().center())
        both = (Qt.DropAction.CopyAction, mime, LEFT, NO_MODIFIER)
        enter, move = QDragEnterEvent(point, *both), QDragMoveEvent(point, *both)
        QApplication.sendEvent(handle, enter)
        assert enter.isAccepted(), "the pointer shows that it would be taken"
        move.accept()  # as QGuiApplication does, what was welcome on entering
        QApplication.sendEvent(handle, move)
        assert move.isAccepted()
        QApplication.sendEvent(handle, QDropEvent(point.toPointF(), *both))

    def drops_files(self, *paths: str | os.PathLike, at: QWidget | None = None) -> None:
        self.drops(mime_data_of(map(os.fspath, paths)), at or self.window.pages)

    def pastes(self, mime: QMimeData) -> None:
        QGuiApplication.clipboard().setMimeData(mime)
        self.press("Ctrl+V")

    def chip(self, number: int) -> Chip:
        return self._chips()[number]

    def _chips(self) -> list[Chip]:
        return self.window.bar._field._chips

    def _focused(self) -> QWidget:
        """Return where keys go; with no menu and no dialog open the window gets them back, as window managers do it."""
        active = QApplication.activeWindow()
        if QApplication.activePopupWidget() is None and (active is None or not active.isVisible()):
            self.window.activateWindow()
            self.wait(self.window.isActiveWindow)
        return QApplication.activePopupWidget() or QApplication.focusWidget() or self.window


def _plain(action: QAction) -> str:
    return action.text().partition("\t")[0].replace("&", "")
