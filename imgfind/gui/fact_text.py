"""Text that breaks anywhere rather than be cut off, and can be selected: paths, names of cameras, long words.

GUI thread only.
"""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt, QUrl, Signal
from PySide6.QtGui import QFont, QPalette, QTextCharFormat, QTextCursor, QTextOption
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QWidget

_SMALLER = 0.9


class FactText(QTextBrowser):
    """A line, and smaller ones below it; some of them links.

    Signals:
        link_clicked(str): the path behind a link.
    """

    link_clicked = Signal(object)  # Qt's strings lose the bytes of names that are not UTF-8

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: tuple[tuple[str, bool, str], ...] = ()
        self._paths: list[str] = []
        self._weight = QFont.Weight.Normal
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setOpenLinks(False)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.viewport().setAutoFillBackground(False)
        self.document().setDocumentMargin(0)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.anchorClicked.connect(self._on_anchor)

    def set_bold(self) -> None:
        """Write the first line in the weight of a heading."""
        self._weight = QFont.Weight.DemiBold

    def show_text(self, text: str, details: Sequence[str] = (), links: Sequence[tuple[str, str]] = ()) -> None:
        """Show ``text``, below it ``details`` and ``links``, given as (what is shown, path)."""
        first = [(text, False, "")] if text else []
        small = [(line, True, "") for line in details]
        self._lines = (*first, *small, *((shown, True, path) for shown, path in links))
        # Text is for the mouse, links are for the keyboard as well.
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if links else Qt.FocusPolicy.ClickFocus)
        self._write()

    def _write(self) -> None:
        palette = self.palette()
        self._paths = []
        self.clear()
        cursor = QTextCursor(self.document())
        for number, (line, is_small, path) in enumerate(self._lines):
            style = QTextCharFormat()
            style.setFontWeight(QFont.Weight.Normal if is_small else self._weight)
            if is_small:
                style.setFontPointSize(_SMALLER * self.font().pointSizeF())
                style.setForeground(palette.brush(QPalette.ColorRole.PlaceholderText))
            if path:
                # The number, for a path need not be text that a URL can hold.
                style.setAnchor(True)
                style.setAnchorHref(f"#{len(self._paths)}")
                style.setForeground(palette.brush(QPalette.ColorRole.Link))
                self._paths.append(path)
            if number:
                cursor.insertBlock()
            cursor.insertText(line, style)
        self.updateGeometry()

    def _on_anchor(self, url: QUrl) -> None:
        self.link_clicked.emit(self._paths[int(url.fragment())])

    # Qt's names from here on.

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        document = self.document()
        before = document.textWidth()
        document.setTextWidth(max(1, width))
        height = document.size().height()
        document.setTextWidth(before)
        return int(-(-height // 1))

    def sizeHint(self) -> QSize:
        width = max(1, self.width())
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        return QSize(1, 1)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self._write()
