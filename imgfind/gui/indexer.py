"""Has the library indexed by a child process, ``imgfind index``, and says how it stands.

One run at a time; what is asked for meanwhile is done afterwards. A run that another process holds up waits for it; one
that dies is begun once more, then it is told. Everything finished before is kept, so stopping is never a loss. GUI
thread only.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from imgfind.core import Progress
from imgfind.gui.child_process import IMGFIND, ChildProcess, Ending
from imgfind.gui.preferences import Preferences

BUSY_POLL_S = 10.0
"""A look costs half a second of one core: the command starts, finds the lock held, and ends."""
HINT_EVERY_S = 2.0
"""Between two hints that there are new photos: listing 100,000 of them again takes 0.3 s of a core."""

_USAGE_STATUS = 2
_STOPPED_STATUS = 130

_Folders = tuple[str, ...]


class Indexer(QObject):
    """Indexing, as the window sees it.

    ``state`` is ``idle``, ``running``, ``paused`` or ``waiting`` (for another process that indexes this library).

    Signals:
        state_changed(str): the new state.
        progressed(Progress): how far the run is.
        batch_stored(): there are new photos to be found; comes every few seconds at most.
        finished(dict): a run came to its end; what it did, as :class:`~imgfind.core.IndexSummary` has it.
        failed(str): it did not, and this is why.
    """

    state_changed = Signal(str)
    progressed = Signal(object)
    batch_stored = Signal()
    finished = Signal(object)
    failed = Signal(str)

    def __init__(
        self,
        library: Path,
        preferences: Preferences,
        parent: QObject | None = None,
        *,
        program: Sequence[str] = IMGFIND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(parent)
        self._library = library
        self._preferences = preferences
        self._program = program
        self._clock = clock
        self._child: ChildProcess | None = None
        self._run: _Folders | None = None  # what is being done, or will be as soon as it can be
        self._queue: dict[_Folders, None] = {}  # what comes behind it, in order
        self._model: str | None = None
        self._crashes = 0
        self._summary: dict[str, Any] | None = None
        self._error: dict[str, Any] | None = None
        self._is_rescan_welcome = True
        self._hinted_at = float("-inf")
        self._ended_at: float | None = None
        self._state = "paused" if preferences.paused else "idle"
        self._retry = QTimer(self, singleShot=True, interval=round(BUSY_POLL_S * 1000))
        self._retry.timeout.connect(self._go_on)

    @property
    def state(self) -> str:
        """Return ``idle``, ``running``, ``paused`` or ``waiting``."""
        return self._state

    @property
    def ended_at(self) -> float | None:
        """Return when the last run came to its end, on the clock given; None where none has."""
        return self._ended_at

    def start(self, folders: Sequence[str] = ()) -> None:
        """Index ``folders``, all known ones where none is named: now, or after what is running.

        What was paused goes on.
        """
        self._queue[tuple(folders)] = None
        self._is_rescan_welcome = True
        self.resume()

    def rescan(self) -> None:
        """Bring the library up to date, unless the user has paused or cancelled."""
        if self._state == "idle" and self._is_rescan_welcome:
            self.start()

    def use_model(self, name: str) -> None:
        """Encode everything with another model, which then answers searches; begins at once, unless paused."""
        self._model = name
        interrupted = {} if self._run is None else {self._run: None}
        self._run, self._queue = (), interrupted | self._queue
        self._crashes = 0
        if self._child is not None:
            self._child.stop()
        elif self._state == "idle":
            self._go_on()

    def pause(self) -> None:
        """Stop until :meth:`resume`, beyond the end of the program if need be."""
        self._preferences.paused = True
        self._retry.stop()
        self._set_state("paused")
        if self._child is not None:
            self._child.stop()

    @Slot()
    def resume(self) -> None:
        """Go on."""
        self._preferences.paused = False
        self._is_rescan_welcome = True
        if self._state == "paused":
            self._queue[()] = None
        elif self._state != "idle":
            return
        self._crashes = 0
        if self._child is None:
            self._go_on()
        else:
            self._set_state("running")  # as soon as the child that was stopped has ended

    def cancel(self) -> None:
        """Stop, and begin again only when asked, or at the next start of the program.

        The state is ``idle`` when the child has ended: then nobody here holds the library.
        """
        self._preferences.paused = False
        self._is_rescan_welcome = False
        self._forget_all()
        self._retry.stop()
        if self._child is None:
            self._set_state("idle")
        else:
            self._set_state("running")  # as it does, until it has finished its batch
            self._child.stop()

    def close(self, wait_s: float) -> None:
        """Let go of the child behind the window's end: it goes on where the user chose so, else it is stopped."""
        self._retry.stop()
        child, self._child = self._child, None
        if child is not None:
            child.ended.disconnect(self._on_ended)
            if self._preferences.keep_indexing and not child.is_stopping:
                child.let_go()
            else:
                child.finish(wait_s)

    @Slot()
    def _go_on(self) -> None:
        """Begin the next run, if there is one and nothing stands in its way."""
        if self._child is not None or self._preferences.paused:
            return
        if self._run is None and self._queue:
            self._run = next(iter(self._queue))
            del self._queue[self._run]
        if self._run is None:
            self._set_state("idle")
            return
        self._summary = self._error = None
        try:
            self._child = ChildProcess(self._command(self._run), self)
        except OSError as error:
            self._forget_all()
            self._set_state("idle")
            self.failed.emit(self.tr("Indexing could not be started: {}").format(error))
            return
        self._child.said.connect(self._on_said)
        self._child.ended.connect(self._on_ended)
        self._set_state("running")

    def _command(self, folders: _Folders) -> list[str]:
        model = ["--model", self._model] if self._model else []
        options = ["--library", str(self._library), "--progress", "json", "--background", *model]
        return [*self._program, "index", *options, "--", *folders]

    @Slot(object)
    def _on_said(self, lines: list[dict[str, Any]]) -> None:
        progress = None
        for line in lines:
            stage = line.get("stage")
            if stage == "done":
                self._summary = line
            elif stage == "error":
                self._error = line
            else:
                progress = line
        if progress is None or self._state != "running" or self._child is None or self._child.is_stopping:
            return
        self.progressed.emit(progress_of(progress))
        now = self._clock()
        if progress["stage"] == "indexing" and now - self._hinted_at >= HINT_EVERY_S:
            self._hinted_at = now
            self.batch_stored.emit()

    @Slot(object)
    def _on_ended(self, ending: Ending) -> None:
        assert self._child is not None, "who ends was there"
        was_stopped = self._child.is_stopping
        self._child.deleteLater()
        self._child = None
        self._ended_at = self._clock()
        if was_stopped:
            self.batch_stored.emit()
        elif self._summary is not None:
            self._on_done(self._summary)
        elif self._error is not None and self._error.get("error") == "LibraryBusyError":
            self._set_state("waiting")
            self.batch_stored.emit()  # by the other one, most likely
            self._retry.start()
            return
        else:
            self._on_failed(ending)
        self._go_on()

    def _on_done(self, summary: dict[str, Any]) -> None:
        self._run = self._model = None
        self._crashes = 0
        self.finished.emit(summary)

    def _on_failed(self, ending: Ending) -> None:
        if self._error is not None or ending.status == _USAGE_STATUS:
            is_empty = ending.status == _USAGE_STATUS and not self._run  # the only mistake there can be without folders
            self._run = self._model = None
            if not is_empty:
                self.failed.emit(str((self._error or {}).get("message") or ending.last_words))
            return
        if ending.status == _STOPPED_STATUS:  # by somebody else, and on purpose
            self._forget_all()
            return
        self._crashes += 1
        if self._crashes > 1:
            self._crashes = 0
            self._forget_all()
            self.failed.emit(_what_happened(self, ending))

    def _forget_all(self) -> None:
        self._run = self._model = None
        self._queue.clear()

    def _set_state(self, state: str) -> None:
        if state != self._state:
            self._state = state
            self.state_changed.emit(state)


def progress_of(line: dict[str, Any]) -> Progress:
    """Return the progress a child printed as one JSON line."""
    return Progress(
        stage=str(line["stage"]),
        done=int(line.get("done") or 0),
        total=line.get("total"),
        problems=int(line.get("problems") or 0),
        per_s=line.get("per_s"),
        eta_s=line.get("eta_s"),
    )


def _what_happened(indexer: QObject, ending: Ending) -> str:
    if ending.status < 0:
        return indexer.tr("Indexing was ended twice by the system, perhaps for lack of memory. What was done is kept.")
    return indexer.tr("Indexing ended unexpectedly twice. What was done is kept. {}").format(ending.last_words)
