"""Turns the query of the moment into a listing: newest wins, more on demand, again when the library has changed.

Owns no widget. GUI thread only; the work is done in the lane of queries.
"""

import time

from PySide6.QtCore import QObject, QTimer, Signal

from imgfind.core import ImgfindError, Library
from imgfind.core.query import Query
from imgfind.core.records import Listing
from imgfind.gui.tasks import Lane, TaskRunner

FIRST_HITS = 500
"""Some screens of thumbnails; more are fetched when their end is reached."""
_MORE_TIMES = 4
_REFRESH_MS = 1_500
_REFRESH_SHARE = 20
"""While photos are being added, listings are made again so often that they take a twentieth of a core at most."""

_KEY = "finder"


class Finder(QObject):
    """What the grid shows.

    Signals:
        found(object, Listing, bool): the query (None: all photos) with its listing; true where it is the same query as
            before, so that the place in it should be kept.
        failed(str): the query cannot be answered; what was shown before stays.
        busy_changed(bool): a search has begun, or has come to its end.
    """

    found = Signal(object, object, bool)
    failed = Signal(str)
    busy_changed = Signal(bool)

    def __init__(self, runner: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._query: Query | None = None
        self._k = FIRST_HITS
        self._collapses = True
        self._took_s = 0.0
        self._refresh = QTimer(self, singleShot=True)
        self._refresh.timeout.connect(self._again)

    @property
    def query(self) -> Query | None:
        """Return the query that is shown, or about to be."""
        return self._query

    def find(self, query: Query | None) -> None:
        """Answer ``query``; None lists all photos."""
        self._query, self._k = query, FIRST_HITS
        self._refresh.stop()
        self._start(keep=False)

    def set_collapsing(self, on: bool) -> None:
        """Put copies of a picture together in what is ranked, from the next answer on."""
        self._collapses = on

    def more(self) -> None:
        """Fetch more hits of the same query."""
        if not self._runner.is_busy(_KEY):
            self._k *= _MORE_TIMES
            self._start(keep=True)

    def refresh(self) -> None:
        """Answer the same query again, soon: the library has changed."""
        if not self._refresh.isActive():
            self._refresh.start(max(_REFRESH_MS, int(1000 * _REFRESH_SHARE * self._took_s)))

    def refresh_now(self) -> None:
        """Answer the same query again: the user has changed what it finds, and looks at it."""
        self._refresh.start(0)

    def _again(self) -> None:
        if self._runner.is_busy(_KEY):
            self.refresh()
        else:
            self._start(keep=True)

    def _start(self, *, keep: bool) -> None:
        query, k, copies = self._query, self._k, not self._collapses

        def work(library: Library) -> tuple[Listing, float]:
            start = time.perf_counter()
            listing = library.photos.timeline() if query is None else library.find(query, k, copies=copies)
            return listing, time.perf_counter() - start

        def done(result: tuple[Listing, float]) -> None:
            listing, self._took_s = result
            self.busy_changed.emit(False)
            self.found.emit(query, listing, keep)

        def failed(error: ImgfindError) -> None:
            self.busy_changed.emit(False)
            self.failed.emit(str(error))

        if not keep:
            self.busy_changed.emit(True)
        self._runner.run(Lane.QUERY, work, done, failed=failed, key=_KEY, owner=self)
