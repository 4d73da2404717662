"""What is known of the chosen photo: what it looks like, where it is, its facts, and why it answers the query.

Reads the library in the lanes; changes nothing and asks with signals. GUI thread only.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QImage, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from imgfind.core import ImgfindError, Library, paths
from imgfind.core.pairs import Pair
from imgfind.core.query import Query
from imgfind.core.records import Card, PhotoId
from imgfind.core.searching import TermScore
from imgfind.core.store import PhotoDetails
from imgfind.gui import photo_facts, texts, theme
from imgfind.gui.fact_text import FactText
from imgfind.gui.favourite_button import show_favourite
from imgfind.gui.icons import icon, paint_icon
from imgfind.gui.inspector_preview import InspectorPreview
from imgfind.gui.match_bars import MatchBars, replace_widgets
from imgfind.gui.photo_facts import Fact
from imgfind.gui.tasks import Lane, TaskRunner

_MARGIN_PX = 12
_ICON_PX = 16


@dataclass(frozen=True, slots=True)
class _Known:
    """All that is read of one photo in one go."""

    details: PhotoDetails
    card: Card
    pairs: tuple[Pair, ...]
    near_copies: tuple[str, ...]


class Inspector(QWidget):
    """The panel beside the grid.

    Signals:
        folder_requested(str): show the photos of this folder.
        similar_requested(PhotoId), more_requested(PhotoId), less_requested(PhotoId): search with this photo.
        favourite_requested(PhotoId, bool): make it a favourite, or make it none.
        open_requested(PhotoId), show_in_folder_requested(PhotoId): hand the file to another program.
        view_requested(PhotoId): show the photo large.
    """

    folder_requested = Signal(object)  # Qt's strings lose the bytes of names that are not UTF-8
    similar_requested = Signal(object)
    more_requested = Signal(object)
    less_requested = Signal(object)
    favourite_requested = Signal(object, bool)
    open_requested = Signal(object)
    show_in_folder_requested = Signal(object)
    view_requested = Signal(object)

    def __init__(self, runner: TaskRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._photo_id: PhotoId | None = None
        self._query: Query | None = None
        self._message = _message_label(self)
        self._preview = InspectorPreview(self)
        self._name = FactText(self)
        self._name.set_bold()
        self._folder = FactText(self)
        self._is_favourite = False
        self._favourite = self._tool_button("heart", "", self._ask_favourite)
        self._why = _heading(self.tr("Why it was found"), self)
        self._bars = MatchBars(self)
        self._facts = QVBoxLayout()
        self._facts.setSpacing(10)
        self._photo = self._laid_out()
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._message)
        self._stack.addWidget(self._photo)
        self.setMinimumWidth(220)
        self.show_photo(None)

    @property
    def photo_id(self) -> PhotoId | None:
        """Return the photo that is shown, or about to be."""
        return self._photo_id

    def show_photo(self, photo_id: PhotoId | None, query: Query | None = None) -> None:
        """Show one photo, and why it answers ``query``; None shows that no photo is chosen."""
        is_other = photo_id != self._photo_id
        self._photo_id, self._query = photo_id, query
        if photo_id is None:
            self._show_message(self.tr("Choose a photo to see more about it."))
            return
        self._runner.run(
            Lane.READ, lambda library: _known(library, photo_id), self._show_known, key=(self, "known"), owner=self
        )
        if is_other:
            self._show_scores([])
        self._explain(photo_id, query)

    def show_nothing(self) -> None:
        """Show nothing: there is no photo to choose."""
        self._photo_id = None
        self._show_message("")

    def show_many(self, count: int) -> None:
        """Show that so many photos are chosen."""
        self._photo_id = None
        self._show_message(self.tr("{0} chosen").format(texts.photos(count)))

    def refresh(self) -> None:
        """Read the photo again: the library has changed."""
        if self._photo_id is not None:
            self.show_photo(self._photo_id, self._query)

    def _explain(self, photo_id: PhotoId, query: Query | None) -> None:
        if query is None or not query.terms:
            self._runner.cancel((self, "scores"))
            self._show_scores([])
            return
        # In the lane of the queries, whose library knows the vectors of the terms already.
        self._runner.run(
            Lane.QUERY,
            lambda library: library.explain(query, photo_id),
            self._show_scores,
            failed=self._on_unexplained,
            key=(self, "scores"),
            owner=self,
        )

    def _on_unexplained(self, error: ImgfindError) -> None:
        """Show no reasons: what is wrong with the query has been said where it was asked."""
        self._show_scores([])

    def _show_message(self, text: str) -> None:
        for what in ("known", "preview", "scores"):
            self._runner.cancel((self, what))
        self._message.setText(text)
        self._stack.setCurrentWidget(self._message)

    def _show_known(self, known: _Known | None) -> None:
        if known is None:
            self._show_message(self.tr("This photo is no longer in the library."))
            return
        details, card = known.details, known.card
        name, folder = paths.displayed(os.path.basename(details.path)), os.path.dirname(details.path)
        self._name.show_text(name)
        self._folder.show_text("", links=[(texts.path(folder), folder)])
        self._show_favourite(card.favourite)
        self._preview.expect(name, QSize(card.width_px, card.height_px), card.content_hash)
        self._show_facts(photo_facts.facts(details, known.pairs, known.near_copies))
        self._stack.setCurrentWidget(self._photo)
        self._runner.run(
            Lane.PICTURES,
            lambda library: _preview(library, details.path),
            lambda image: self._preview.show_image(card.content_hash, image),
            key=(self, "preview"),
            owner=self,
        )

    def _show_scores(self, scores: list[TermScore]) -> None:
        self._why.setVisible(bool(scores))
        self._bars.setVisible(bool(scores))
        self._bars.show_scores(scores)

    def _show_facts(self, facts: list[Fact]) -> None:
        rows = [_FactRow(fact, self) for fact in facts]
        for row in rows:
            row.text.link_clicked.connect(lambda path: self.folder_requested.emit(os.path.dirname(path)))
        replace_widgets(self._facts, rows)

    def _ask_favourite(self, photo_id: PhotoId) -> None:
        self._show_favourite(not self._is_favourite)
        self.favourite_requested.emit(photo_id, self._is_favourite)

    def _show_favourite(self, favourite: bool) -> None:
        self._is_favourite = favourite
        show_favourite(self._favourite, favourite)

    def _with_photo(self, act: Callable[[PhotoId], object]) -> Callable[[], None]:
        def acted() -> None:
            if self._photo_id is not None:
                act(self._photo_id)

        return acted

    def _tool_button(self, name: str, text: str, act: Callable[[PhotoId], object]) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(icon(name))
        button.setAutoRaise(True)
        button.setToolTip(text)
        button.setAccessibleName(text)
        button.clicked.connect(self._with_photo(act))
        return button

    def _laid_out(self) -> QScrollArea:
        self._preview.view_requested.connect(self._with_photo(self.view_requested.emit))
        self._folder.link_clicked.connect(self.folder_requested)
        content = QWidget(self)
        column = QVBoxLayout(content)
        column.setContentsMargins(_MARGIN_PX, _MARGIN_PX, _MARGIN_PX, _MARGIN_PX)
        column.setSpacing(10)
        column.addWidget(self._preview)
        column.addLayout(self._title())
        column.addLayout(self._buttons())
        column.addWidget(self._why)
        column.addWidget(self._bars)
        column.addSpacing(2)
        column.addLayout(self._facts)
        column.addStretch(1)
        area = QScrollArea(self)
        area.setWidget(content)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        theme.quieten(area)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        return area

    def _title(self) -> QGridLayout:
        show = self._tool_button(
            "folder-search", self.tr("Show in folder (Ctrl+Return)"), self.show_in_folder_requested.emit
        )
        grid = QGridLayout()
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(0, 1)
        for row, (words, button) in enumerate(((self._name, self._favourite), (self._folder, show))):
            grid.addWidget(words, row, 0, Qt.AlignmentFlag.AlignVCenter)
            grid.addWidget(button, row, 1, Qt.AlignmentFlag.AlignTop)
        return grid

    def _buttons(self) -> QHBoxLayout:
        similar = QPushButton(icon("scan-search"), self.tr("Find similar"), self)
        similar.setToolTip(self.tr("Find photos like this one (S)"))
        similar.clicked.connect(self._with_photo(self.similar_requested.emit))
        row = QHBoxLayout()
        row.setSpacing(2)
        row.addWidget(similar, 1)
        for name, text, signal in (
            ("thumbs-up", self.tr("More like this (+)"), self.more_requested),
            ("thumbs-down", self.tr("Less like this (-)"), self.less_requested),
            ("external-link", self.tr("Open (Return)"), self.open_requested),
        ):
            row.addWidget(self._tool_button(name, text, signal.emit))
        return row


class _FactRow(QWidget):
    """A fact behind its icon."""

    def __init__(self, fact: Fact, parent: QWidget) -> None:
        super().__init__(parent)
        self.text = FactText(self)
        self.text.setAccessibleName(fact.about)
        self.text.show_text(fact.text, fact.details, [(texts.path(path), path) for path in fact.links])
        sign = _Sign(fact.icon, self)
        sign.setToolTip(fact.about)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.text, 1)
        if fact.copied:
            row.addWidget(self._copy_button(fact), 0, Qt.AlignmentFlag.AlignTop)

    def _copy_button(self, fact: Fact) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(icon("copy"))
        button.setAutoRaise(True)
        button.setToolTip(self.tr("Copy {0}").format(fact.copied))
        button.setAccessibleName(button.toolTip())
        button.clicked.connect(lambda: QGuiApplication.clipboard().setText(fact.copied))
        return button


class _Sign(QWidget):
    """An icon that says what a line is about."""

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._name = name
        self.setFixedSize(_ICON_PX, _ICON_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        paint_icon(painter, self._name, QRectF(self.rect()), self.palette().color(QPalette.ColorRole.PlaceholderText))
        painter.end()


def _known(library: Library, photo_id: PhotoId) -> _Known | None:
    """Read a photo. Runs in the lane."""
    details, cards = library.photos.details(photo_id), library.photos.cards([photo_id])
    if details is None or not cards:
        return None
    pairs = () if details.offline else library.pairs(details.path)
    return _Known(details, cards[0], pairs, tuple(library.photos.near_copies(photo_id)))


def _preview(library: Library, path: str) -> QImage:
    """Return the preview of a photo, a null image where there is none. Runs in the lane."""
    return QImage.fromData(library.preview(path) or b"")


def _heading(text: str, parent: QWidget) -> QLabel:
    label = QLabel(text, parent)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label


def _message_label(parent: QWidget) -> QLabel:
    label = QLabel(parent)
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    label.setWordWrap(True)
    label.setMargin(2 * _MARGIN_PX)
    label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
    return label
