"""Runs imgfind's window as a user would, watches it, and prints what was seen as one line of JSON.

    python benchmarks/gui_probe.py LIBRARY STARTED_AT [NEW_PHOTOS]

The program is not changed: its window and its grid are replaced by subclasses that note times. ``STARTED_AT`` is what
:func:`time.perf_counter` said when this process was begun (under Linux all processes have one clock). With
``NEW_PHOTOS`` the window is used behind its start: searched, scrolled, and that folder added. GUI thread only.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from process_memory import memory_bytes, peak_memory_bytes
from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QPaintEvent

from imgfind import __main__ as program
from imgfind.core.query import parse
from imgfind.core.records import Listing, Section
from imgfind.gui import app, photos_page
from imgfind.gui.main_window import MainWindow
from imgfind.gui.thumb_grid import ThumbGrid

HEARTBEAT_MS = 10
SCROLL_MS, SCROLL_PX, SCROLLS = 16, 60, 300
SCROLL_ROWS = 1500
"""More than one scrolling comes across: the next one begins where nothing is loaded yet."""
HITS = 100_000
QUERIES, QUERIES_INDEXING = 40, 15
PAUSE_S = 1.0
"""Between two queries."""
INDEXING_S = 20.0
"""For all photos, before the queries."""
SIZES = {"1280 x 800": (1280, 800), "2560 x 1440": (2560, 1440)}
THINGS = ["a dog", "a red car", "a child", "a mountain", "a cup of coffee", "a bridge", "a cat", "a wedding", "a shoe"]
PLACES = ["in the snow", "on a beach", "at home", "from above", "in a garden", "at sunset", "in a city"]

Wait = float | Callable[[], bool]
"""Seconds, or what has to come true."""


class Probe(QObject):
    """Watches one window, and uses it."""

    def __init__(self, window: MainWindow, started_at: float, new_photos: str | None) -> None:
        super().__init__(window)
        self.seen: dict[str, Any] = {}
        self._window = window
        self._started_at = started_at
        self._new_photos = new_photos
        self._paints: list[tuple[float, float]] = []
        """Wall time and CPU time of each painting of the grid, ms."""
        self._gaps: list[float] = []
        """ms between two heartbeats."""
        self._beat_at = 0.0
        self._heart = QTimer(self, timerType=Qt.TimerType.PreciseTimer, interval=HEARTBEAT_MS)
        self._heart.timeout.connect(self._on_beat)
        self._steps = self._look() if new_photos is None else self._use()
        QTimer.singleShot(0, self._go_on)

    # What is done

    def _look(self) -> Iterator[Wait]:
        yield lambda: "photos, s" in self.seen
        yield 1.0
        self.seen["memory, MB"] = memory_bytes() / 1e6

    def _use(self) -> Iterator[Wait]:
        work = self._window.work
        yield lambda: "photos, s" in self.seen and work.indexer.ended_at is not None
        yield 2.0
        yield from self._beating("idle, searching", self._searching("idle", QUERIES))
        self._set_hits()
        self._window.controller.navigation.show_query(None)
        yield 2.0
        for size in SIZES:
            for whole in (True, False):
                yield from self._scrolling(size, whole=whole)
        self._window.resize(*SIZES["1280 x 800"])
        self.seen["memory, MB"] = memory_bytes() / 1e6
        yield from self._indexing()
        self.seen["peak memory, MB"] = peak_memory_bytes() / 1e6
        work.indexer.cancel()

    def _searching(self, name: str, count: int) -> Iterator[Wait]:
        took: list[float] = []
        for number in range(count):
            found_at: list[float] = []

            def found(_query: object, _listing: object, keep: bool, found_at: list[float] = found_at) -> None:
                if not keep:
                    found_at.append(time.perf_counter())

            text = f"{THINGS[number % len(THINGS)]} {PLACES[number % len(PLACES)]} {name}"
            # Behind the window's own slot: the hits are in the model by then.
            connection = self._window.controller.finder.found.connect(found)
            started = time.perf_counter()
            self._window.controller.navigation.show_query(parse(text), typing=True)
            yield lambda found_at=found_at: bool(found_at)
            self._window.controller.finder.found.disconnect(connection)
            took.append((found_at[0] - started) * 1e3)
            yield PAUSE_S
        self.seen[f"{name}: query, ms"] = took

    def _set_hits(self) -> None:
        took = []
        for run in range(10):
            ids = np.random.default_rng(run).permutation(np.arange(1, HITS + 1))
            scores = np.linspace(0.4, 0.1, HITS, dtype=np.float32)
            listing = Listing(ids, (Section("strong", 0), Section("weaker", HITS // 2)), scores)
            started = time.perf_counter()
            self._window.photos.model.set_listing(listing)
            took.append((time.perf_counter() - started) * 1e3)
        self.seen["set hits, ms"] = took

    def _scrolling(self, size: str, *, whole: bool) -> Iterator[Wait]:
        grid = self._window.photos.grid
        self._window.resize(*SIZES[size])
        yield 1.0
        first = grid.visible_rows().start + SCROLL_ROWS
        grid.scrollTo(self._window.photos.model.index(first), ThumbGrid.ScrollHint.PositionAtTop)
        yield 1.0
        self._paints.clear()
        for _ in range(SCROLLS):
            grid.verticalScrollBar().setValue(grid.verticalScrollBar().value() + SCROLL_PX)
            if whole:
                grid.viewport().update()
            yield SCROLL_MS / 1000
        self.seen[f"{size}, {'whole' if whole else 'strip'}: paint, ms"] = list(self._paints)
        self.seen[f"{size}: photos"] = len(grid.visible_rows())

    def _indexing(self) -> Iterator[Wait]:
        work, photos = self._window.work, self._window.photos
        photos.grid.verticalScrollBar().setValue(0)
        known = photos.model.rowCount()
        work.add_folders([self._new_photos])
        yield lambda: photos.model.rowCount() > known
        yield from self._beating("indexing, all photos", iter([INDEXING_S]))
        yield from self._beating("indexing, searching", self._searching("indexing", QUERIES_INDEXING))
        self.seen["indexing: still at it"] = work.is_indexing
        self._window.controller.navigation.show_query(None)
        yield 2.0
        self.seen["indexing: photos"] = photos.model.rowCount() - known

    def _beating(self, name: str, steps: Iterator[Wait]) -> Iterator[Wait]:
        self._gaps.clear()
        self._beat_at = time.perf_counter()
        self._heart.start()
        yield from steps
        self._heart.stop()
        self.seen[f"{name}: heartbeat, ms"] = list(self._gaps)

    def _go_on(self) -> None:
        """Take the next step of the script, when what it waits for has come."""
        try:
            wait = next(self._steps)
        except StopIteration:
            self._window.close()
            return
        except Exception:  # noqa: BLE001 (there is nobody to answer a dialog)
            traceback.print_exc()
            os._exit(1)
        if isinstance(wait, float):
            QTimer.singleShot(round(wait * 1000), self._go_on)
        else:
            self._wait_for(wait)

    def _wait_for(self, is_true: Callable[[], bool]) -> None:
        if is_true():
            self._go_on()
        else:
            QTimer.singleShot(20, lambda: self._wait_for(is_true))

    # What is seen

    def note_window(self) -> None:
        """Note that the window is there, once."""
        if "window, s" not in self.seen:
            self._note_moment("window")

    def note_paint(self, wall_s: float, cpu_s: float) -> None:
        """Note one painting of the grid, and when all it shows has come."""
        self._paints.append((wall_s * 1e3, cpu_s * 1e3))
        if "photos, s" not in self.seen and self._has_all():
            self._note_moment("photos")

    def _note_moment(self, what: str) -> None:
        self.seen[f"{what}, s"] = time.perf_counter() - self._started_at
        self.seen[f"{what}, CPU s"] = time.process_time()

    def _has_all(self) -> bool:
        photos = self._window.photos
        rows = photos.grid.visible_rows()
        return bool(rows) and all(photos.loader.pixmap(photos.model.photo_id(row)) is not None for row in rows)

    def _on_beat(self) -> None:
        now = time.perf_counter()
        self._gaps.append((now - self._beat_at) * 1e3)
        self._beat_at = now


probes: list[Probe] = []
told: list[Any] = []
"""What the command line says for the probe."""


class WatchedWindow(MainWindow):
    """The window with a probe in it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        probes.append(Probe(self, *told))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint; what is in the window is painted before the next event."""
        super().paintEvent(event)
        QTimer.singleShot(0, probes[0].note_window)


class WatchedGrid(ThumbGrid):
    """The grid, timed."""

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint, and note how long it took."""
        started, cpu_started = time.perf_counter(), time.thread_time()
        super().paintEvent(event)
        probes[0].note_paint(time.perf_counter() - started, time.thread_time() - cpu_started)


def main() -> None:
    """Run the window until the probe closes it, then print."""
    app.MainWindow, photos_page.ThumbGrid = WatchedWindow, WatchedGrid
    library, started_at, *rest = sys.argv[1:]
    told.extend([float(started_at), rest[0] if rest else None])
    sys.argv = ["imgfind", "gui", "--library", library]
    program.main()
    print(json.dumps(probes[0].seen | {"torch": "torch" in sys.modules}))


if __name__ == "__main__":
    main()
