"""Where the window is: which query or page it shows, and the way back.

Joins search bar, sidebar and history to the finder; owns no widget. GUI thread only.
"""

from PySide6.QtCore import QObject, Signal

from imgfind.core import QueryError
from imgfind.core.query import ImageTerm, Query, parse, unparse
from imgfind.gui.finder import Finder
from imgfind.gui.history import Entry, History
from imgfind.gui.places import Place

MORE_LIKE_WEIGHT = 0.5
"""How much *more like this* and *less like this* count beside the query itself (Rocchio's feedback: 0.75 and 0.15 with
many examples; a single picture says less of what is meant, and must not drown the words)."""


class Navigation(QObject):
    """The present query or page.

    Signals:
        query_shown(object): the bar has to show this :class:`Query` (None: empty).
        place_shown(object): the :class:`Place` a page or query stands for, as far as it is no query.
        changed(): the ways back and forward may have opened or closed.
        told(str): why a wish makes no sense.
    """

    query_shown = Signal(object)
    place_shown = Signal(object)
    changed = Signal()
    told = Signal(str)

    def __init__(self, finder: Finder, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._finder = finder
        self._history = History()
        self._row = 0
        self._place: Place | None = None

    @property
    def can_go_back(self) -> bool:
        """Tell whether there is a way back."""
        return self._place is not None or self._history.can_go_back

    @property
    def can_go_forward(self) -> bool:
        """Tell whether there is a way forward."""
        return self._history.can_go_forward

    @property
    def query(self) -> str:
        """Return the query that is shown, or was before the page."""
        return self._history.present.query

    @property
    def place(self) -> Place | None:
        """Return the page that is shown instead of a query."""
        return self._place

    @property
    def row(self) -> int:
        """Return the row to begin at: 0, or where the query was left."""
        return self._history.present.row

    def note_row(self, row: int) -> None:
        """Note the row at the top of what is shown, to come back to."""
        self._row = row

    def show_query(self, query: Query | None, *, typing: bool = False) -> None:
        """Show a query; ``typing`` where it came from the bar, letter by letter."""
        text = unparse(query) if query is not None else ""
        self._place = None
        self._history.visit(text, row=self._row, settled=not typing)
        self._row = 0
        self._finder.find(query)
        if not typing:
            self.query_shown.emit(query)
        self.changed.emit()

    def settle(self) -> None:
        """Make what was typed so far one to come back to."""
        self._history.settle()

    def show_text(self, text: str) -> None:
        """Show a query given as text: a place, or a saved search. One that cannot be read any more shows as text."""
        self.show_query(_parsed(text))

    def show_place(self, place: Place) -> None:
        """Show an entry of the sidebar."""
        text = place.query()
        if text is not None:
            self.show_text(text)
            return
        self._place = place
        self.query_shown.emit(None)
        self.place_shown.emit(place)
        self.changed.emit()

    def show_like(self, kind: str, path: str) -> None:
        """Show what is ``similar`` to a photo, or ``more`` or ``less`` like it than what is shown."""
        shown = _parsed(self.query) or Query(())
        if kind == "similar":
            self.show_query(Query((ImageTerm(path),)))
            return
        others = tuple(term for term in shown.terms if not (isinstance(term, ImageTerm) and term.path == path))
        if any(term.weight > 0 for term in others):
            weight = MORE_LIKE_WEIGHT if kind == "more" else -MORE_LIKE_WEIGHT
            self.show_query(Query((*others, ImageTerm(path, weight)), shown.filters))
        elif kind == "more":
            self.show_query(Query((*others, ImageTerm(path)), shown.filters))
        else:
            self.told.emit(self.tr("Search for something first; then say what should be less like this."))

    def back(self) -> None:
        """Go back to where the window was before."""
        if self._place is not None:
            self._show(self._history.present)
        elif self._history.can_go_back:
            self._show(self._history.back(row=self._row))

    def forward(self) -> None:
        """Go forward again."""
        if self._history.can_go_forward:
            self._show(self._history.forward(row=self._row))

    def _show(self, entry: Entry) -> None:
        self._place = None
        query = _parsed(entry.query)
        self._finder.find(query)
        self.query_shown.emit(query)
        self.changed.emit()


def _parsed(text: str) -> Query | None:
    if not text.strip():
        return None
    try:
        return parse(text)
    except QueryError:
        return None
