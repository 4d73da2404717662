"""The page that stands where photos would be when there are none: why, and what to do. GUI thread."""

import enum
from typing import NamedTuple

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from imgfind.gui.icons import icon, paint_icon

_ICON_PX = 56
_FAINT = 0.4
_COLUMN_PX = 520
"""Longer lines than this are hard to read."""


class EmptyState(enum.Enum):
    """Why there is nothing to see."""

    FIRST_LAUNCH = enum.auto()
    INDEXING = enum.auto()
    EMPTY_FOLDER = enum.auto()
    NOTHING_FOUND = enum.auto()
    NO_FAVOURITES = enum.auto()
    NO_DUPLICATES = enum.auto()
    LOOKING_FOR_DUPLICATES = enum.auto()
    NO_PROBLEMS = enum.auto()


class _Shown(NamedTuple):
    icon: str
    title: str
    text: str
    adds_folder: bool = False
    clears: bool = False


class EmptyPage(QWidget):
    """A title, a sentence, and the one button that helps.

    Signals:
        add_folder_requested(), clear_requested(): the buttons.
    """

    add_folder_requested = Signal()
    clear_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = EmptyState.FIRST_LAUNCH
        self._icon = _Icon()
        self._title = _centred_label()
        font = self._title.font()
        font.setPointSizeF(1.4 * font.pointSizeF())
        self._title.setFont(font)
        self._text = _centred_label()
        self._add = QPushButton(icon("plus"), self.tr("Add folder…"))
        self._add.clicked.connect(lambda _checked: self.add_folder_requested.emit())
        self._clear = QPushButton(icon("x"), self.tr("Clear the search"))
        self._clear.clicked.connect(lambda _checked: self.clear_requested.emit())
        column = QWidget()
        column.setMaximumWidth(_COLUMN_PX)
        layout = QVBoxLayout(column)
        layout.setSpacing(12)
        layout.addStretch(2)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self._title)
        layout.addWidget(self._text)
        layout.addSpacing(4)
        layout.addWidget(self._add, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self._clear, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Base)  # as the photos have it
        middle = QHBoxLayout(self)
        middle.addStretch(1)
        middle.addWidget(column, 100)  # as wide as it may be, before the sides get anything
        middle.addStretch(1)
        self.show_state(EmptyState.FIRST_LAUNCH)

    @property
    def state(self) -> EmptyState:
        """Return what the page shows."""
        return self._state

    def show_state(self, state: EmptyState, text: str = "") -> None:
        """Show why there is nothing, and ``text`` instead of the usual sentence below it."""
        self._state = state
        shown = self._shown(state)
        self._title.setText(shown.title)
        self._text.setText(text or shown.text)
        self._add.setVisible(shown.adds_folder)
        self._clear.setVisible(shown.clears)
        self._icon.show_icon(shown.icon)

    def _shown(self, state: EmptyState) -> _Shown:
        match state:
            case EmptyState.FIRST_LAUNCH:
                return _Shown(
                    "images",
                    self.tr("Add a folder of photos, or drop one here"),
                    self.tr("They can be searched while they are being indexed.\nNothing leaves this computer."),
                    adds_folder=True,
                )
            case EmptyState.INDEXING:
                return _Shown("images", self.tr("Looking for photos"), self.tr("They appear here as they are found."))
            case EmptyState.EMPTY_FOLDER:
                return _Shown(
                    "folder-open",
                    self.tr("No photos here"),
                    self.tr("Nothing here can be shown.\n'Problems' and 'Hidden' in the sidebar may tell why."),
                )
            case EmptyState.NOTHING_FOUND:
                return _Shown(
                    "search",
                    self.tr("No photo found"),
                    self.tr("Use fewer words, or take a filter away."),
                    clears=True,
                )
            case EmptyState.NO_FAVOURITES:
                return _Shown("heart", self.tr("No favourites yet"), self.tr("Select a photo and press F."))
            case EmptyState.NO_DUPLICATES:
                shown = (
                    "copy",
                    self.tr("No duplicates"),
                    self.tr("No two photos in the library show the same picture."),
                )
            case EmptyState.LOOKING_FOR_DUPLICATES:
                shown = "copy", self.tr("Looking for duplicates"), self.tr("They appear here as they are found.")
            case EmptyState.NO_PROBLEMS:
                shown = "check", self.tr("No problems"), self.tr("Files that cannot be read are listed here, and why.")
        return _Shown(*shown)


class _Icon(QWidget):
    """A large icon in the text's colour, faint."""

    def __init__(self) -> None:
        super().__init__()
        self._name = ""
        self.setFixedSize(_ICON_PX, _ICON_PX)

    def show_icon(self, name: str) -> None:
        self._name = name
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        text = self.palette().color(QPalette.ColorRole.WindowText)
        ground = self.palette().color(QPalette.ColorRole.Base)
        # Mixed, not translucent: strokes that cross would show.
        mixed = QColor.fromRgbF(
            _FAINT * text.redF() + (1 - _FAINT) * ground.redF(),
            _FAINT * text.greenF() + (1 - _FAINT) * ground.greenF(),
            _FAINT * text.blueF() + (1 - _FAINT) * ground.blueF(),
        )
        paint_icon(QPainter(self), self._name, QRectF(self.rect()), mixed)


def _centred_label() -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    return label
