"""The window's own actions: menu, shortcuts, and the list of all shortcuts. GUI thread only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QMessageBox,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from imgfind import __version__
from imgfind.gui import theme
from imgfind.gui.icons import icon

_KEYS_PX = 170


@dataclass(frozen=True, slots=True)
class Entry:
    """One action; the first of ``shortcuts`` is shown in the menu."""

    name: str
    text: str
    icon: str
    shortcuts: Sequence[str]
    does: Callable[[], object]
    is_checkable: bool = False


def add_actions(window: QWidget, entries: Sequence[Entry]) -> dict[str, QAction]:
    """Make the actions of ``window`` and return them by name."""
    actions = {}
    for entry in entries:
        action = QAction(icon(entry.icon), entry.text, window) if entry.icon else QAction(entry.text, window)
        action.setShortcuts([QKeySequence(shortcut) for shortcut in entry.shortcuts])
        action.setCheckable(entry.is_checkable)
        does = entry.does
        action.triggered.connect(lambda _checked, does=does: does())
        if entry.shortcuts:
            action.setToolTip(f"{entry.text} ({shown(action)})")
        window.addAction(action)
        actions[entry.name] = action
    return actions


def shown(action: QAction) -> str:
    """Return the shortcuts of an action as this system writes them."""
    return ", ".join(item.toString(QKeySequence.SequenceFormat.NativeText) for item in action.shortcuts())


def _other_keys() -> list[tuple[str, str]]:
    """Return the keys that belong to no action, and what they do."""

    def tr(text: str) -> str:
        return QCoreApplication.translate("Shortcuts", text)

    return [
        (tr("Arrows, Home, End, Page Up, Page Down"), tr("Walk through the photos; with Shift choose them")),
        (tr("Ctrl+A"), tr("Choose all photos")),
        (tr("Click on the number"), tr("On a photo with copies: show them behind it, or hide them")),
        (tr("Ctrl and wheel"), tr("Size of the thumbnails")),
        (tr("Escape"), tr("Clear the search; in the viewer: close it")),
        (tr("Down"), tr("From the search to the photos")),
        (tr("Left, Right"), tr("In the viewer: previous and next photo")),
        (tr("1, 2, 3"), tr("Comparing duplicates: side by side, in turns, their difference")),
        (tr("+, -, 0, 1"), tr("In the viewer: zoom in and out, whole picture, single pixels")),
    ]


def shortcuts_dialog(parent: QWidget, actions: Sequence[QAction]) -> QDialog:
    """Return the list of all shortcuts."""
    dialog = QDialog(parent)
    dialog.setWindowTitle(QCoreApplication.translate("Shortcuts", "Keyboard shortcuts"))
    page = QWidget()
    form = QFormLayout(page)
    rows = [*_other_keys(), *((shown(action), action.text()) for action in actions if action.shortcuts())]
    for keys, text in rows:
        label = QLabel(keys)
        label.setAccessibleName(f"{text}: {keys}")
        meaning = QLabel(text)
        for words in (label, meaning):
            words.setWordWrap(True)
        label.setFixedWidth(_KEYS_PX)
        form.addRow(label, meaning)
    scroll = QScrollArea(widgetResizable=True)
    theme.quieten(scroll)
    scroll.setWidget(page)
    scroll.setFrameShape(QScrollArea.Shape.NoFrame)
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    buttons.rejected.connect(dialog.reject)
    layout = QVBoxLayout(dialog)
    layout.addWidget(scroll)
    layout.addWidget(buttons)
    theme.without_icons(dialog)
    dialog.resize(520, 560)
    return dialog


def about_dialog(parent: QWidget) -> QDialog:
    """Return what this program is."""
    box = QMessageBox(parent)
    box.setWindowTitle(QCoreApplication.translate("About", "About imgfind"))
    box.setIconPixmap(QGuiApplication.windowIcon().pixmap(64))
    box.setText(f"imgfind {__version__}")
    box.setInformativeText(
        QCoreApplication.translate(
            "About",
            "Finds photos on your own disks by words, by pictures, or by both. Nothing leaves this machine.\n\n"
            "MIT licence. Icons: Lucide, ISC licence.",
        )
    )
    box.setStandardButtons(QMessageBox.StandardButton.Ok)
    theme.without_icons(box)
    return box
