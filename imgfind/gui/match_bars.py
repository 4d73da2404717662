"""Why a photo answers a query: a bar for each of its terms. GUI thread only."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QLayout, QSizePolicy, QVBoxLayout, QWidget

from imgfind.core.searching import TermScore
from imgfind.gui import part_words, texts

_BAR_PX = 4
_GAP_PX = 3
_STRONG = 0.5


class MatchBars(QWidget):
    """The terms of a query, each with how well the photo shows it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(6)

    def show_scores(self, scores: Sequence[TermScore]) -> None:
        """Show these terms and no others."""
        replace_widgets(self._rows, [_Row(score, self) for score in scores])


def replace_widgets(layout: QLayout, widgets: Sequence[QWidget]) -> None:
    """Put ``widgets`` into ``layout`` and end those that were there."""
    while (item := layout.takeAt(0)) is not None:
        if (old := item.widget()) is not None:
            old.hide()
            old.deleteLater()
    for widget in widgets:
        layout.addWidget(widget)


class _Row(QWidget):
    """One term: its words, its cosine, and below them the bar, where the library is large enough to tell."""

    def __init__(self, score: TermScore, parent: QWidget) -> None:
        super().__init__(parent)
        minus = score.term.weight < 0
        words = part_words.words(score.term)
        self._words = self.tr("not {0}").format(words) if minus else words
        self._cosine = f"{round(score.cosine, 2) + 0:.2f}"  # + 0: there is no "-0.00"
        self._strength = score.strength
        self._minus = minus
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        told = self._told(part_words.description(score.term))
        self.setToolTip(texts.tip(told))
        self.setAccessibleName(told)

    def _told(self, description: str) -> str:
        if self._strength is None:
            return self.tr("{0}: {1}").format(description, self._cosine)
        how = self.tr("clearly") if self._strength >= _STRONG else self.tr("hardly")
        return self.tr("{0}: {1} to be seen ({2})").format(description, how, self._cosine)

    def sizeHint(self) -> QSize:
        bar = 0 if self._strength is None else _GAP_PX + _BAR_PX
        return QSize(60, self.fontMetrics().height() + bar)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics, palette = self.fontMetrics(), self.palette()
        number_px = metrics.horizontalAdvance(self._cosine)
        line = QRectF(0, 0, self.width(), metrics.height())
        self._draw_words(painter, metrics, line.adjusted(0, 0, -number_px - 8, 0))
        painter.setPen(palette.color(QPalette.ColorRole.PlaceholderText))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight, self._cosine)
        if self._strength is not None:
            self._draw_bar(painter, QRectF(0, line.bottom() + _GAP_PX, self.width(), _BAR_PX), self._strength)
        painter.end()

    def _draw_words(self, painter: QPainter, metrics: QFontMetrics, rect: QRectF) -> None:
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        words = metrics.elidedText(self._words, Qt.TextElideMode.ElideRight, int(rect.width()))
        painter.drawText(rect, Qt.AlignmentFlag.AlignLeft, words)

    def _draw_bar(self, painter: QPainter, rect: QRectF, strength: float) -> None:
        palette = self.palette()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color(QPalette.ColorRole.Midlight if _is_light(palette) else QPalette.ColorRole.Mid))
        painter.drawRoundedRect(rect, _BAR_PX / 2, _BAR_PX / 2)
        rect.setWidth(max(_BAR_PX, rect.width() * strength))
        role = QPalette.ColorRole.PlaceholderText if self._minus else QPalette.ColorRole.Highlight
        painter.setBrush(palette.color(role))
        painter.drawRoundedRect(rect, _BAR_PX / 2, _BAR_PX / 2)


def _is_light(palette: QPalette) -> bool:
    return palette.color(QPalette.ColorRole.Window).lightness() > 127
