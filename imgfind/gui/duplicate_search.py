"""Has duplicates looked for by a child process, ``imgfind duplicates --update``, and says how it stands.

Never beside an index run: it waits for the end of one, and makes way for one that begins. What was compared until it is
stopped, or dies, is kept. GUI thread only.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from imgfind.core import ImgfindError
from imgfind.gui.child_process import IMGFIND, ChildProcess, Ending
from imgfind.gui.indexer import Indexer, progress_of
from imgfind.gui.tasks import Lane, TaskRunner

FOUND_EVERY_S = 5.0
"""Between two hints that there are more groups; reading them all again takes a second where there are thousands."""

_STOPPED_STATUS = 130


class DuplicateSearch(QObject):
    """Looking for duplicates, as the window sees it.

    ``state`` is ``idle``, ``running`` or ``waiting`` (for the end of an index run).

    Signals:
        state_changed(str): the new state.
        looked(): after :meth:`look` it is known whether there is something to do, and :attr:`state` says so.
        progressed(Progress): how far it is.
        found(): there may be other groups; comes every few seconds at most, and at the end.
        failed(str): it came to no end, and this is why.
    """

    state_changed = Signal(str)
    looked = Signal()
    progressed = Signal(object)
    found = Signal()
    failed = Signal(str)

    def __init__(
        self,
        library: Path,
        runner: TaskRunner,
        indexer: Indexer,
        parent: QObject | None = None,
        *,
        program: Sequence[str] = IMGFIND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(parent)
        self._library = library
        self._runner = runner
        self._indexer = indexer
        self._program = program
        self._clock = clock
        self._child: ChildProcess | None = None
        self._is_wanted = False
        self._is_cancelled = False
        self._is_done = False
        self._error = ""
        self._hinted_at = 0.0
        self._state = "idle"
        indexer.state_changed.connect(self._on_indexer_state)

    @property
    def state(self) -> str:
        """Return ``idle``, ``running`` or ``waiting``."""
        return self._state

    @property
    def is_cancelled(self) -> bool:
        """Tell whether it was stopped before its end, and not asked for again."""
        return self._is_cancelled

    def look(self) -> None:
        """Look for duplicates among what is new, if there is anything: now, or as soon as nothing is indexed."""
        self._is_wanted = True
        self._is_cancelled = False
        self._go_on()
        if self._state != "idle":
            self.looked.emit()

    @Slot()
    def cancel(self) -> None:
        """Stop, until it is asked for again."""
        self._is_wanted = False
        self._is_cancelled = True
        if self._child is not None:
            self._child.stop()
        else:
            self._set_state("idle")

    def close(self, wait_s: float) -> None:
        """Stop the child behind the window's end."""
        self._is_wanted = False
        child, self._child = self._child, None
        if child is not None:
            child.ended.disconnect(self._on_ended)
            child.finish(wait_s)

    @Slot(str)
    def _on_indexer_state(self, _state: str) -> None:
        if self._is_held_up() and self._child is not None:
            self._is_wanted = True
            self._child.stop()
        else:
            self._go_on()

    def _is_held_up(self) -> bool:
        return self._indexer.state in ("running", "waiting")

    def _go_on(self) -> None:
        """Begin, if it is wanted and nothing stands in the way."""
        if self._child is not None or not self._is_wanted:
            return
        if self._is_held_up():
            self._set_state("waiting")
            return
        self._is_wanted = False
        self._runner.run(
            Lane.READ,
            lambda library: library.duplicates.is_due(),
            self._on_due,
            failed=self._on_unknown,
            key=self,
            owner=self,
        )

    def _on_unknown(self, error: ImgfindError) -> None:
        self._set_state("idle")
        self.looked.emit()
        self.failed.emit(str(error))

    def _on_due(self, is_due: bool) -> None:
        if not is_due or self._is_cancelled:
            self._set_state("idle")
        elif self._is_held_up():
            self._is_wanted = True
            self._set_state("waiting")
        elif self._child is None:
            self._start()
        self.looked.emit()

    def _start(self) -> None:
        self._is_done, self._error, self._hinted_at = False, "", self._clock()
        options = ["--library", str(self._library), "--update", "--progress", "json", "--background"]
        try:
            self._child = ChildProcess([*self._program, "duplicates", *options], self)
        except OSError as error:
            self._set_state("idle")
            self.failed.emit(self.tr("Duplicates cannot be looked for: {}").format(error))
            return
        self._child.said.connect(self._on_said)
        self._child.ended.connect(self._on_ended)
        self._set_state("running")

    @Slot(object)
    def _on_said(self, lines: list[dict[str, Any]]) -> None:
        progress = None
        for line in lines:
            stage = line.get("stage")
            if stage == "done":
                self._is_done = True
            elif stage == "error":
                self._error = str(line.get("message"))
            else:
                progress = line
        if progress is None or self._child is None or self._child.is_stopping:
            return
        self.progressed.emit(progress_of(progress))
        now = self._clock()
        if progress["stage"] == "comparing" and now - self._hinted_at >= FOUND_EVERY_S:
            self._hinted_at = now
            self.found.emit()

    @Slot(object)
    def _on_ended(self, ending: Ending) -> None:
        assert self._child is not None, "who ends was there"
        was_stopped = self._child.is_stopping or ending.status == _STOPPED_STATUS
        self._child.deleteLater()
        self._child = None
        if not self._is_wanted:
            self._set_state("idle")
        self.found.emit()
        if not self._is_done and not was_stopped:
            words = self.tr("Looking for duplicates ended unexpectedly. What was compared is kept. {}")
            self.failed.emit(self._error or words.format(ending.last_words).rstrip())
        self._go_on()

    def _set_state(self, state: str) -> None:
        if state != self._state:
            self._state = state
            self.state_changed.emit(state)
