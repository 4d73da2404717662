"""The search bar: words, pictures and filters in, one query out.

Owns what is being asked and tells it as a :class:`~imgfind.core.query.Query`; runs no search. GUI thread only.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, Qt, QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from imgfind.core import Library, QueryError, formats
from imgfind.core.filters import Filter
from imgfind.core.query import ImageTerm, Query, Term
from imgfind.gui import chips, query_parts, query_pictures
from imgfind.gui.chip_field import ChipField
from imgfind.gui.icons import icon
from imgfind.gui.query_parts import Part
from imgfind.gui.region_picker import RegionPicker
from imgfind.gui.search_frame import SearchFrame, SearchSign
from imgfind.gui.tasks import Lane, TaskRunner

TYPING_DELAY_MS = 150
"""From the last key to the search."""
_COMPLAINT_DELAY_MS = 900
"""From the last key to the sentence that the text is no query: most texts are none while they are typed."""
_MARGIN_PX = 4


class SearchBar(QWidget):
    """One field for the whole query.

    Signals:
        query_changed(Query | None): what is asked for now; None is nothing at all.
        message(str): why the text is no query, which the bar shows as well; empty when that is over.
        entered(): Enter was pressed.
        results_wanted(): Down was pressed; the photos should get the keyboard.
        save_requested(): the query is to be kept by name.
    """

    query_changed = Signal(object)
    message = Signal(str)
    entered = Signal()
    results_wanted = Signal()
    save_requested = Signal()

    def __init__(self, runner: TaskRunner, pictures_folder: Path, parent: QWidget | None = None) -> None:
        """``pictures_folder`` is where pasted pictures are kept; it is made when there is one."""
        super().__init__(parent)
        self._runner = runner
        self._pictures_folder = pictures_folder
        self._asked: Query | None = None
        self._is_typing = False
        self._error = ""
        self.setAcceptDrops(True)
        self._field = ChipField(runner, self.take)
        self._field.words.setAccessibleName(self.tr("Search"))
        self._sign = SearchSign()
        self._frame = SearchFrame(self._field.words)
        self._complaint = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self._complaint.hide()
        self._clear = self._button("x", self.tr("Clear the search (Escape)"), self.clear)
        self._save = self._button("bookmark-plus", self.tr("Save this search"), self.save_requested.emit)
        self._pick = self._button("image-plus", self.tr("Search by a picture…"), self._pick_pictures)
        self._lay_out()
        self.setFocusProxy(self._field.words)
        self._typing = QTimer(self, singleShot=True, interval=TYPING_DELAY_MS)
        self._typing.timeout.connect(self._on_typed)
        self._complaining = QTimer(self, singleShot=True, interval=_COMPLAINT_DELAY_MS)
        self._complaining.timeout.connect(lambda: self.show_error(self._error))
        self._field.edited.connect(self._on_edited)
        self._field.parts_changed.connect(self._tell)
        self._field.entered.connect(self._on_entered)
        self._field.results_wanted.connect(self.results_wanted)
        self._field.region_wanted.connect(self._pick_region)
        self._show_what_can_be_done()

    @property
    def is_typing(self) -> bool:
        """Tell, while ``query_changed`` is sent, whether it is a step of typing that more may follow."""
        return self._is_typing

    def query(self) -> Query | None:
        """Return what is asked for: the last query that could be understood."""
        return self._asked

    def set_query(self, query: Query | None) -> None:
        """Show a query without telling; chips and text stay as they are where they say it already."""
        self._stop_waiting()
        if self._says(query):
            return
        self._asked = query
        self._field.show_parts(*query_parts.split(query))
        self.show_error("")
        self._show_what_can_be_done()

    def add_term(self, *terms: Term) -> None:
        """Ask for these things too; one that is asked for already gets the new sign and weight."""
        parts = self._field.parts
        for term in terms:
            parts = [part for part in parts if not query_parts.same_operand(part, term)] + [term]
        self._change(parts)

    def set_filter(self, item: Filter | None, kind: str) -> None:
        """Let ``item`` take the place of all filters of the name ``kind``."""
        parts = [part for part in self._field.parts if query_parts.name(part) != kind]
        self._change([*parts, item] if item else parts)

    def negate(self, index: int) -> None:
        """Give a chip a minus, or take it away."""
        parts = self._field.parts
        parts[index] = query_parts.excluded(parts[index], not query_parts.is_excluded(parts[index]))
        self._change(parts)

    def remove(self, index: int) -> None:
        """Remove a chip."""
        parts = self._field.parts
        del parts[index]
        self._change(parts)

    def clear(self) -> None:
        """Ask for nothing."""
        self._change([], "")

    def set_busy(self, busy: bool) -> None:
        """Show whether an answer is awaited."""
        self._sign.set_busy(busy)

    def show_error(self, text: str) -> None:
        """Show why there is no answer below the field; empty for no error."""
        self._complaining.stop()
        if text != self._complaint.text():
            self._complaint.setText(text)
            self._complaint.setVisible(bool(text))
            self._sign.set_error(bool(text))
            self._field.words.setAccessibleDescription(text)
            self.message.emit(text)

    def accepts(self, mime: QMimeData) -> bool:
        """Tell whether something was dragged or copied that can be searched by."""
        return query_pictures.has_bitmap(mime) or bool(query_pictures.paths_in(mime))

    def take(self, mime: QMimeData) -> bool:
        """Search by what was dropped or copied; tell whether anything of it could be used."""
        if paths := query_pictures.paths_in(mime):
            self.add_term(*map(ImageTerm, paths))
            return True
        image = query_pictures.bitmap_in(mime) if query_pictures.has_bitmap(mime) else None
        if image is None:
            return False
        folder = self._pictures_folder

        def keep(library: Library) -> str:
            path = query_pictures.keep(image, folder)
            query_pictures.forget_old(folder, [saved.query for saved in library.photos.saved_searches()])
            return path

        self._runner.run(
            Lane.PICTURES,
            keep,
            lambda path: self.add_term(ImageTerm(path)),
            failed=lambda error: self.show_error(str(error)),
            owner=self,
        )
        return True

    def paste(self) -> None:
        """Take what was copied, as a picture or as text."""
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._field.words.paste_or_take()

    def ask_for_pictures(self) -> list[str]:
        """Let the user choose picture files; stands alone so that a test needs no dialog."""
        patterns = " ".join(f"*{suffix}" for suffix in sorted(formats.suffixes()))
        shown = f"{self.tr('Pictures')} ({patterns})"
        return QFileDialog.getOpenFileNames(self, self.tr("Search by a picture"), "", shown)[0]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Clear with Escape: the text first, then all."""
        if event.key() != Qt.Key.Key_Escape or not (self._field.text or self._field.parts):
            super().keyPressEvent(event)
        elif self._field.text:
            self._change(self._field.parts, "")
        else:
            self.clear()

    def event(self, event: QEvent) -> bool:
        """Keep Escape for this field as long as there is something to clear."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Escape
            and (self._field.text or self._field.parts)
        ):
            event.accept()
            return True
        return super().event(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take pictures and text; all else is for the window."""
        mime = event.mimeData()
        if self.accepts(mime) or (mime.hasText() and not mime.hasUrls()):
            self._frame.set_drop_target(True)
            event.acceptProposedAction()
        else:
            event.ignore()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Take the sign of the drag away."""
        self._frame.set_drop_target(False)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Search by the pictures, or put the text into the field."""
        self._frame.set_drop_target(False)
        mime = event.mimeData()
        if not self.take(mime):
            self._field.words.insert(mime.text())
            self._on_edited()
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        event.acceptProposedAction()

    def _change(self, parts: Sequence[Part], text: str | None = None) -> None:
        self._field.show_parts(parts, text)
        self._tell()

    def _on_edited(self) -> None:
        self._typing.start()
        self.show_error("")
        self._show_what_can_be_done()

    def _on_typed(self) -> None:
        self._is_typing = True
        try:
            self._tell()
        finally:
            self._is_typing = False

    def _on_entered(self) -> None:
        """Make chips of what is finished, and tell at once."""
        self._tell()
        if self._error:
            self.show_error(self._error)
            return
        self._field.show_parts(*query_parts.split(self._asked))
        self._field.words.end(False)
        self.entered.emit()

    def _tell(self) -> None:
        self._stop_waiting()
        self._show_what_can_be_done()
        try:
            asked = query_parts.joined(self._field.parts, self._field.text)
        except QueryError as error:
            self._error = str(error)
            self._complaining.start()
            return
        self._error = ""
        self.show_error("")
        if not query_parts.same(asked, self._asked):
            self._asked = asked
            self.query_changed.emit(asked)

    def _says(self, query: Query | None) -> bool:
        try:
            return query_parts.same(query_parts.joined(self._field.parts, self._field.text), query)
        except QueryError:
            return False

    def _stop_waiting(self) -> None:
        self._typing.stop()
        self._complaining.stop()

    def _pick_pictures(self) -> None:
        if paths := self.ask_for_pictures()[: query_pictures.MOST_PICTURES]:
            self.add_term(*map(ImageTerm, paths))

    def _pick_region(self, index: int) -> None:
        term = self._field.parts[index]
        if isinstance(term, ImageTerm):
            picker = RegionPicker(self._runner, term, self)
            picker.accepted.connect(lambda: self._replace(term, replace(term, region=picker.region())))
            picker.open()

    def _replace(self, old: Part, new: Part) -> None:
        self._change([new if part == old else part for part in self._field.parts])

    def _show_what_can_be_done(self) -> None:
        filled = bool(self._field.text or self._field.parts)
        self._clear.setVisible(filled)
        self._save.setVisible(filled)
        self._field.words.setPlaceholderText("" if self._field.parts else self.tr("Describe a photo, or drop one here"))

    def _button(self, icon_name: str, name: str, pressed: Callable[[], None]) -> QToolButton:
        button = QToolButton(self, autoRaise=True)
        button.setIcon(icon(icon_name))
        button.setToolTip(name)
        button.setAccessibleName(name)
        button.clicked.connect(lambda _checked: pressed())
        return button

    def _lay_out(self) -> None:
        row = QHBoxLayout(self._frame)
        row.setContentsMargins(_MARGIN_PX, _MARGIN_PX, _MARGIN_PX, _MARGIN_PX)
        row.setSpacing(2)
        row.addWidget(self._sign, alignment=Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._field)
        edge = chips.height_px(self.fontMetrics())
        for button in (self._clear, self._save, self._pick):
            button.setFixedSize(edge, edge)
            row.addWidget(button, alignment=Qt.AlignmentFlag.AlignTop)
        font = self._complaint.font()
        font.setPointSizeF(0.9 * font.pointSizeF())
        self._complaint.setFont(font)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._frame)
        column.addWidget(self._complaint)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
