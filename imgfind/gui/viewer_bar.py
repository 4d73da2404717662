"""What lies over the picture in the viewer: its name and place, buttons, and why it cannot be shown.

Shows and asks; the viewer decides. GUI thread only.
"""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from imgfind.gui import texts
from imgfind.gui.favourite_button import show_favourite
from imgfind.gui.icons import icon

_OPACITY = 0.86
_RADIUS_PX = 8
_ICON_PX = 18


class Panel(QFrame):
    """A piece of the window's own colour that lets a little of the photo through."""

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setOpacity(_OPACITY)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.palette().color(QPalette.ColorRole.Window))
        painter.drawRoundedRect(self.rect(), _RADIUS_PX, _RADIUS_PX)
        painter.end()


class ViewerBar(Panel):
    """The line at the top.

    Signals:
        favourite_clicked(), copy_clicked(), trash_clicked(), close_clicked(): a button.
        zoom_clicked(int): one step in (1) or out (-1), or the whole picture (0).
    """

    favourite_clicked = Signal()
    copy_clicked = Signal()
    trash_clicked = Signal()
    close_clicked = Signal()
    zoom_clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = ElidedLabel(self)
        self._position = QLabel(self)
        self._position.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._zoom = QLabel(self)
        self._zoom.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._zoom.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._zoom.setMinimumWidth(self._zoom.fontMetrics().horizontalAdvance("1600 %"))
        self._favourite = tool_button(self, "heart", "")
        self._favourite.clicked.connect(self.favourite_clicked)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 4, 6, 4)
        layout.setSpacing(6)
        layout.addWidget(self._name, 1)
        layout.addWidget(self._position)
        layout.addSpacing(12)
        layout.addWidget(self._zoom)
        for name, text, step in (
            ("zoom-out", self.tr("Smaller (-)"), -1),
            ("zoom-in", self.tr("Larger (+)"), 1),
            ("maximize-2", self.tr("Whole photo (0)"), 0),
        ):
            button = tool_button(self, name, text)
            button.clicked.connect(lambda _=False, step=step: self.zoom_clicked.emit(step))
            layout.addWidget(button)
        layout.addSpacing(12)
        layout.addWidget(self._favourite)
        for name, text, signal in (
            ("copy", self.tr("Copy (Ctrl+C)"), self.copy_clicked),
            ("trash-2", self.tr("Move to the trash (Del)"), self.trash_clicked),
            ("x", self.tr("Close (Esc)"), self.close_clicked),
        ):
            button = tool_button(self, name, text)
            button.clicked.connect(signal)
            layout.addWidget(button)

    def show_place(self, name: str, row: int, count: int) -> None:
        """Show the name of the photo and where it stands."""
        self._name.set_text(name)
        self._position.setText(self.tr("{0} of {1}").format(f"{row + 1:,}", f"{count:,}"))

    def show_zoom(self, zoom: float) -> None:
        """Show how large the photo is drawn; 1 is one pixel of the screen for each of its own."""
        self._zoom.setText(self.tr("{0} %").format(f"{100 * zoom:.0f}" if zoom >= 0.1 else f"{100 * zoom:.1f}"))

    def show_favourite(self, favourite: bool) -> None:
        """Show whether the photo is a favourite."""
        show_favourite(self._favourite, favourite)


def tool_button(parent: QWidget, name: str, text: str) -> QToolButton:
    """Return an icon to click; in the viewer every one has a key, so none takes the focus from the picture."""
    button = QToolButton(parent)
    button.setIcon(icon(name))
    button.setIconSize(QSize(_ICON_PX, _ICON_PX))
    button.setAutoRaise(True)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setToolTip(text)
    button.setAccessibleName(text)
    return button


class ElidedLabel(QLabel):
    """A name on one line, cut in the middle where it is too long, or where ``cut`` says."""

    def __init__(self, parent: QWidget | None = None, cut: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle) -> None:
        super().__init__(parent)
        self._whole = ""
        self._cut = cut
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setTextFormat(Qt.TextFormat.PlainText)

    def set_text(self, text: str) -> None:
        self._whole = text
        self.setAccessibleName(text)
        self.setToolTip(texts.tip(text))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        shown = self.fontMetrics().elidedText(self._whole, self._cut, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, shown)
        painter.end()
